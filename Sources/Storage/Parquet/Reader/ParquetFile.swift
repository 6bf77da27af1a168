import Platform
import Synchronization

/// An open Parquet file: footer in memory, page indexes on demand, pages on request.
///
/// - The file does not change while it is open.
/// - Nothing in it is believed before it is checked: damage is a `ParquetError`, never a trap, and never memory for a
///   size that is only declared.
/// - Every page's CRC-32 is verified when it is read. Pages of other writers may lack one; ours may not.
public final class ParquetFile: Sendable {
    /// For errors: a path or object key.
    public let name: String
    public let metadata: FileMetadata
    /// The columns as they are stored, in the order of each row group's chunks.
    public let leaves: [ParquetLeaf]
    public let limits: ParquetLimits
    /// The footer carries our checksum: then every page must have one, and sizes must fit to the byte.
    public let isSealed: Bool

    let source: any ByteSource
    let footerStart: Int
    private let indexChecksums: [UInt32]?
    /// What the first read brought from between the pages and the footer, so that a small file's index costs no read.
    private let tail: FetchedBytes?
    private let tailRange: Range<Int>
    private let indexes = Mutex<[Int: RowGroupIndex]>([:])

    private init(
        name: String, source: any ByteSource, metadata: FileMetadata, leaves: [ParquetLeaf], limits: ParquetLimits,
        isSealed: Bool, footerStart: Int, tail: [UInt8], tailRange: Range<Int>
    ) {
        self.name = name
        self.source = source
        self.metadata = metadata
        self.leaves = leaves
        self.limits = limits
        self.isSealed = isSealed
        self.footerStart = footerStart
        self.indexChecksums = FooterSeal.indexChecksums(metadata)
        self.tail = tail.isEmpty ? nil : FetchedBytes([tailRange], [tail])
        self.tailRange = tailRange
    }

    public var rowCount: Int { metadata.rowCount }

    /// The number of the leaf with this dotted path; nil: there is none.
    public func column(_ name: String) -> Int? { leaves.firstIndex { $0.name == name } }

    // MARK: opening

    /// Reads the footer: one read, or two where it is longer than `limits.tailBytes`.
    ///
    /// - Throws: `ParquetError`, and whatever `source` throws.
    public static func open(
        name: String, source: any ByteSource, limits: ParquetLimits = ParquetLimits()
    ) async throws -> ParquetFile {
        let place = Place(file: name)
        guard let size = Int(exactly: source.size), size >= FileFrame.magic.count + FileFrame.tail else {
            throw place.damaged("\(source.size) bytes are too few for a Parquet file")
        }
        let tailStart = max(0, size - max(limits.tailBytes, FileFrame.tail))
        let tail = try await read(source, tailStart..<size, place)
        // Seen for nothing, or left to `ParquetVerify`.
        guard tailStart > 0 || tail.starts(with: FileFrame.magic) else {
            throw place.damaged("it does not start with PAR1")
        }
        let length = try footerLength(tail, size: size, limits, place)
        let footerStart = size - FileFrame.tail - length
        let footer: [UInt8]
        if footerStart >= tailStart {
            footer = Array(tail[(footerStart - tailStart)..<(tail.count - FileFrame.tail)])
        } else {
            let rest = try await read(source, footerStart..<tailStart, place)
            footer = rest + tail[..<(tail.count - FileFrame.tail)]
        }
        var footerPlace = place
        footerPlace.offset = UInt64(footerStart)
        let metadata = try decodeFooter(footer, footerPlace)
        let isIntact = FooterSeal.isIntact(footer, metadata)
        guard isIntact != false else { throw footerPlace.damaged("the footer's checksum does not fit it") }
        let leaves: [ParquetLeaf]
        do throws(ParquetError) {
            leaves = try SchemaTree.leaves(of: metadata.schema)
        } catch {
            throw ParquetError(error.kind, file: name, offset: UInt64(footerStart), error.problem)
        }
        try FooterCheck.check(metadata, leaves, footerStart: footerStart, footerPlace)
        let indexStart = firstIndexByte(metadata) ?? footerStart
        let kept = indexStart >= tailStart ? indexStart..<footerStart : footerStart..<footerStart
        return ParquetFile(
            name: name, source: source, metadata: metadata, leaves: leaves, limits: limits, isSealed: isIntact == true,
            footerStart: footerStart,
            tail: kept.isEmpty ? [] : Array(tail[(kept.lowerBound - tailStart)..<(kept.upperBound - tailStart)]),
            tailRange: kept)
    }

