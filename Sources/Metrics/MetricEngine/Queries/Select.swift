import Columnar
public import MetricModel
import ObjectStorage
import StorageEngine
import Synchronization

extension MetricStore: SeriesSource {
    /// Series by matchers, their samples segment by segment, put together per label set.
    ///
    /// Where one label set has several ids in a segment and both have a sample at one time, the younger id's counts.
    public func select(_ request: SelectRequest) async throws -> [SeriesRun] {
        try await StorePurpose.during(.query) { () async throws in try await selectCounted(request) }
    }

    private func selectCounted(_ request: SelectRequest) async throws -> [SeriesRun] {
        guard request.start <= request.end else { return [] }
        do {
            let snapshot = region.snapshot
            let times = request.start...request.end
            let selection = try await selection([request.matchers], in: times, snapshot: snapshot)
            let count = selection.groups.count
            if count > request.maximumSeries {
                throw SelectError.tooManySeries(count, limit: request.maximumSeries)
            }
            let pieces = try await scan(selection, times, snapshot, maximum: request.maximumSamples)
            return assemble(selection, pieces)
        } catch let error as StorageError {
            throw SelectError.storage(error.text)
        }
    }

    /// Samples of one id in one segment.
    private struct Piece: Sendable {
        var group: UInt32
        var timestamps: [Int64]
        var values: [Double]
        var hasStaleMarkers: Bool

        /// Looked for while the values are near: whoever evaluates them would have to fetch them from memory.
        static func isAnyStale(_ values: ArraySlice<Double>) -> Bool {
            values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
        }
    }

    /// A part of a segment's ids.
    private struct ScanTask: Sendable {
        var segment: SeriesSelection.Segment
        var ids: Range<Int>
    }

    /// Pieces in order of segment and id.
    private func scan(
        _ selection: SeriesSelection, _ times: ClosedRange<Int64>, _ snapshot: Snapshot, maximum: Int
    ) async throws -> [Piece] {
        let width = options.queryParallelism
        var tasks: [ScanTask] = []
        for segment in selection.segments {
            // A few tasks per segment: each opens the segment's parts anew.
            let slices = max(1, min(width * 2, Self.rows(segment, times) / Self.rowsPerTask))
            for slice in 0..<slices {
                let range = slice * segment.ids.count / slices..<(slice + 1) * segment.ids.count / slices
                tasks.append(ScanTask(segment: segment, ids: range))
            }
        }
        let budget = SampleBudget(maximum: maximum)
        var results = [[Piece]](repeating: [], count: tasks.count)
        if tasks.count == 1 {
            return try await Self.scan(tasks[0], times, snapshot, budget)
        }
        try await withThrowingTaskGroup(of: (Int, [Piece]).self) { group in
            var next = 0
            func start() {
                guard next < tasks.count else { return }
                let (index, task) = (next, tasks[next])
                group.addTask { (index, try await Self.scan(task, times, snapshot, budget)) }
                next += 1
            }
            for _ in 0..<width { start() }
            while let (index, pieces) = try await group.next() {
                results[index] = pieces
                start()
            }
        }
        return results.flatMap { $0 }
    }

    /// Below, a task costs more than it gives.
    private static let rowsPerTask = 400_000
    /// Between scrapes, as most are set up. Only the number of tasks follows from it.
    private static let usualInterval: Int64 = 15_000

    /// About how many rows a selection reads of a segment.
    private static func rows(_ segment: SeriesSelection.Segment, _ times: ClosedRange<Int64>) -> Int {
        let first = max(segment.range.lowerBound, times.lowerBound)
        let last = min(segment.range.upperBound, times.upperBound)
        let perSeries = last > first ? Int((last &- first) / usualInterval) + 1 : 1
        return segment.ids.count.multipliedReportingOverflow(by: perSeries).partialValue
    }

