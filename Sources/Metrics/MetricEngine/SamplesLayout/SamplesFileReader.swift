import Columnar
import Encodings
import Parquet
import StorageEngine
import Synchronization

/// An open samples file.
///
/// - What finds rows (`SamplesRowIndex`) is kept among that of all files (`RowIndexCache`).
/// - Pages that queries unpack are kept among those of all files (`PageCache`).
final class SamplesFileReader: TableFileReader {
    let file: ParquetFile
    let schema: Schema
    let learnMetricName: @Sendable (Int64, String) -> Void
    private let cache: PageCache
    private let fileNumber: UInt64
    private let indexes: RowIndexCache
    /// 8 bytes each.
    private static let mostIDs = 1 << 21
    private let pagesOfGroups = Mutex<[Int: SamplesPages]>([:])

    init(
        _ file: ParquetFile, schema: Schema, cache: PageCache, indexes: RowIndexCache,
        learnMetricName: @escaping @Sendable (Int64, String) -> Void
    ) {
        self.file = file
        self.schema = schema
        self.cache = cache
        self.indexes = indexes
        self.learnMetricName = learnMetricName
        fileNumber = cache.newFile()
    }

    deinit {
        cache.forget(file: fileNumber)
        indexes.forget(file: fileNumber)
    }

    var rowCount: UInt64 { UInt64(file.rowCount) }

    func value(for key: String) -> String? { file.metadata.value(for: key) }

    func cursor(_ scan: FileScan) -> any BatchCursor { SamplesCursor(self, scan) }

    func rowIndex(_ rowGroup: Int) async throws -> SamplesRowIndex {
        if let known = indexes.index(ofFile: fileNumber, rowGroup: rowGroup) { return known }
        let columns = try await file.read([
            PageRequest(rowGroup: rowGroup, column: SamplesFormat.Leaf.seriesID.rawValue),
            PageRequest(rowGroup: rowGroup, column: SamplesFormat.Leaf.valueDivisor.rawValue),
        ])
        let index = try SamplesRowIndex(
            series: columns[0], divisors: columns[1], rows: file.metadata.rowGroups[rowGroup].rowCount,
            place: "\(file.name), row group \(rowGroup)")
        indexes.keep(index, ofFile: fileNumber, rowGroup: rowGroup)
        return index
    }

    /// The ids of all series, ascending; nil where there are too many to keep.
    func allIDs() async throws -> [Int64]? {
        if let known = indexes.ids(ofFile: fileNumber) { return known }
        var ids: [Int64] = []
        for rowGroup in file.metadata.rowGroups.indices {
            let more = try await rowIndex(rowGroup).ids
            // A series may go on in the next row group.
            ids += ids.last != nil && ids.last == more.first ? more.dropFirst() : more[...]
            guard ids.count <= Self.mostIDs else { return nil }
        }
        indexes.keep(ids, ofFile: fileNumber)
        return ids
    }

    /// Where the pages of a row group begin and end: kept, as the file keeps its page index.
    func pages(_ rowGroup: Int) async throws -> SamplesPages {
        if let known = pagesOfGroups.withLock({ $0[rowGroup] }) { return known }
        let pages = try await SamplesPages(file, rowGroup: rowGroup)
        pagesOfGroups.withLock { $0[rowGroup] = pages }
        return pages
    }

    /// Pages of integers that any rows can be decoded from, in the order of `numbers`; nil: one that has nulls.
    func integerPages(
        _ numbers: [Int], of column: PagedColumn, _ counters: ScanCounters?
    ) async throws -> [IntegerPage?] {
        guard !numbers.isEmpty else { return [] }
        var key = PageCache.Key(
            file: fileNumber, rowGroup: UInt32(truncatingIfNeeded: column.rowGroup),
            column: UInt32(truncatingIfNeeded: column.column), page: 0)
        var pages = cache.pages(numbers, of: key)
        let missing = numbers.indices.filter { pages[$0] == nil }
        // Page by page of what is read at once: a query over much holds no second copy of it all.
        var start = 0
        while start < missing.count {
            let some = missing[start..<min(start + Self.pagesAtOnce, missing.count)]
            start += some.count
            let request = column.request(some.map { numbers[$0] })
            try await counters?.note([request], of: file)
            for (place, page) in zip(some, try await file.read(request).pages) {
                guard let unpacked = try IntegerPage(page) else { continue }
                pages[place] = unpacked
                key.page = UInt32(truncatingIfNeeded: numbers[place])
                cache.keep(unpacked, at: key)
            }
        }
        return pages
    }
    private static let pagesAtOnce = 64

    /// Tells the names of the metrics in a row group.
    func learnMetrics(_ rowGroup: Int, _ index: SamplesRowIndex) async throws {
        let column = try await file.read(
            PageRequest(rowGroup: rowGroup, column: SamplesFormat.Leaf.metric.rawValue))
        guard case .bytes(let names)? = column.dictionary else { return }
        var row = 0
        for page in column.pages {
            for run in try page.codeRuns() {
                // Two numbers may have the same name and lie in one run: each is told.
                if Int(run.value) < names.count, let name = String(validating: names[Int(run.value)], as: UTF8.self) {
                    index.forEachMetric(in: row..<row + run.count) { learnMetricName($0, name) }
                }
                row += run.count
            }
        }
    }

    /// Least and greatest value of an INT64 column of a row group; nil: not known.
    func bounds(_ rowGroup: Int, _ leaf: SamplesFormat.Leaf) -> ClosedRange<Int64>? {
        let statistics = file.metadata.rowGroups[rowGroup].columns[leaf.rawValue].statistics
        guard let low = Self.int64(statistics?.minimum), let high = Self.int64(statistics?.maximum), low <= high else {
            return nil
        }
        return low...high
    }

    private static func int64(_ bytes: [UInt8]?) -> Int64? {
        guard let bytes, bytes.count == 8 else { return nil }
        return Int64(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
}
