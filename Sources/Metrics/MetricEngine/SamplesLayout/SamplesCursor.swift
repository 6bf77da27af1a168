import Columnar
import Encodings
import Parquet
import StorageEngine

/// The rows of a scan, row group by row group:
///
/// 1. Row groups whose bounds of id or time miss the scan are passed over unread.
/// 2. The row index gives each wanted series its rows: spans. They are worked off in steps of bounded size.
/// 3. Pages of times that miss the range are passed over; the others are decoded and the spans narrowed.
/// 4. Only then are pages of values read, and only those that still have a wanted row.
///
/// - Memory: the pages of one step and two steps of rows.
final class SamplesCursor: BatchCursor {
    /// Rows of a step, before their times are looked at. A batch has fewer than twice as many.
    private let stepRows: Int
    /// Pages of integers that a step touches at most: wanted rows may lie far apart.
    private static let stepPages = 256

    let reader: SamplesFileReader
    let scan: FileScan
    private var nextGroup = 0
    private var current: OpenRowGroup?

    /// A row group with the spans that are still to be read.
    struct OpenRowGroup {
        var number: Int
        var index: SamplesRowIndex
        /// Wanted series, and how many of them are done.
        var series: [Int]
        var done = 0
        /// Rows of `series[done]` that are done.
        var doneRows = 0
        var pages: SamplesPages
    }

    init(_ reader: SamplesFileReader, _ scan: FileScan) {
        precondition(scan.keys == nil || scan.selectionColumn == 0, "samples are selected by series id")
        self.reader = reader
        self.scan = scan
        stepRows = scan.stepRows
    }

    func next() async throws -> RecordBatch? {
        guard let rows = try await nextRows() else { return nil }
        return RecordBatch(trusted: reader.schema, [.int64(rows.ids), .int64(rows.times), .float64(rows.values)])
    }

    /// The rows of the next batch, series by series.
    func nextRows() async throws -> SamplesRows? {
        do {
            var rows = SamplesRows()
            while rows.count < stepRows {
                guard try await openRowGroup() else { break }
                try await takeStep(into: &rows)
            }
            return rows.count > 0 ? rows : nil
        } catch {
            throw SamplesFormat.storageError(error)
        }
    }

    // MARK: row groups

    /// Sees to it that `current` has spans left; false at the end of the file.
    func openRowGroup() async throws -> Bool {
        while true {
            if let group = current, group.done < group.series.count { return true }
            current = nil
            guard nextGroup < reader.file.metadata.rowGroups.count else { return false }
            let number = nextGroup
            nextGroup += 1
            let isWanted = isWanted(number)
            scan.counters?.noteRowGroup(isPruned: !isWanted)
            guard isWanted else { continue }
            let index = try await reader.rowIndex(number)
            let series = index.series(among: scan.keys)
            if series.isEmpty { continue }
            if scan.keys == nil { try await reader.learnMetrics(number, index) }
            current = OpenRowGroup(
                number: number, index: index, series: series,
                pages: try await reader.pages(number))
        }
    }

    private func isWanted(_ rowGroup: Int) -> Bool {
        if let times = scan.times, let bounds = reader.bounds(rowGroup, .timestamp), !times.overlaps(bounds) {
            return false
        }
        if let keys = scan.keys {
            guard let bounds = reader.bounds(rowGroup, .seriesID) else { return !keys.isEmpty }
            let first = keys.firstIndex(notBelow: bounds.lowerBound, from: 0)
            return first < keys.count && keys[first] <= bounds.upperBound
        }
        return true
    }

    // MARK: steps

    private func takeStep(into rows: inout SamplesRows) async throws {
        guard var group = current else { return }
        let spans = nextSpans(&group)
        current = group
        rows.reserve(spans.reduce(0) { $0 + $1.rows.count })
        let narrowed = try await times(of: spans, in: group, &rows)
        guard !narrowed.isEmpty else { return }
        try await values(of: narrowed, in: group, &rows)
    }

    /// The spans of the next step, and the row group they lie in.
    func nextStep() -> (group: OpenRowGroup?, spans: [SamplesSpan]) {
        guard var group = current else { return (nil, []) }
        let spans = nextSpans(&group)
        current = group
        return (group, spans)
    }

    private func nextSpans(_ group: inout OpenRowGroup) -> [SamplesSpan] {
        var spans: [SamplesSpan] = []
        var rows = 0
        var pages = 0
        var lastPage = -1
        while group.done < group.series.count, rows < stepRows, pages < Self.stepPages {
            let series = group.series[group.done]
            var range = group.index.rows(series)
            range = range.lowerBound + group.doneRows..<range.upperBound
            if range.count > stepRows - rows {
                range = range.lowerBound..<range.lowerBound + stepRows - rows
                group.doneRows += range.count
            } else {
                group.done += 1
                group.doneRows = 0
            }
            let touched = group.pages.integers.touched(range, from: max(lastPage, 0))
            pages += touched.count - (touched.lowerBound == lastPage ? 1 : 0)
            lastPage = touched.upperBound
            rows += range.count
            spans.append(SamplesSpan(id: group.index.ids[series], rows: range))
        }
        return spans
    }

