import Columnar
import Compression
import Platform

/// Makes a whole Parquet file in memory from chunks whose encodings and pages a layout has chosen.
///
///     PAR1
///     row group 0: column chunk 0: dictionary page?, data pages …; column chunk 1 …
///     row group 1 …
///     page index of row group 0: column indexes, offset indexes; of row group 1 …
///     footer (compact protocol), its length (4 bytes), PAR1
///
/// - Every page header carries the CRC-32 of the stored page.
/// - The footer and the page index, which Parquet leaves unprotected, are covered too: by CRC-32C values in the
///   key-value metadata (`FooterSeal`).
/// - Every column has an offset index, and a column index unless a page holds nothing but NaN.
public struct ParquetFileWriter: Sendable {
    /// Where the next byte goes: what was written so far.
    public var size: Int { taken + bytes.count }
    public let schema: ParquetSchema

    private let createdBy: String
    private let sortingColumns: [SortingColumn]
    private var bytes: [UInt8] = FileFrame.magic
    /// Bytes before `bytes`, which were handed out already.
    private var taken = 0
    private var rowGroups: [RowGroupMetadata] = []
    private var indexes: [[ChunkIndex]] = []
    private var open: OpenRowGroup?

    private struct ChunkIndex {
        var column: ColumnIndex?
        var pages: [PageLocation]
    }
    private struct OpenRowGroup {
        var start: Int
        var columns: [ColumnChunkMetadata] = []
        var indexes: [ChunkIndex] = []
    }

    /// - Parameters:
    ///   - createdBy: `varve version X.Y.Z (build HASH)`, a form that other readers take apart.
    ///   - sortingColumns: leaves by which the rows ascend, the first one first; nulls last.
    public init(schema: ParquetSchema, createdBy: String, sortingColumns: [Int]) {
        precondition(sortingColumns.allSatisfy { schema.leaves.indices.contains($0) })
        self.schema = schema
        self.createdBy = createdBy
        self.sortingColumns = sortingColumns.map { SortingColumn(column: $0, isDescending: false, nullsFirst: false) }
    }

    public mutating func beginRowGroup() {
        precondition(open == nil, "the row group before is still open")
        open = OpenRowGroup(start: size)
    }

    /// The next column of the open row group; columns come in the order of `schema.leaves`.
    ///
    /// - Throws: `.misuse` where the chunk contradicts the schema or itself, or a page passes 2 GiB.
    public mutating func write(_ chunk: EncodedChunk, column: Int) throws(ParquetError) {
        guard let expected = open?.columns.count, expected == column, column < schema.leaves.count else {
            throw ParquetError(.misuse, "column \(column) is not the next of an open row group")
        }
        let leaf = schema.leaves[column]
        try check(chunk, leaf)
        var chunk = chunk
        if BoundOrder(leaf) == .unknown { chunk.hasStatistics = false }
        let start = size
        var uncompressed = 0
        var encodings: [PageEncoding] = []
        var counts: [EncodingCount] = []
        if let dictionary = chunk.dictionary {
            uncompressed += try write(dictionary, chunk.compression, leaf)
            encodings.append(.plain)
            counts.append(EncodingCount(.dictionary, .plain, count: 1))
        }
        let dataStart = size
        var locations: [PageLocation] = []
        var row = 0
        for page in chunk.pages {
            let offset = size
            switch chunk.version {
            case .v1: uncompressed += try writeVersion1(page, chunk.compression, leaf)
            case .v2: uncompressed += try write(page, chunk.compression, leaf)
            }
            locations.append(
                PageLocation(offset: offset, size: size - offset, firstRow: row, rowCount: page.rows))
            row += page.rows
            if !encodings.contains(page.encoding) { encodings.append(page.encoding) }
            if let i = counts.firstIndex(where: { $0.page == chunk.version.pageType && $0.encoding == page.encoding }) {
                counts[i].count += 1
            } else {
                counts.append(EncodingCount(chunk.version.pageType, page.encoding, count: 1))
            }
        }
        if leaf.maximumDefinition + leaf.maximumRepetition > 0, !encodings.contains(.rle) { encodings.append(.rle) }
        let index = Self.columnIndex(of: chunk)
        let stored = size - start
        open?.columns.append(
            ColumnChunkMetadata(
                type: leaf.physical, path: leaf.path, encodings: encodings, encodingCounts: counts,
                codec: chunk.compression.codec.parquet,
                valueCount: chunk.pages.reduce(0) { $0 + $1.values }, uncompressedSize: uncompressed,
                compressedSize: stored, dataPageOffset: dataStart,
                dictionaryPageOffset: chunk.dictionary == nil ? nil : start,
                statistics: Self.statistics(of: chunk, leaf), columnIndex: nil, offsetIndex: nil))
        open?.indexes.append(ChunkIndex(column: index, pages: locations))
    }

