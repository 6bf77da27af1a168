import MetricModel
import Parquet
import StorageEngine

/// Adjacent wanted rows of one series: times decoded, values not.
struct StoredRun {
    var id: Int64
    var times: [Int64]
    var values: SampleValues
    /// Values that were decoded may be stale markers; integers are none.
    var areDecoded = false
}

/// The same rows as `nextRows`, for queries, which look at each value once and where it is needed.
extension SamplesCursor {
    /// The next step's runs: ids ascend, a series may come in several runs, one after the other. nil at the end.
    func nextRuns() async throws -> [StoredRun]? {
        do {
            while try await openRowGroup() {
                let (group, spans) = nextStep()
                guard let group else { continue }
                let found = try await timedRuns(of: spans, in: group)
                if found.isEmpty { continue }
                return try await withValues(found, in: group)
            }
            return nil
        } catch {
            throw SamplesFormat.storageError(error)
        }
    }

    /// Rows of one series whose times are known.
    private struct TimedRun {
        var id: Int64
        var times: [Int64]
        /// Within the row group.
        var rows: Range<Int>
    }

    private func timedRuns(of spans: [SamplesSpan], in group: OpenRowGroup) async throws -> [TimedRun] {
        let wanted = group.pages.times.numbers(touching: spans.lazy.map { $0.rows }) { page in
            guard let times = scan.times, let bounds = group.pages.timeBounds?.int64Bounds(page) else { return true }
            return times.overlaps(bounds)
        }
        let pages = try await reader.integerPages(wanted, of: group.pages.times, scan.counters)
        var found: [TimedRun] = []
        found.reserveCapacity(spans.count)
        // Most series were sampled together with the one before.
        var shared: [Int64] = []
        var first = 0  // the first span that reaches into the page or beyond
        for (number, page) in zip(wanted, pages) {
            guard let page else {
                throw StorageError(
                    .damaged,
                    "\(reader.file.name), row group \(group.number): page \(number) of times has nulls; "
                        + "`varve verify` checks the file")
            }
            while first < spans.count, spans[first].rows.upperBound <= page.rows.lowerBound { first += 1 }
            var at = first
            while at < spans.count, spans[at].rows.lowerBound < page.rows.upperBound {
                let span = spans[at]
                at += 1
                let piece = span.rows.clamped(to: page.rows)
                let near = scan.times.map { page.narrowed(piece, to: $0) } ?? piece
                if near.isEmpty { continue }
                var times = page.integers(near)
                let kept = scan.times.map { times.ascendingRange($0, in: times.indices) } ?? times.indices
                if kept.isEmpty { continue }
                if kept.count < times.count { times = Array(times[kept]) }
                if GatheredSamples.areSame(shared, times) { times = shared } else { shared = times }
                found.append(
                    TimedRun(
                        id: span.id, times: times,
                        rows: near.lowerBound + kept.lowerBound..<near.lowerBound + kept.upperBound))
            }
        }
        return found
    }

    private func withValues(_ runs: [TimedRun], in group: OpenRowGroup) async throws -> [StoredRun] {
        let column = group.pages.integers
        let numbers = column.numbers(touching: runs.lazy.map { $0.rows }) { !group.pages.isNull(integers: $0) }
        let pages = try await reader.integerPages(numbers, of: column, scan.counters)
        var found: [StoredRun] = []
        found.reserveCapacity(runs.count)
        // Those with rows that are not stored as integers, or not alone.
        var others: [Int] = []
        let whole = pages.compactMap { $0 }
        var first = 0  // the first page that reaches into the run or beyond
        for (at, run) in runs.enumerated() {
            found.append(StoredRun(id: run.id, times: run.times, values: .none))
            while first < whole.count, whole[first].rows.upperBound <= run.rows.lowerBound { first += 1 }
            var next = first
            var row = run.rows.lowerBound
            var values = SampleValues.none
            while row < run.rows.upperBound, next < whole.count, whole[next].rows.contains(row) {
                let page = whole[next]
                let rows = row..<min(run.rows.upperBound, page.rows.upperBound)
                group.index.forEachDivisor(in: rows) { divisor, part in
                    values.append(.encoded(page, part, divisor: divisor))
                }
                row = rows.upperBound
                next += 1
            }
            if row == run.rows.upperBound { found[at].values = values } else { others.append(at) }
        }
        guard !others.isEmpty else { return found }
        var rows = SamplesRows()
        try await values(of: Self.joined(others.map { runs[$0].rows }), in: group, &rows)
        var start = 0
        for at in others {
            let end = start + runs[at].times.count
            found[at].values = .ready(Array(rows.values[start..<end]))
            found[at].areDecoded = true
            start = end
        }
        return found
    }

    /// Ascending ranges, neighbours put together.
    private static func joined(_ ranges: [Range<Int>]) -> [Range<Int>] {
        var joined: [Range<Int>] = []
        for range in ranges {
            if let last = joined.last, last.upperBound == range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<range.upperBound
            } else {
                joined.append(range)
            }
        }
        return joined
    }
}
