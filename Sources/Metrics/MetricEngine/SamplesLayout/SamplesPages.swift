import Encodings
import Parquet
import StorageEngine

/// The pages of one row group's times and values.
struct SamplesPages {
    let times: PagedColumn
    let integers: PagedColumn
    let doubles: PagedColumn
    let timeBounds: ColumnIndex?
    private let integerBounds: ColumnIndex?
    private let doubleBounds: ColumnIndex?

    init(_ file: ParquetFile, rowGroup: Int) async throws {
        times = try await PagedColumn(file, rowGroup, .timestamp)
        integers = try await PagedColumn(file, rowGroup, .valueInt)
        doubles = try await PagedColumn(file, rowGroup, .valueFloat)
        timeBounds = try await file.columnIndex(rowGroup: rowGroup, column: times.column)
        integerBounds = try await file.columnIndex(rowGroup: rowGroup, column: integers.column)
        doubleBounds = try await file.columnIndex(rowGroup: rowGroup, column: doubles.column)
    }

    func isNull(integers page: Int) -> Bool { integerBounds?.nullPages[page] ?? false }
    func isNull(doubles page: Int) -> Bool { doubleBounds?.nullPages[page] ?? false }

    /// The first `first` values of a page without nulls; others are decoded whole.
    static func integers(of page: ParquetPage, first: Int, in file: String) throws -> [Int64] {
        guard page.encoding == .deltaBinaryPacked, page.presentCount == page.valueCount, first < page.valueCount else {
            return try page.int64s(nil)
        }
        var values: [Int64] = []
        do {
            try page.values.withUnsafeBytes { raw in
                try DeltaBinaryPacked.decodePrefix(raw, count: page.valueCount, first: first, into: &values)
            }
        } catch {
            throw StorageError(
                .damaged, "\(file), column \(page.leaf.name), page \(page.number): \(error); `varve verify` checks it")
        }
        return values
    }
}

/// Where the pages of a column chunk begin and end.
struct PagedColumn {
    let rowGroup: Int
    let column: Int
    /// One past the last row of each page, ascending.
    private let ends: [Int]

    init(_ file: ParquetFile, _ rowGroup: Int, _ leaf: SamplesFormat.Leaf) async throws {
        self.rowGroup = rowGroup
        column = leaf.rawValue
        ends = try await file.pageLocations(rowGroup: rowGroup, column: leaf.rawValue).map(\.rows.upperBound)
    }

    /// Numbers of the pages that hold rows of `range`, which is not empty, within the row group and not before page
    /// `start`.
    func touched(_ range: Range<Int>, from start: Int = 0) -> ClosedRange<Int> {
        let first = number(of: range.lowerBound, from: start)
        return first...number(of: range.upperBound - 1, from: first)
    }

    /// Most rows lie in the page of the row before, or in the next: looked at first.
    private func number(of row: Int, from start: Int) -> Int {
        if start < ends.count, row < ends[start] { return start }
        return min(ends.firstIndex(notBelow: row + 1, from: start), ends.count - 1)
    }

    /// Numbers of the wanted pages that hold rows of `ranges` (ascending), each once.
    func numbers(touching ranges: some Sequence<Range<Int>>, where isWanted: (Int) -> Bool) -> [Int] {
        var numbers: [Int] = []
        var last = -1
        for range in ranges where !range.isEmpty {
            for page in touched(range, from: max(last, 0)) where page > last {
                if isWanted(page) { numbers.append(page) }
                last = page
            }
        }
        return numbers
    }

    func request(_ pages: [Int]) -> PageRequest {
        PageRequest(rowGroup: rowGroup, column: column, pages: pages, withDictionary: false)
    }
}
