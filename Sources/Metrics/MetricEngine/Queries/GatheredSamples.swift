import Columnar
import MetricModel
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
struct GatheredSamples {
    private let keys: [Int64]
    private var entries: [SamplePiece]
    /// The place in `keys` that the source has come to.
    private var at = 0
    /// Timestamps of the piece before: most often those of the next one too.
    private var lastTimestamps: [Int64] = []

    /// - Parameter keys: ids, ascending.
    init(_ keys: [Int64]) {
        self.keys = keys
        entries = [SamplePiece](
            repeating: SamplePiece(group: 0, timestamps: [], values: .none, hasStaleMarkers: false), count: keys.count)
    }

    /// Its rows come by ascending ids.
    mutating func beginSource() { at = 0 }

    /// Rows of an object, where a key comes once.
    /// - Returns: samples more than before.
    mutating func add(_ runs: [StoredRun]) throws -> Int {
        var added = 0
        for run in runs {
            try find(run.id)
            let before = entries[at].timestamps.count
            var hasStaleMarkers = false
            if run.areDecoded, case .ready(let values) = run.values {
                hasStaleMarkers = values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
            }
            if before == 0 {
                entries[at].timestamps = run.times
                entries[at].values = run.values
                entries[at].hasStaleMarkers = hasStaleMarkers
            } else {
                entries[at].add(
                    SamplePiece(group: 0, timestamps: run.times, values: run.values, hasStaleMarkers: hasStaleMarkers))
            }
            added += entries[at].timestamps.count - before
        }
        return added
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
            if isStrict {
                added += try add(id, timestamps[row..<end], values[row..<end])
            } else {
                let kept = (row..<end).filter { $0 + 1 == end || timestamps[$0] != timestamps[$0 + 1] }
                added += try add(id, kept.map { timestamps[$0] }[...], kept.map { values[$0] }[...])
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

    private mutating func add(_ id: Int64, _ timestamps: ArraySlice<Int64>, _ values: ArraySlice<Double>) throws -> Int
    {
        try find(id)
        let before = entries[at].timestamps.count
        // Looked for while the values are near: whoever evaluates them would have to fetch them from memory.
        let areStale = values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
        if before == 0 {
            if !Self.areSame(lastTimestamps, timestamps) { lastTimestamps = Array(timestamps) }
            entries[at].timestamps = lastTimestamps
            entries[at].values = .ready(Array(values))
            entries[at].hasStaleMarkers = areStale
        } else if let last = entries[at].timestamps.last, let first = timestamps.first, last < first {
            entries[at].timestamps += timestamps
            entries[at].values.append(values)
            if areStale { entries[at].hasStaleMarkers = true }
        } else {
            entries[at].add(
                SamplePiece(
                    group: 0, timestamps: Array(timestamps), values: .ready(Array(values)), hasStaleMarkers: areStale))
        }
        return entries[at].timestamps.count - before
    }

    static func areSame(_ known: [Int64], _ other: some RandomAccessCollection<Int64>) -> Bool {
        guard known.count == other.count, known.first == other.first, known.last == other.last else { return false }
        return known.withUnsafeBufferPointer { known in
            other.withContiguousStorageIfAvailable { other in
                ByteOrder.areEqual(UnsafeRawBufferPointer(known), UnsafeRawBufferPointer(other))
            } ?? false
        }
    }

    /// One for each id that has samples, in the order of the ids.
    /// - Parameter groups: of the keys.
    func pieces(groups: ArraySlice<UInt32>) -> [SamplePiece] {
        zip(groups, entries).compactMap { group, entry in
            if entry.timestamps.isEmpty { return nil }
            var entry = entry
            entry.group = group
            return entry
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
