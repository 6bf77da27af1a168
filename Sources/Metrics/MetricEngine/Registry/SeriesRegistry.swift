import Columnar
import MetricModel
import Platform
import StorageEngine
import Synchronization

/// The identity of series: spellings and label sets to ordinals, ordinals to ids, ids to segments.
///
/// - Readers and known series take one short lock; new series go through `SeriesRegistration`, one batch at a time.
/// - A series becomes alive in a segment, and its spelling known, only after its row was staged: whoever sees its id
///   is staged later in the log.
final class SeriesRegistry: Sendable {
    let hash: KeyedHash128
    let names: MetricNames
    let segmentLength: Int64
    let limits: MetricLimits
    let spellings: SpellingCache
    let state: Mutex<RegistryState>

    init(segmentLength: Int64, limits: MetricLimits, names: MetricNames, random: any RandomSource) {
        precondition(segmentLength > 0)
        hash = KeyedHash128(random: random)
        self.names = names
        self.segmentLength = segmentLength
        self.limits = limits
        // Two senders with spellings of their own fit; the third empties the cache now and then.
        spellings = SpellingCache(limit: 2 * min(limits.series, 1 << 28) + 65_536)
        state = Mutex(RegistryState(hash: hash))
    }

    /// Start of the segment of a time within `MetricLimits.earliest ... latest`.
    @inline(__always)
    func segment(of time: Int64) -> Int64 {
        let rest = time % segmentLength
        return time - (rest < 0 ? rest + segmentLength : rest)
    }

    var seriesCount: Int { state.withLock { $0.index.count } }

    /// What a query reads, taken after the snapshot of the region: then every visible sample's series is in it.
    func view() -> RegistryView {
        state.withLock { state in
            RegistryView(
                index: state.index.view(), ids: state.ids.view, extraIDs: state.extraIDs,
                alive: state.segments.mapValues(\.alive), unloaded: state.unloaded)
        }
    }

    /// Ids of samples whose series are all known and need no row; marks them alive. nil: registration is needed.
    func prepareKnown(_ columns: SampleColumns) -> [Int64]? {
        guard let first = columns.timestamps.min(), let last = columns.timestamps.max() else { return [] }
        let isOneSegment = segment(of: first) == segment(of: last)
        return state.withLock { state in
            let ids = state.ids.view
            var gathered: [Int64] = []
            gathered.reserveCapacity(columns.count)
            for ordinal in columns.series { gathered.append(ids[Int(ordinal)]) }
            if isOneSegment {
                guard state.makeAlive(columns.series[...], in: segment(of: first), length: segmentLength) else {
                    return nil
                }
                return gathered
            }
            var at = 0
            while at < columns.count {
                let start = segment(of: columns.timestamps[at])
                var end = at + 1
                while end < columns.count, segment(of: columns.timestamps[end]) == start { end += 1 }
                guard state.makeAlive(columns.series[at..<end], in: start, length: segmentLength) else { return nil }
                at = end
            }
            return gathered
        }
    }

    /// Labels in words, for refusals.
    func describe(_ ordinal: UInt32) -> String {
        let view = state.withLock { $0.index.view() }
        let metric = Array(view.metric(of: ordinal))
        return SeriesText.describe(metric: metric[...], labels: view.canonicalLabels(of: ordinal)[...])
    }
}

extension RegistryState {
    /// Marks the series alive in the segment; false, when one of them needs its row logged first.
    fileprivate mutating func makeAlive(_ ordinals: ArraySlice<UInt32>, in segment: Int64, length: Int64) -> Bool {
        var news: [UInt32] = []
        if let series = segments[segment] {
            for ordinal in ordinals where !series.alive.contains(ordinal) { news.append(ordinal) }
            guard !news.isEmpty else { return true }
        } else {
            news = Array(ordinals)
        }
        let place = SegmentPlace(segment, length, self)
        for ordinal in news where place.needsRow(ordinal) { return false }
        makeAlive(news.map { SeriesInSegment(segment: segment, ordinal: $0) })
        return true
    }
}

/// The registry at one moment.
struct RegistryView: Sendable {
    let index: LabelIndexView
    let ids: ColumnView<Int64>
    let extraIDs: [UInt32: [Int64]]
    let alive: [Int64: OrdinalSet]
    let unloaded: Set<Int64>
}