    /// Appends ids and times of the rows that are wanted, and returns where they lie: adjacent rows together.
    private func times(
        of spans: [SamplesSpan], in group: OpenRowGroup, _ rows: inout SamplesRows
    ) async throws -> [Range<Int>] {
        let wanted = group.pages.times.numbers(touching: spans.lazy.map { $0.rows }) { page in
            guard let times = scan.times, let bounds = group.pages.timeBounds?.int64Bounds(page) else { return true }
            return times.overlaps(bounds)
        }
        guard !wanted.isEmpty else { return [] }
        let request = group.pages.times.request(wanted)
        try await scan.counters?.note([request], of: reader.file)
        let column = try await reader.file.read(request)
        var narrowed: [Range<Int>] = []
        var first = 0  // the first span that reaches into the page or beyond
        for page in column.pages {
            while first < spans.count, spans[first].rows.upperBound <= page.firstRow { first += 1 }
            var end = first
            while end < spans.count, spans[end].rows.lowerBound < page.rows.upperBound { end += 1 }
            guard first < end else { continue }
            let lastRow = min(spans[end - 1].rows.upperBound, page.rows.upperBound)
            let times = try SamplesPages.integers(of: page, first: lastRow - page.firstRow, in: reader.file.name)
            for span in spans[first..<end] {
                let piece = span.rows.clamped(to: page.rows)
                let inPage = piece.lowerBound - page.firstRow..<piece.upperBound - page.firstRow
                let kept = scan.times.map { times.ascendingRange($0, in: inPage) } ?? inPage
                guard !kept.isEmpty else { continue }
                rows.append(id: span.id, times: times[kept])
                let range = kept.lowerBound + page.firstRow..<kept.upperBound + page.firstRow
                if let last = narrowed.last, last.upperBound == range.lowerBound {
                    narrowed[narrowed.count - 1] = last.lowerBound..<range.upperBound
                } else {
                    narrowed.append(range)
                }
            }
        }
        return narrowed
    }

    /// Appends the values of the rows in `ranges`.
    func values(
        of ranges: [Range<Int>], in group: OpenRowGroup, _ rows: inout SamplesRows
    ) async throws {
        let integers = group.pages.integers.numbers(touching: ranges) { !group.pages.isNull(integers: $0) }
        let doubles = group.pages.doubles.numbers(touching: ranges) { !group.pages.isNull(doubles: $0) }
        var requests: [PageRequest] = []
        if !integers.isEmpty { requests.append(group.pages.integers.request(integers)) }
        if !doubles.isEmpty { requests.append(group.pages.doubles.request(doubles)) }
        try await scan.counters?.note(requests, of: reader.file)
        let columns = try await reader.file.read(requests)
        var filler = SamplesValueFiller(ranges, into: rows.values.count)
        rows.values.append(contentsOf: repeatElement(0, count: filler.rowCount))
        for column in columns {
            for page in column.pages {
                if column.leaf.physical == .double {
                    try filler.fill(&rows.values, doubles: page)
                } else {
                    try filler.fill(&rows.values, integers: page, group.index, reader.file.name)
                }
            }
        }
        guard filler.filled == filler.rowCount else {
            throw StorageError(
                .damaged,
                "\(reader.file.name), row group \(group.number): \(filler.rowCount) rows have \(filler.filled) values; "
                    + "`varve verify` checks the file")
        }
    }
}

/// Rows of one series.
struct SamplesSpan {
    var id: Int64
    /// Within the row group.
    var rows: Range<Int>
}

/// The batch in the making.
struct SamplesRows {
    /// Ids ascend; a series may come in several pieces.
    private(set) var series: [(id: Int64, rows: Int)] = []
    var times: [Int64] = []
    var values: [Double] = []
    var count: Int { times.count }

    init() {}

    /// Ids, times and values; of rows with one key the last is in its place.
    init(_ batch: RecordBatch) {
        times = batch.columns[1].int64s
        values = batch.columns[2].float64s
        for id in batch.columns[0].int64s {
            if let last = series.last, last.id == id {
                series[series.count - 1].rows += 1
            } else {
                series.append((id, 1))
            }
        }
    }

    /// One for each row.
    var ids: [Int64] {
        [Int64](unsafeUninitializedCapacity: count) { ids, filled in
            for piece in series {
                UnsafeMutableBufferPointer(rebasing: ids[filled..<filled + piece.rows]).initialize(repeating: piece.id)
                filled += piece.rows
            }
        }
    }

    /// Room for the first rows, so that they are not moved again and again.
    mutating func reserve(_ rows: Int) {
        guard count == 0 else { return }
        times.reserveCapacity(rows)
        values.reserveCapacity(rows)
    }

    mutating func append(id: Int64, times more: ArraySlice<Int64>) {
        if let last = series.last, last.id == id {
            series[series.count - 1].rows += more.count
        } else {
            series.append((id, more.count))
        }
        times.append(contentsOf: more)
    }
}

extension [Int64] {
    /// The part of `range` whose elements lie in `bounds`; the elements ascend there.
    func ascendingRange(_ bounds: ClosedRange<Int64>, in range: Range<Int>) -> Range<Int> {
        func first(in range: Range<Int>, where isPast: (Int64) -> Bool) -> Int {
            var low = range.lowerBound
            var high = range.upperBound
            while low < high {
                let middle = (low + high) / 2
                if isPast(self[middle]) { high = middle } else { low = middle + 1 }
            }
            return low
        }
        let start = first(in: range) { $0 >= bounds.lowerBound }
        return start..<first(in: start..<range.upperBound) { $0 > bounds.upperBound }
    }
}