    /// - Throws: `.misuse` where a column is missing or holds another number of rows.
    public mutating func endRowGroup(rows: Int) throws(ParquetError) {
        guard let group = open, group.columns.count == schema.leaves.count else {
            throw ParquetError(.misuse, "the row group lacks columns")
        }
        for (i, index) in group.indexes.enumerated() {
            let found = index.pages.reduce(0) { $0 + $1.rowCount }
            guard found == rows else {
                throw ParquetError(.misuse, column: schema.leaves[i].name, "\(found) rows in a row group of \(rows)")
            }
        }
        rowGroups.append(
            RowGroupMetadata(
                columns: group.columns, rowCount: rows,
                uncompressedSize: group.columns.reduce(0) { $0 + $1.uncompressedSize },
                compressedSize: size - group.start, sortingColumns: sortingColumns, fileOffset: group.start,
                ordinal: Int16(exactly: rowGroups.count)))
        indexes.append(group.indexes)
        open = nil
    }

    /// The bytes of the row groups that have ended, as far as they were not taken before: so that a file need not be in
    /// memory whole. What is left comes with the next call, or with `finish`.
    public mutating func takeBytes() -> [UInt8] {
        guard open == nil else { return [] }
        taken += bytes.count
        defer { bytes = [] }
        return bytes
    }

    /// The file, without what was taken before. The keys of `FooterSeal` are added to `keyValueMetadata`.
    public mutating func finish(keyValueMetadata: [(String, String)]) throws(ParquetError) -> [UInt8] {
        guard open == nil else { throw ParquetError(.misuse, "a row group is still open") }
        let checksums = writeIndexes()
        let metadata = FileMetadata(
            version: 2, schema: schema.elements, rowCount: rowGroups.reduce(0) { $0 + $1.rowCount },
            rowGroups: rowGroups, keyValues: keyValueMetadata.map { KeyValue($0.0, $0.1) }, createdBy: createdBy,
            typeDefinedOrders: schema.leaves.count)
        let footer = FooterSeal.sealed(metadata, indexChecksums: checksums)
        guard let length = UInt32(exactly: footer.count), length <= UInt32(Int32.max) else {
            throw ParquetError(.misuse, "a footer of \(footer.count) bytes")
        }
        bytes.append(contentsOf: footer)
        withUnsafeBytes(of: length.littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: FileFrame.magic)
        defer { bytes = [] }
        return bytes
    }

    // MARK: pages

    private mutating func write(
        _ dictionary: EncodedDictionary, _ compression: PageCompression, _ leaf: ParquetLeaf
    ) throws(ParquetError) -> Int {
        // A dictionary page has no flag of its own: it follows the chunk's codec always.
        let stored = try compression.packed(dictionary.values)
        try checkSize(max(stored.count, dictionary.values.count), leaf)
        let header = PageHeader(
            uncompressedSize: dictionary.values.count, storedSize: stored.count, crc: CRC32.checksum(stored),
            kind: .dictionary(values: dictionary.count, encoding: .plain)
        ).encoded()
        bytes.append(contentsOf: header)
        bytes.append(contentsOf: stored)
        return header.count + dictionary.values.count
    }

    private mutating func write(
        _ page: EncodedPage, _ compression: PageCompression, _ leaf: ParquetLeaf
    ) throws(ParquetError) -> Int {
        var packed = page.packed
        if let done = packed {
            if !PageCompression.isWorthwhile(done.count, of: page.encoded.count) { packed = nil }
        } else {
            packed = try compression.stored(page.encoded)
        }
        let values = packed ?? page.encoded
        let levels = page.repetitionLevels + page.definitionLevels
        let plainSize = levels.count + page.encoded.count
        try checkSize(plainSize, leaf)
        var crc = CRC32.checksum(levels)
        crc = values.withUnsafeBytes { CRC32.checksum($0, continuing: crc) }
        let header = PageHeader(
            uncompressedSize: plainSize, storedSize: levels.count + values.count, crc: crc,
            kind: .dataV2(
                values: page.values, nulls: page.nulls, rows: page.rows, encoding: page.encoding,
                definitionBytes: page.definitionLevels.count, repetitionBytes: page.repetitionLevels.count,
                isCompressed: packed != nil)
        ).encoded()
        bytes.append(contentsOf: header)
        bytes.append(contentsOf: levels)
        bytes.append(contentsOf: values)
        return header.count + plainSize
    }

    /// Levels and values are packed together, each kind of levels behind its length; whatever the gain.
    private mutating func writeVersion1(
        _ page: EncodedPage, _ compression: PageCompression, _ leaf: ParquetLeaf
    ) throws(ParquetError) -> Int {
        var plain: [UInt8] = []
        for (levels, maximum) in [
            (page.repetitionLevels, leaf.maximumRepetition), (page.definitionLevels, leaf.maximumDefinition),
        ] where maximum > 0 {
            plain.append(contentsOf: Int32(clamping: levels.count).plainBytes)
            plain.append(contentsOf: levels)
        }
        plain.append(contentsOf: page.encoded)
        try checkSize(plain.count, leaf)
        let stored = try compression.packed(plain)
        try checkSize(stored.count, leaf)
        let header = PageHeader(
            uncompressedSize: plain.count, storedSize: stored.count, crc: CRC32.checksum(stored),
            kind: .data(
                values: page.values, encoding: page.encoding, definitionEncoding: .rle, repetitionEncoding: .rle)
        ).encoded()
        bytes.append(contentsOf: header)
        bytes.append(contentsOf: stored)
        return header.count + plain.count
    }

