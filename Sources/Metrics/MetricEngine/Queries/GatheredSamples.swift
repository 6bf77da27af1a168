import Columnar
import MetricModel
import Platform
import StorageEngine

/// Samples of one id in one segment.
struct SamplePiece: Sendable {
    var group: UInt32
    var timestamps: [Int64]
    var values: SampleValues
    var hasStaleMarkers: Bool

    /// Both in order of time; where they have one time, the younger one's value counts.
    mutating func add(_ younger: SamplePiece) {
        if younger.hasStaleMarkers { hasStaleMarkers = true }
        guard let last = timestamps.last, let first = younger.timestamps.first, last >= first else {
            timestamps += younger.timestamps
            values.append(younger.values)
            return
        }
        let merged = RunMerge.merge(timestamps, values.decoded, with: younger.timestamps, younger.values.decoded)
        timestamps = merged.timestamps
        if hasStaleMarkers {
            hasStaleMarkers = merged.values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
        }
        values = .ready(merged.values)
    }
}

/// The samples of chosen ids, put together from one source after the other, older first.
///
/// - Each id's timestamps ascend strictly; of equal ones the later source's counts, within a source the later row's.
/// - Ids that were sampled together share one array of timestamps, as long as nothing tells them apart.
/// - Values stay encoded, as long as no others have to be put between them.
/// - Rows from memory come a few at a time: they are staged, and joined with what is there at the end.
struct GatheredSamples {
    private struct Entry {
        var whole = SamplePiece(group: 0, timestamps: [], values: .none, hasStaleMarkers: false)
        /// Later than all of `whole`, whose `hasStaleMarkers` speaks for them, too.
        var staged = StagedRows.Chain()

        var count: Int { whole.timestamps.count + staged.count }
    }
    private let keys: [Int64]
    private var entries: [Entry]
    private var staged: StagedRows
    /// The place in `keys` that the source has come to.
    private var at = 0
    private var joins = JoinedTimes()

    /// - Parameter keys: ids, ascending.
    init(_ keys: [Int64], staging: StagedRows = StagedRows()) {
        self.keys = keys
        staged = staging
        entries = [Entry](repeating: Entry(), count: keys.count)
    }

    /// Its rows come by ascending ids.
    mutating func beginSource() { at = 0 }

    /// Rows of an object, where a key comes once.
    /// - Returns: samples more than before.
    mutating func add(_ runs: [StoredRun]) throws -> Int {
        var added = 0
        for run in runs {
            try find(run.id)
            let before = entries[at].count
            var hasStaleMarkers = false
            if run.areDecoded, let values = run.values.ready {
                hasStaleMarkers = values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
            }
            let piece = SamplePiece(
                group: 0, timestamps: run.times, values: run.values, hasStaleMarkers: hasStaleMarkers)
            if before == 0 {
                entries[at].whole = piece
            } else {
                join(at)
                entries[at].whole.add(piece)
            }
            added += entries[at].count - before
        }
        return added
    }

    /// Rows of one id, times ascending strictly.
    /// - Returns: samples more than before.
    mutating func add(
        _ id: Int64, _ timestamps: UnsafeBufferPointer<Int64>, _ values: UnsafeBufferPointer<Double>
    ) throws -> Int {
        try find(id)
        guard let first = timestamps.first else { return 0 }
        // Looked for while the values are near: whoever evaluates them would have to fetch them from memory.
        let areStale = StaleMarker.isAny(in: values)
        let last =
            entries[at].staged.isEmpty ? entries[at].whole.timestamps.last : staged.lastTime(of: entries[at].staged)
        if last.map({ $0 < first }) ?? true {
            if !staged.hasRoom(for: timestamps.count) { joinAll() }
            if staged.hasRoom(for: timestamps.count) {
                if areStale { entries[at].whole.hasStaleMarkers = true }
                staged.append(timestamps, values, to: &entries[at].staged)
            } else {
                entries[at].whole.add(Self.piece(timestamps, values, areStale))
            }
            return timestamps.count
        }
        let before = entries[at].count
        join(at)
        entries[at].whole.add(Self.piece(timestamps, values, areStale))
        return entries[at].count - before
    }

    private static func piece(
        _ timestamps: UnsafeBufferPointer<Int64>, _ values: UnsafeBufferPointer<Double>, _ areStale: Bool
    ) -> SamplePiece {
        SamplePiece(
            group: 0, timestamps: Array(timestamps), values: .ready(Array(values)), hasStaleMarkers: areStale)
    }

    /// Puts what is staged of one id behind the rest.
    private mutating func join(_ at: Int) {
        guard !entries[at].staged.isEmpty else { return }
        var values: [Double] = []
        values.reserveCapacity(entries[at].staged.count)
        staged.appendValues(of: entries[at].staged, to: &values)
        join(at, values: .ready(values))
    }

