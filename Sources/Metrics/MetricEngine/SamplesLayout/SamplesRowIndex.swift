import Encodings
import Parquet
import StorageEngine

/// Where each series lies in a row group, and which divisor its integers have: from the runs of two columns.
///
/// - `ids` ascend strictly; series i has the rows from the end before to `ends[i]`; the last end is the row count.
struct SamplesRowIndex: Sendable {
    private(set) var ids: [Int64] = []
    private(set) var ends: [Int] = []
    private(set) var divisors: [Double] = []
    private(set) var divisorEnds: [Int] = []

    /// Bytes held.
    var memory: Int { (ids.capacity + ends.capacity + divisors.capacity + divisorEnds.capacity) * 8 }

    init(series: ColumnPages, divisors: ColumnPages, rows: Int, place: String) throws {
        try Self.forEachRun(
            of: series, { $0.int64s(at: $1) }, { try $0.int64s(nil) },
            do: { id, count in
                if ids.last == id {
                    ends[ends.count - 1] += count
                } else {
                    ids.append(id)
                    ends.append((ends.last ?? 0) + count)
                }
            })
        try Self.forEachRun(
            of: divisors, { $0.doubles(at: $1) }, { try $0.doubles(nil) },
            do: { divisor, count in
                self.divisors.append(divisor)
                divisorEnds.append((divisorEnds.last ?? 0) + count)
            })
        let isAscending = zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }
        guard isAscending, (ends.last ?? 0) == rows, (divisorEnds.last ?? 0) == rows else {
            throw StorageError(
                .damaged,
                "\(place): its series ids do not ascend, or do not make \(rows) rows; `varve verify` checks the file")
        }
    }

    /// Calls `body` with each run of a required column; values in a dictionary are looked up once a run.
    private static func forEachRun<T: Equatable>(
        of column: ColumnPages, _ entry: (ParquetDictionary, Int) -> T?, _ values: (ParquetPage) throws -> [T],
        do body: (T, Int) -> Void
    ) throws {
        for page in column.pages {
            if page.encoding.usesDictionary {
                for run in try page.codeRuns() {
                    guard let value = column.dictionary.flatMap({ entry($0, Int(run.value)) }) else {
                        throw StorageError(.damaged, "a code of column \(column.leaf.name) is not in its dictionary")
                    }
                    body(value, run.count)
                }
            } else {
                for value in try values(page) { body(value, 1) }
            }
        }
    }

    // MARK: search

    func rows(_ series: Int) -> Range<Int> { (series == 0 ? 0 : ends[series - 1])..<ends[series] }

    /// Numbers of the series whose ids are among `keys`, ascending; nil: all.
    func series(among keys: [Int64]?) -> [Int] {
        guard let keys else { return Array(ids.indices) }
        var found: [Int] = []
        if keys.count <= ids.count {
            var from = 0
            for key in keys {
                from = ids.firstIndex(notBelow: key, from: from)
                if from == ids.count { break }
                if ids[from] == key { found.append(from) }
            }
        } else {
            var from = 0
            for (series, id) in ids.enumerated() {
                from = keys.firstIndex(notBelow: id, from: from)
                if from == keys.count { break }
                if keys[from] == id { found.append(series) }
            }
        }
        return found
    }

    /// The divisor runs that cover `rows`, in order.
    func forEachDivisor(in rows: Range<Int>, _ body: (Double, Range<Int>) -> Void) {
        var run = divisorEnds.firstIndex(notBelow: rows.lowerBound + 1, from: 0)
        var row = rows.lowerBound
        while row < rows.upperBound {  // the last end is the row count, so a run covers each row
            let end = min(divisorEnds[run], rows.upperBound)
            body(divisors[run], row..<end)
            row = end
            run += 1
        }
    }

    /// The metric number of each metric in `rows`, once.
    func forEachMetric(in rows: Range<Int>, _ body: (Int64) -> Void) {
        var series = ends.firstIndex(notBelow: rows.lowerBound + 1, from: 0)
        var last: Int64?
        while series < ids.count, self.rows(series).lowerBound < rows.upperBound {
            let metric = SamplesFormat.metric(of: ids[series])
            if metric != last { body(metric) }
            last = metric
            series += 1
        }
    }
}

extension ParquetDictionary {
    fileprivate func int64s(at code: Int) -> Int64? {
        guard case .int64(let values) = self, code < values.count else { return nil }
        return values[code]
    }
    fileprivate func doubles(at code: Int) -> Double? {
        guard case .double(let values) = self, code < values.count else { return nil }
        return values[code]
    }
}

extension Array where Element: Comparable {
    /// The first index from `start` on whose element is not below `value`; the elements ascend.
    func firstIndex(notBelow value: Element, from start: Int) -> Int {
        var low = start
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