    private static func footerLength(
        _ tail: [UInt8], size: Int, _ limits: ParquetLimits, _ place: Place
    ) throws(ParquetError) -> Int {
        let magic = Array(tail.suffix(FileFrame.magic.count))
        guard magic != FileFrame.encryptedMagic else { throw place.unsupported("it is encrypted") }
        guard magic == FileFrame.magic else { throw place.damaged("it does not end with PAR1") }
        var reader = ByteReader(tail, in: tail.count - FileFrame.tail..<tail.count)
        guard let length = try? reader.integer(UInt32.self, "the footer's length") else {
            throw place.damaged("it does not end with a footer")
        }
        let most = size - FileFrame.magic.count - FileFrame.tail
        guard Int(length) <= most, length > 0 else {
            throw place.damaged("it declares a footer of \(length) bytes in a file of \(size)")
        }
        guard Int(length) <= limits.footerBytes else {
            throw place.unsupported("its footer has \(length) bytes; at most \(limits.footerBytes) are read")
        }
        return Int(length)
    }

    private static func decodeFooter(_ footer: [UInt8], _ place: Place) throws(ParquetError) -> FileMetadata {
        do {
            return try FooterDecoder.metadata(footer)
        } catch {
            var place = place
            place.offset = (place.offset ?? 0) + UInt64(error.offset)
            throw place.damaged("expected \(error.expected)")
        }
    }

    private static func firstIndexByte(_ metadata: FileMetadata) -> Int? {
        var first: Int?
        for group in metadata.rowGroups {
            for chunk in group.columns {
                for index in [chunk.columnIndex, chunk.offsetIndex].compactMap({ $0 }) {
                    first = min(first ?? index.lowerBound, index.lowerBound)
                }
            }
        }
        return first
    }

    private static func read(_ source: any ByteSource, _ range: Range<Int>, _ place: Place) async throws -> [UInt8] {
        let bytes = try await source.read(UInt64(range.lowerBound)..<UInt64(range.upperBound))
        guard bytes.count == range.count else {
            throw place.damaged("reading \(range.count) bytes at \(range.lowerBound) brought \(bytes.count)")
        }
        return bytes
    }

    // MARK: bytes

    /// - Parameter ranges: within the file, as `FooterCheck` and the index decoders have found.
    func fetch(_ ranges: [Range<Int>]) async throws -> FetchedBytes {
        if let tail, ranges.allSatisfy({ tailRange.contains($0) }) { return tail }
        let plan = ReadPlan(ranges, gap: limits.gapBytes)
        let parts = try await source.read(plan.reads.map { UInt64($0.lowerBound)..<UInt64($0.upperBound) })
        guard parts.count == plan.reads.count, zip(parts, plan.reads).allSatisfy({ $0.count == $1.count }) else {
            throw Place(file: name).damaged("reading \(plan.reads.count) ranges brought other sizes than asked for")
        }
        return FetchedBytes(plan.reads, parts)
    }

    func place(column: Int, page: Int? = nil, offset: Int? = nil) -> Place {
        Place(file: name, column: leaves[column].name, page: page, offset: offset.map(UInt64.init))
    }

    func chunk(_ rowGroup: Int, _ column: Int) throws(ParquetError) -> ColumnChunkMetadata {
        guard metadata.rowGroups.indices.contains(rowGroup), leaves.indices.contains(column) else {
            throw Place(file: name).misuse("row group \(rowGroup), column \(column): there is no such chunk")
        }
        return metadata.rowGroups[rowGroup].columns[column]
    }

