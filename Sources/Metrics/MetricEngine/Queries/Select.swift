import Columnar
import ManifestLog
public import MetricModel
import ObjectStorage
import Platform
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
            let pieces =
                request.newestOnly
                ? try await newest(selection, times, snapshot, maximum: request.maximumSamples)
                : try await scan(selection, times, snapshot, maximum: request.maximumSamples)
            return assemble(selection, pieces)
        } catch let error as StorageError {
            throw SelectError.storage(error.text)
        }
    }

    /// One sample of each series, while all of them are in the registry, each with one id, in one segment: else `select`
    /// puts label sets together.
    public func newest(_ request: SelectRequest) async throws -> NewestVector? {
        guard request.start <= request.end else { return nil }
        do {
            let snapshot = region.snapshot
            let times = request.start...request.end
            let ranges = snapshot.segments(of: SamplesTable.number, overlapping: times)
            let view = registry.view()
            guard ranges.count == 1, !view.unloaded.contains(ranges[0].lowerBound), view.extraIDs.isEmpty,
                let alive = view.alive[ranges[0].lowerBound]
            else { return nil }
            var chosen = view.index.select(request.matchers, among: alive)
            if chosen.count > request.maximumSeries {
                throw SelectError.tooManySeries(chosen.count, limit: request.maximumSeries)
            }
            let ids = view.takeIDs(inOrderFor: &chosen)
            var newest = NewestSamples(ids, in: times)
            let (sources, counters) = try snapshot.sources(
                of: ScanRequest(table: SamplesTable.number, segment: ranges[0], times: times, keys: ids))
            try await newest.take(sources, counters, tails)
            sweepTails(snapshot)
            let vector = newest.vector(IndexedLabels(view.index, chosen), chosen)
            try SampleBudget(maximum: request.maximumSamples).take(vector.count)
            return vector
        } catch let error as StorageError {
            throw SelectError.storage(error.text)
        }
    }

    private func sweepTails(_ snapshot: Snapshot) {
        guard tails.isCrowded else { return }
        tails.sweep(live: Set(snapshot.objects.map(\.id)))
    }

    /// A part of a segment's ids.
    private struct ScanTask: Sendable {
        var segment: SeriesSelection.Segment
        var ids: Range<Int>
    }

    /// Pieces of one sample each, in order of segment and id.
    private func newest(
        _ selection: SeriesSelection, _ times: ClosedRange<Int64>, _ snapshot: Snapshot, maximum: Int
    ) async throws -> [SamplePiece] {
        let budget = SampleBudget(maximum: maximum)
        var pieces: [SamplePiece] = []
        for segment in selection.segments {
            var newest = NewestSamples(segment.ids, in: times)
            let (sources, counters) = try snapshot.sources(
                of: ScanRequest(table: SamplesTable.number, segment: segment.range, times: times, keys: segment.ids))
            try await newest.take(sources, counters, tails)
            sweepTails(snapshot)
            pieces += newest.pieces(groups: segment.groups[...])
        }
        try budget.take(pieces.count)
        return pieces
    }

    /// Pieces in order of segment and id.
    private func scan(
        _ selection: SeriesSelection, _ times: ClosedRange<Int64>, _ snapshot: Snapshot, maximum: Int
    ) async throws -> [SamplePiece] {
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
        var results = [[SamplePiece]](repeating: [], count: tasks.count)
        if tasks.count == 1 {
            return try await Self.scan(tasks[0], times, snapshot, budget)
        }
        try await withThrowingTaskGroup(of: (Int, [SamplePiece]).self) { group in
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
    private static let rowsPerTask = 2_000_000
    /// Between scrapes, as most are set up. Only the number of tasks follows from it.
    private static let usualInterval: Int64 = 15_000

    /// About how many rows a selection reads of a segment.
    private static func rows(_ segment: SeriesSelection.Segment, _ times: ClosedRange<Int64>) -> Int {
        let first = max(segment.range.lowerBound, times.lowerBound)
        let last = min(segment.range.upperBound, times.upperBound)
        let perSeries = last > first ? Int((last &- first) / usualInterval) + 1 : 1
        return segment.ids.count.multipliedReportingOverflow(by: perSeries).partialValue
    }

    /// Pieces in the order of the task's ids.
    private static func scan(
        _ task: ScanTask, _ times: ClosedRange<Int64>, _ snapshot: Snapshot, _ budget: SampleBudget
    ) async throws -> [SamplePiece] {
        let keys = Array(task.segment.ids[task.ids])
        var gathered = GatheredSamples(keys)
        let (sources, counters) = try snapshot.sources(
            of: ScanRequest(table: SamplesTable.number, segment: task.segment.range, times: times, keys: keys))
        for source in sources {
            gathered.beginSource()
            if let cursor = try await source.cursorOfObject() as? SamplesCursor {
                while let runs = try await cursor.nextRuns() {
                    try Task.checkCancellation()
                    RestingPoint.pass()
                    let rows = runs.reduce(0) { $0 + $1.times.count }
                    counters.add { $0.rowsRead += UInt64(rows) }
                    try budget.take(try gathered.add(runs))
                }
            } else {
                try Task.checkCancellation()
                RestingPoint.pass()
                var added = 0
                if try source.forEachKey({ added += try gathered.add($0, $1, $2) }) {
                    try budget.take(added)
                    continue
                }
                while let batch = try await source.next() {
                    try Task.checkCancellation()
                    RestingPoint.pass()
                    try budget.take(try gathered.add(batch))
                }
            }
        }
        let pieces = gathered.pieces(groups: task.segment.groups[task.ids])
        counters.add { $0.rowsReturned += pieces.reduce(0) { $0 + UInt64($1.timestamps.count) } }
        return pieces
    }

    private func assemble(_ selection: SeriesSelection, _ pieces: consuming [SamplePiece]) -> [SeriesRun] {
        // The first piece of each label set has them all in the end; most have one.
        var first = [Int](repeating: -1, count: selection.groups.count)
        for at in pieces.indices {
            let group = Int(pieces[at].group)
            if first[group] < 0 {
                first[group] = at
            } else {
                let younger = pieces[at]
                pieces[first[group]].add(younger)
            }
        }
        let present = (0..<UInt32(selection.groups.count)).filter { first[Int($0)] >= 0 }
        let sorted = selection.sortedLabels(of: present)
        var runs: [SeriesRun] = []
        runs.reserveCapacity(sorted.count)
        for entry in sorted {
            let at = first[Int(entry.group)]
            runs.append(
                SeriesRun(
                    labels: entry.labels, timestamps: pieces[at].timestamps, samples: pieces[at].values,
                    hasStaleMarkers: pieces[at].hasStaleMarkers))
        }
        return runs
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

extension RegistryView {
    /// The ids of the chosen series, ascending; the ordinals in the same order.
    fileprivate func takeIDs(inOrderFor chosen: inout [UInt32]) -> [Int64] {
        // A question may be about a million series.
        var found = [Int64](unsafeUninitializedCapacity: chosen.count) { found, filled in
            HugePages.prefer(found)
            for (at, ordinal) in chosen.enumerated() { found[at] = ids[Int(ordinal)] }
            filled = chosen.count
        }
        if found.isAscending { return found }
        // Ids begin with the metric's number, and series of one metric mostly rise with their ordinals.
        chosen.sort { a, b in
            let (x, y) = (ids[Int(a)], ids[Int(b)])
            return x < y
        }
        found = chosen.map { ids[Int($0)] }
        return found
    }
}

extension [Int64] {
    fileprivate var isAscending: Bool {
        withUnsafeBufferPointer { values in
            for i in values.indices.dropFirst() where values[i] <= values[i - 1] { return false }
            return true
        }
    }
}