    private static func scan(
        _ task: ScanTask, _ times: ClosedRange<Int64>, _ snapshot: Snapshot, _ budget: SampleBudget
    ) async throws -> [Piece] {
        var pieces: [Piece] = []
        let keys = Array(task.segment.ids[task.ids])
        let scan = snapshot.scan(
            ScanRequest(table: SamplesTable.number, segment: task.segment.range, times: times, keys: keys))
        var at = 0
        var open: Int64?
        while let batch = try await scan.next() {
            try Task.checkCancellation()
            try budget.take(batch.rowCount)
            let ids = batch.columns[0].int64s
            let timestamps = batch.columns[1].int64s
            let values = batch.columns[2].float64s
            var row = 0
            while row < ids.count {
                let id = ids[row]
                let end = endOfRun(ids, from: row)
                defer { row = end }
                if id == open {
                    pieces[pieces.count - 1].timestamps.append(contentsOf: timestamps[row..<end])
                    pieces[pieces.count - 1].values.append(contentsOf: values[row..<end])
                    if Piece.isAnyStale(values[row..<end]) { pieces[pieces.count - 1].hasStaleMarkers = true }
                    continue
                }
                while at < keys.count, keys[at] < id { at += 1 }
                guard at < keys.count, keys[at] == id else {
                    throw StorageError(
                        .damaged, "a scan for chosen series returned series \(id), which was not asked for")
                }
                pieces.append(
                    Piece(
                        group: task.segment.groups[task.ids.lowerBound + at],
                        timestamps: Array(timestamps[row..<end]), values: Array(values[row..<end]),
                        hasStaleMarkers: Piece.isAnyStale(values[row..<end])))
                open = id
            }
        }
        return pieces
    }

    /// End of the run of equal ids that starts at `start`: doubling steps, then halving.
    private static func endOfRun(_ ids: [Int64], from start: Int) -> Int {
        let id = ids[start]
        var step = 1
        var low = start
        while low + step < ids.count, ids[low + step] == id {
            low += step
            step *= 2
        }
        var high = min(low + step, ids.count)
        // ids[low] == id; ids[high] differs or is the end.
        while high - low > 1 {
            let middle = (low + high) / 2
            if ids[middle] == id { low = middle } else { high = middle }
        }
        return high
    }

    private func assemble(_ selection: SeriesSelection, _ pieces: [Piece]) -> [SeriesRun] {
        var timestamps = [[Int64]](repeating: [], count: selection.groups.count)
        var values = [[Double]](repeating: [], count: selection.groups.count)
        var areStale = [Bool](repeating: false, count: selection.groups.count)
        for piece in pieces {
            let group = Int(piece.group)
            if piece.hasStaleMarkers { areStale[group] = true }
            if timestamps[group].isEmpty {
                timestamps[group] = piece.timestamps
                values[group] = piece.values
            } else if let last = timestamps[group].last, let first = piece.timestamps.first, last < first {
                timestamps[group] += piece.timestamps
                values[group] += piece.values
            } else {
                let merged = RunMerge.merge(timestamps[group], values[group], with: piece.timestamps, piece.values)
                timestamps[group] = merged.timestamps
                values[group] = merged.values
            }
        }
        let present = (0..<UInt32(selection.groups.count)).filter { !timestamps[Int($0)].isEmpty }
        return selection.sortedLabels(of: present).map { entry in
            SeriesRun(
                labels: entry.labels, timestamps: timestamps[Int(entry.group)], values: values[Int(entry.group)],
                hasStaleMarkers: areStale[Int(entry.group)])
        }
    }
}

/// Two runs of one label set that overlap in time.
enum RunMerge {
    /// Both ascend strictly; at equal times `younger` counts.
    static func merge(
        _ timestamps: [Int64], _ values: [Double], with younger: [Int64], _ youngerValues: [Double]
    ) -> (timestamps: [Int64], values: [Double]) {
        var mergedTimes: [Int64] = []
        var mergedValues: [Double] = []
        mergedTimes.reserveCapacity(timestamps.count + younger.count)
        mergedValues.reserveCapacity(timestamps.count + younger.count)
        var a = 0
        var b = 0
        while a < timestamps.count || b < younger.count {
            if b == younger.count || (a < timestamps.count && timestamps[a] < younger[b]) {
                mergedTimes.append(timestamps[a])
                mergedValues.append(values[a])
                a += 1
            } else {
                if a < timestamps.count, timestamps[a] == younger[b] { a += 1 }
                mergedTimes.append(younger[b])
                mergedValues.append(youngerValues[b])
                b += 1
            }
        }
        return (mergedTimes, mergedValues)
    }
}

/// Samples that a query may still load, shared by its scans.
private final class SampleBudget: Sendable {
    private let maximum: Int
    private let taken = Atomic<Int>(0)
    init(maximum: Int) { self.maximum = maximum }

    func take(_ count: Int) throws(SelectError) {
        let total = taken.add(count, ordering: .relaxed).newValue
        if total > maximum { throw SelectError.tooManySamples(limit: maximum) }
    }
}