    // MARK: page index

    /// The data pages of a column chunk. Read once per row group, then kept; for files without an offset index the
    /// chunk's page headers are walked instead.
    public func pageLocations(rowGroup: Int, column: Int) async throws -> [PageLocation] {
        let chunk = try chunk(rowGroup, column)
        if let found = try await index(rowGroup).locations[column] { return found }
        let walked = try await walk(chunk, rowGroup: rowGroup, column: column)
        indexes.withLock { $0[rowGroup]?.locations[column] = walked }
        return walked
    }

    /// Bounds of each page of a column chunk; nil: the file says nothing.
    public func columnIndex(rowGroup: Int, column: Int) async throws -> ColumnIndex? {
        _ = try chunk(rowGroup, column)
        return try await index(rowGroup).bounds[column]
    }

    /// Lets go of the page indexes that were kept.
    public func dropPageIndexes() { indexes.withLock { $0 = [:] } }

    private func index(_ rowGroup: Int) async throws -> RowGroupIndex {
        if let known = indexes.withLock({ $0[rowGroup] }) { return known }
        let group = metadata.rowGroups[rowGroup]
        var ranges = group.columns.flatMap { [$0.columnIndex, $0.offsetIndex].compactMap { $0 } }
        if isSealed, let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() {
            ranges = [low..<high]
        }
        let bytes = try await fetch(ranges)
        if isSealed { try checkSeal(rowGroup, ranges.first, bytes) }
        let index = try RowGroupIndex(group, bytes) { self.place(column: $0, offset: $1) }
        indexes.withLock { $0[rowGroup] = index }
        return index
    }

    private func checkSeal(_ rowGroup: Int, _ range: Range<Int>?, _ fetched: FetchedBytes) throws(ParquetError) {
        let place = Place(file: name, offset: range.map { UInt64($0.lowerBound) })
        guard let range, let indexChecksums, indexChecksums.indices.contains(rowGroup) else {
            throw place.damaged("row group \(rowGroup) has no page index with a checksum")
        }
        let (bytes, part) = fetched.locate(range)
        let found = bytes.withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[part])) }
        guard found == indexChecksums[rowGroup] else {
            throw place.damaged("the checksum of the page index of row group \(rowGroup) does not fit it")
        }
    }
}

/// The page index of one row group, by column.
struct RowGroupIndex: Sendable {
    /// nil: the file has no offset index for the column.
    var locations: [[PageLocation]?] = []
    var bounds: [ColumnIndex?] = []

    init(
        _ group: RowGroupMetadata, _ fetched: FetchedBytes, place: (_ column: Int, _ offset: Int) -> Place
    ) throws(ParquetError) {
        for (column, chunk) in group.columns.enumerated() {
            var found: [PageLocation]?
            if let range = chunk.offsetIndex {
                do throws(MalformedBytes) {
                    found = try OffsetIndex.decode(
                        Self.bytes(range, fetched), rows: group.rowCount, chunk: chunk.bytes)
                } catch {
                    throw place(column, range.lowerBound + error.offset).damaged("expected \(error.expected)")
                }
            }
            var bounds: ColumnIndex?
            if let range = chunk.columnIndex {
                do throws(MalformedBytes) {
                    bounds = try ColumnIndex(decoding: Self.bytes(range, fetched))
                } catch {
                    throw place(column, range.lowerBound + error.offset).damaged("expected \(error.expected)")
                }
                if let bounds, let found, bounds.pageCount != found.count {
                    throw place(column, range.lowerBound).damaged(
                        "its column index has \(bounds.pageCount) pages, its offset index \(found.count)")
                }
            }
            locations.append(found)
            self.bounds.append(bounds)
        }
    }

    private static func bytes(_ range: Range<Int>, _ fetched: FetchedBytes) -> [UInt8] {
        let (bytes, part) = fetched.locate(range)
        return Array(bytes[part])
    }
}