    /// …of all ids. Values of neighbours share arrays: one of each would be a hundred thousand for a wide query.
    private mutating func joinAll() {
        var start = 0
        while start < entries.count {
            RestingPoint.pass()
            var end = start
            var count = 0
            while end < entries.count, count < SharedValues.usualCount {
                count += entries[end].staged.count
                end += 1
            }
            var values: [Double] = []
            values.reserveCapacity(count)
            for at in start..<end { staged.appendValues(of: entries[at].staged, to: &values) }
            let shared = SharedValues(values)
            var place = 0
            for at in start..<end where !entries[at].staged.isEmpty {
                let range = place..<place + entries[at].staged.count
                place = range.upperBound
                join(at, values: .encoded(shared, range))
            }
            start = end
        }
        staged.removeAll()
    }

    private mutating func join(_ at: Int, values: SampleValues) {
        entries[at].whole.timestamps = joins.join(entries[at].whole.timestamps, entries[at].staged, of: staged)
        entries[at].whole.values.append(values)
        entries[at].staged = StagedRows.Chain()
    }

    /// Rows of which several may have one key: they follow one another, and the last one counts.
    /// - Returns: samples more than before.
    mutating func add(_ batch: RecordBatch) throws -> Int {
        let ids = batch.columns[0].int64s
        let timestamps = batch.columns[1].int64s
        let values = batch.columns[2].float64s
        var added = 0
        var row = 0
        while row < ids.count {
            let id = ids[row]
            var end = row + 1
            var isStrict = true
            while end < ids.count, ids[end] == id {
                if timestamps[end] == timestamps[end - 1] { isStrict = false }
                end += 1
            }
            let kept = isStrict ? nil : (row..<end).filter { $0 + 1 == end || timestamps[$0] != timestamps[$0 + 1] }
            let times = kept.map { $0.map { timestamps[$0] }[...] } ?? timestamps[row..<end]
            let those = kept.map { $0.map { values[$0] }[...] } ?? values[row..<end]
            added += try times.withUnsafeBufferPointer { times in
                try those.withUnsafeBufferPointer { try add(id, times, $0) }
            }
            row = end
        }
        return added
    }

    private mutating func find(_ id: Int64) throws {
        at = keys.firstIndex(notBelow: id, galloping: at)
        guard at < keys.count, keys[at] == id else {
            throw StorageError(.damaged, "a scan for chosen series returned series \(id), which was not asked for")
        }
    }

    static func areSame(_ known: [Int64], _ other: some RandomAccessCollection<Int64>) -> Bool {
        guard known.count == other.count, known.first == other.first, known.last == other.last else { return false }
        return known.withUnsafeBufferPointer { known in
            other.withContiguousStorageIfAvailable { other in
                ByteOrder.areEqual(UnsafeRawBufferPointer(known), UnsafeRawBufferPointer(other))
            } ?? false
        }
    }

    /// One for each id that has samples, in the order of the ids. Call it last.
    /// - Parameter groups: of the keys.
    mutating func pieces(groups: ArraySlice<UInt32>) -> [SamplePiece] {
        joinAll()
        var pieces: [SamplePiece] = []
        pieces.reserveCapacity(entries.count)
        for (at, group) in zip(entries.indices, groups) where entries[at].count > 0 {
            pieces.append(entries[at].whole)
            pieces[pieces.count - 1].group = group
            entries[at] = Entry()
        }
        return pieces
    }
}

/// Timestamps put together from two parts: once for ids that have both in common.
private struct JoinedTimes {
    private var first: [Int64] = []
    private var second: [Int64] = []
    private var joined: [Int64] = []
    private var scratch: [Int64] = []

    mutating func join(_ timestamps: [Int64], _ chain: StagedRows.Chain, of staged: StagedRows) -> [Int64] {
        scratch.removeAll(keepingCapacity: true)
        staged.appendTimes(of: chain, to: &scratch)
        if GatheredSamples.areSame(second, scratch), GatheredSamples.areSame(first, timestamps) { return joined }
        first = timestamps
        second = Array(scratch[...])
        joined = timestamps.isEmpty ? second : timestamps + second
        return joined
    }
}

/// Values of several series, one after the other.
private final class SharedValues: EncodedValues {
    /// Whoever reads one counts the holders of all: two threads that work beside each other shall seldom meet.
    static let usualCount = 8_192

    private let values: [Double]
    init(_ values: [Double]) { self.values = values }

    func decode(_ wanted: Range<Int>, divisor: Double, to out: UnsafeMutablePointer<Double>) {
        precondition(wanted.lowerBound >= 0 && wanted.upperBound <= values.count)
        values.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            out.initialize(from: base + wanted.lowerBound, count: wanted.count)
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
