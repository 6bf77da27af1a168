import Columnar
import Encodings

/// What a check of a whole file found.
public struct ParquetVerification: Sendable {
    public var rows = 0
    public var pages = 0
    /// Empty: every checksum fits, every page decodes, every count and bound is true.
    public var problems: [ParquetError] = []
    public init() {}
}

/// Reads a whole file, one column chunk at a time, and checks whatever can be checked:
///
/// - every checksum, every page and dictionary by decoding it, levels and counts against each other;
/// - that pages follow each other without gaps, and that there are as many of each encoding as the footer says;
/// - null counts and bounds of page index and footer against the values;
/// - that the rows ascend by the first sorting column.
public enum ParquetVerify {
    /// - Throws: only what the source throws; what is wrong with the file is in the result.
    public static func verify(
        name: String, source: any ByteSource, limits: ParquetLimits = ParquetLimits()
    ) async throws -> ParquetVerification {
        var result = ParquetVerification()
        do {
            let file = try await ParquetFile.open(name: name, source: source, limits: limits)
            if try await source.read(0..<UInt64(FileFrame.magic.count)) != FileFrame.magic {
                result.problems.append(Place(file: name, offset: 0).damaged("it does not start with PAR1"))
            }
            for (number, group) in file.metadata.rowGroups.enumerated() {
                for column in file.leaves.indices {
                    do {
                        var check = ChunkCheck(file, number, column)
                        try await check.run()
                        result.pages += check.pageCount
                    } catch let error as ParquetError {
                        result.problems.append(error)
                    }
                }
                result.rows += group.rowCount
            }
        } catch let error as ParquetError {
            result.problems.append(error)
        }
        return result
    }
}

/// One column of one row group, checked.
private struct ChunkCheck {
    let file: ParquetFile
    let rowGroup: Int
    let column: Int
    let leaf: ParquetLeaf
    let chunk: ColumnChunkMetadata
    private(set) var pageCount = 0

    init(_ file: ParquetFile, _ rowGroup: Int, _ column: Int) {
        self.file = file
        self.rowGroup = rowGroup
        self.column = column
        self.leaf = file.leaves[column]
        self.chunk = file.metadata.rowGroups[rowGroup].columns[column]
    }

    mutating func run() async throws {
        let locations = try await file.pageLocations(rowGroup: rowGroup, column: column)
        try checkTiling(locations)
        let index = try await file.columnIndex(rowGroup: rowGroup, column: column)
        let content = try await file.read(PageRequest(rowGroup: rowGroup, column: column))
        pageCount = content.pages.count
        try checkEncodings(content)
        var nulls = 0
        var bounds: PageBounds?
        for page in content.pages {
            let found = try checkPage(page, content.dictionary, index)
            nulls += page.valueCount - page.presentCount
            if let found { bounds = merged(bounds, found) }
        }
        if leaf.maximumRepetition == 1 {
            _ = try content.lists()
            try await checkMap(content)
        }
        try checkStatistics(bounds, nulls)
        if let index { try checkOrder(index) }
        try checkSorting(content)
    }

    private func damaged(_ page: ParquetPage?, _ problem: String) -> ParquetError {
        page?.place.damaged(problem)
            ?? file.place(column: column).damaged("\(problem) (row group \(rowGroup))")
    }

    /// Dictionary and pages fill the chunk.
    private func checkTiling(_ locations: [PageLocation]) throws(ParquetError) {
        guard var end = locations.first?.offset else { return }
        for location in locations {
            guard location.offset == end else { throw damaged(nil, "bytes between its pages at \(end)") }
            end = location.bytes.upperBound
        }
        guard end == chunk.bytes.upperBound else { throw damaged(nil, "bytes behind its last page at \(end)") }
    }

    private func checkEncodings(_ content: ColumnPages) throws(ParquetError) {
        for count in chunk.encodingCounts where count.page != .dictionary {
            let found = content.pages.count { $0.encoding == count.encoding }
            guard found >= count.count || found == 0 else {
                throw damaged(nil, "\(found) pages in \(count.encoding), the footer counts \(count.count)")
            }
        }
    }

    // MARK: values