    // MARK: checks

    private func check(_ chunk: EncodedChunk, _ leaf: ParquetLeaf) throws(ParquetError) {
        func refuse(_ page: Int?, _ problem: String) -> ParquetError {
            ParquetError(.misuse, column: leaf.name, page: page, problem)
        }
        for (i, page) in chunk.pages.enumerated() {
            guard page.rows >= 0, page.rows <= page.values, (0...page.values).contains(page.nulls),
                Int32(exactly: page.values) != nil
            else { throw refuse(i, "its counts do not fit together") }
            guard leaf.maximumDefinition > 0 || (page.nulls == 0 && page.definitionLevels.isEmpty) else {
                throw refuse(i, "it has nulls, though the column is required")
            }
            guard leaf.maximumRepetition > 0 || (page.values == page.rows && page.repetitionLevels.isEmpty) else {
                throw refuse(i, "it has several values a row")
            }
            guard leaf.maximumDefinition == 0 || page.rows == 0 || !page.definitionLevels.isEmpty else {
                throw refuse(i, "it lacks definition levels")
            }
            guard !page.encoding.usesDictionary || chunk.dictionary != nil else {
                throw refuse(i, "it has codes without a dictionary")
            }
        }
    }

    private func checkSize(_ size: Int, _ leaf: ParquetLeaf) throws(ParquetError) {
        guard size <= Int(Int32.max) else {
            throw ParquetError(.misuse, column: leaf.name, "a page of \(size) bytes; at most 2 GiB can be written")
        }
    }

    // MARK: statistics and indexes

    private static func statistics(of chunk: EncodedChunk, _ leaf: ParquetLeaf) -> ChunkStatistics {
        var statistics = ChunkStatistics(nullCount: chunk.pages.reduce(0) { $0 + $1.nulls })
        guard chunk.hasStatistics, let first = chunk.pages.lazy.compactMap(\.bounds).first else { return statistics }
        // A page that says nothing, though it holds values other than NaN, would make the chunk's bounds a lie.
        let mayBeNaN = leaf.physical == .double || leaf.physical == .float
        guard mayBeNaN || chunk.pages.allSatisfy({ $0.isAllNull || $0.bounds != nil }) else { return statistics }
        var bounds = first
        for page in chunk.pages {
            guard let other = page.bounds else { continue }
            if leaf.precedes(other.minimum, bounds.minimum) { bounds.minimum = other.minimum }
            if leaf.precedes(bounds.maximum, other.maximum) { bounds.maximum = other.maximum }
        }
        let short = ShortenedBounds(bounds)
        statistics.minimum = short.minimum
        statistics.maximum = short.maximum
        statistics.isMinimumExact = short.isMinimumExact
        statistics.isMaximumExact = short.isMaximumExact
        return statistics
    }

    /// nil: a page has values but no bounds (nothing but NaN), which an index cannot say.
    private static func columnIndex(of chunk: EncodedChunk) -> ColumnIndex? {
        guard chunk.hasStatistics, chunk.pages.allSatisfy({ $0.isAllNull || $0.bounds != nil }) else { return nil }
        var index = ColumnIndex(nullPages: [], minima: .init(), maxima: .init(), order: chunk.order, nullCounts: [])
        for page in chunk.pages {
            index.nullPages.append(page.isAllNull)
            let short = page.isAllNull ? nil : page.bounds.map(ShortenedBounds.init)
            index.minima.append(short?.minimum ?? [])
            index.maxima.append(short?.maximum ?? [])
            index.nullCounts?.append(page.nulls)
        }
        return index
    }

    /// Row group by row group, so that one read fetches what a row group needs.
    private mutating func writeIndexes() -> [UInt32] {
        var checksums: [UInt32] = []
        for (group, columns) in indexes.enumerated() {
            let start = bytes.count
            for (i, chunk) in columns.enumerated() {
                guard let index = chunk.column else { continue }
                let offset = size
                bytes.append(contentsOf: index.encoded())
                rowGroups[group].columns[i].columnIndex = offset..<size
            }
            for (i, chunk) in columns.enumerated() {
                let offset = size
                bytes.append(contentsOf: OffsetIndex.encode(chunk.pages))
                rowGroups[group].columns[i].offsetIndex = offset..<size
            }
            checksums.append(
                bytes.withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[start...])) })
        }
        return checksums
    }
}

/// The bytes around everything.
enum FileFrame {
    static let magic: [UInt8] = Array("PAR1".utf8)
    static let encryptedMagic: [UInt8] = Array("PARE".utf8)
    /// Footer length and magic.
    static let tail = 8
}

extension Codec {
    var parquet: ParquetCodec {
        switch self {
        case .none: .uncompressed
        case .snappy: .snappy
        case .zstd: .zstd
        case .gzip: .gzip
        case .lz4raw: .lz4Raw
        }
    }
}