    /// - Returns: the bounds of what is there.
    private func checkPage(
        _ page: ParquetPage, _ dictionary: ParquetDictionary?, _ index: ColumnIndex?
    ) throws(ParquetError) -> PageBounds? {
        _ = try page.validity()
        let bounds = try bounds(page, dictionary)
        guard let index, index.nullPages.indices.contains(page.number) else { return bounds }
        if let counts = index.nullCounts, counts[page.number] != page.valueCount - page.presentCount {
            throw damaged(page, "\(page.valueCount - page.presentCount) nulls, its index says \(counts[page.number])")
        }
        guard index.nullPages[page.number] == (page.presentCount == 0) else {
            throw damaged(page, "its index is wrong about its being all null")
        }
        if let bounds {
            let low = Array(index.minima[page.number])
            let high = Array(index.maxima[page.number])
            guard !leaf.precedes(bounds.minimum, low), !leaf.precedes(high, bounds.maximum) else {
                throw damaged(page, "a value lies outside the bounds of its index")
            }
        }
        return bounds
    }

    private func bounds(
        _ page: ParquetPage, _ dictionary: ParquetDictionary?
    ) throws(ParquetError) -> PageBounds? {
        let values = try page.values(dictionary)
        return BoundOrder(leaf) == .unknown ? nil : values.bounds(of: leaf)
    }

    private func merged(_ a: PageBounds?, _ b: PageBounds) -> PageBounds {
        guard var a else { return b }
        if leaf.precedes(b.minimum, a.minimum) { a.minimum = b.minimum }
        if leaf.precedes(a.maximum, b.maximum) { a.maximum = b.maximum }
        return a
    }

    // MARK: the chunk as a whole

    private func checkStatistics(_ bounds: PageBounds?, _ nulls: Int) throws(ParquetError) {
        guard let statistics = chunk.statistics else { return }
        if let declared = statistics.nullCount, declared != nulls {
            throw damaged(nil, "\(nulls) nulls, the footer says \(declared)")
        }
        guard let bounds, let low = statistics.minimum, let high = statistics.maximum else { return }
        guard !leaf.precedes(bounds.minimum, low), !leaf.precedes(high, bounds.maximum) else {
            throw damaged(nil, "a value lies outside the bounds of the footer")
        }
    }

    private func checkOrder(_ index: ColumnIndex) throws(ParquetError) {
        guard index.order != .unordered else { return }
        let pages = index.nullPages.indices.filter { !index.nullPages[$0] }
        for (a, b) in zip(pages, pages.dropFirst()) {
            let (first, second) = index.order == .ascending ? (a, b) : (b, a)
            let isOrdered =
                !leaf.precedes(Array(index.minima[second]), Array(index.minima[first]))
                && !leaf.precedes(Array(index.maxima[second]), Array(index.maxima[first]))
            guard isOrdered else { throw damaged(nil, "the bounds of pages \(a) and \(b) are not \(index.order)") }
        }
    }

    /// Only the first sorting column ascends by itself.
    private func checkSorting(_ content: ColumnPages) throws(ParquetError) {
        guard let first = file.metadata.rowGroups[rowGroup].sortingColumns.first, first.column == column,
            !first.isDescending, leaf.isFlat, leaf.maximumDefinition == 0
        else { return }
        let isSorted: Bool
        switch leaf.physical {
        case .int64:
            let values = try content.int64s()
            isSorted = zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }
        case .byteArray:
            let values = try content.byteStrings()
            isSorted = (1..<max(values.count, 1)).allSatisfy { values.compare($0 - 1, with: values, $0) <= 0 }
        default: isSorted = true
        }
        guard isSorted else { throw damaged(nil, "its values do not ascend, though the rows are sorted by it") }
    }

    /// Keys and values of a map stand in pairs.
    private func checkMap(_ content: ColumnPages) async throws {
        let next = column + 1
        guard leaf.path.last == "key", file.leaves.indices.contains(next),
            file.leaves[next].path.dropLast() == leaf.path.dropLast()
        else { return }
        let values = try await file.read(PageRequest(rowGroup: rowGroup, column: next))
        guard leaf.physical == .byteArray, values.leaf.physical == .byteArray, leaf.maximumRepetition == 1,
            try values.lists().elementValidity == nil
        else { return }
        _ = try StringMaps(keys: content, values: values)
    }
}
