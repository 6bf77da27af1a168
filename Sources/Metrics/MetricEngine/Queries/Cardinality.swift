public import MetricModel
import StorageEngine
import Synchronization

/// What a store counts.
public struct MetricStatistics: Sendable, Equatable {
    /// Series in memory.
    public var series = 0
    /// Series with samples in the newest segment.
    public var liveSeries = 0
    /// Samples stored since the start, repeats included.
    public var samplesStored = 0
    /// Samples refused since the start, by reason.
    public var samplesRefused: [SampleRefusal: Int] = [:]
    /// Bytes of the series index and of the identity tables, about.
    public var indexBytes = 0
    /// Bytes of the last samples that are kept of series in objects.
    public var tailBytes = 0
    /// Bytes of the unpacked pages that are kept for queries, about.
    public var pageBytes = 0
    /// Bytes of what finds rows in large row groups, about.
    public var rowIndexBytes = 0
    /// Bytes of the series indexes of older segments, about.
    public var olderIndexBytes = 0
    /// Metric families with metadata.
    public var metadataFamilies = 0
    public init() {}
}

/// Where series come from: what fills an index. Of the newest segment.
public struct Cardinality: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var count: Int
        public init(_ name: String, _ count: Int) {
            self.name = name
            self.count = count
        }
    }
    public var series = 0
    /// Pairs of label name and value.
    public var labelPairs = 0
    /// First and last sample of all segments, milliseconds; nil when there is none.
    public var times: ClosedRange<Int64>?
    /// Metrics with the most series.
    public var seriesByMetric: [Entry] = []
    /// Labels with the most distinct values.
    public var valuesByLabel: [Entry] = []
    /// Pairs `name=value` with the most series.
    public var seriesByPair: [Entry] = []
    /// Labels whose names and values take the most bytes, one value counted once.
    public var bytesByLabel: [Entry] = []
    /// Values of the label asked for, by series.
    public var seriesByFocus: [Entry] = []
    public init() {}
}

extension MetricStore {
    public var statistics: MetricStatistics {
        var statistics = MetricStatistics()
        let totals = appendTotals
        statistics.samplesStored = totals.samplesStored
        statistics.samplesRefused = totals.refused
        registry.state.withLock { state in
            statistics.series = state.index.count
            statistics.indexBytes = state.index.memory
            if let newest = state.segments.keys.max() {
                statistics.liveSeries = state.segments[newest]?.alive.count ?? 0
            }
        }
        statistics.indexBytes += registry.spellings.memory
        statistics.tailBytes = tails.memory
        statistics.pageBytes = samplesLayout?.cachedBytes ?? 0
        statistics.rowIndexBytes = samplesLayout?.indexBytes ?? 0
        statistics.olderIndexBytes = indexes.memory
        statistics.metadataFamilies = metadataCache.all.count
        return statistics
    }

    /// The `limit` largest of each kind, largest first.
    /// - Parameters:
    ///   - matcherSets: only series that satisfy all matchers of one set count; no set: every series.
    ///   - focus: a label whose values are counted by series.
    /// - Throws: `StorageError`, `CancellationError`.
    public func cardinality(
        limit: Int = 10, matching matcherSets: [[LabelMatcher]] = [], focus: String? = nil
    ) async throws -> Cardinality {
        let snapshot = region.snapshot
        let ranges = snapshot.segments(of: SamplesTable.number, overlapping: Int64.min...Int64.max)
        guard let newest = ranges.max(by: { $0.lowerBound < $1.lowerBound }) else { return Cardinality() }
        // After a start the series of stored segments are not in memory until the first write asks for them.
        let view = registry.view()
        var alive = view.alive[newest.lowerBound] ?? OrdinalSet()
        var index = view.index
        if view.unloaded.contains(newest.lowerBound) {
            let stored = try await indexes.index(newest, in: snapshot)
            (index, alive) = (stored.index, stored.all)
        }
        if !matcherSets.isEmpty {
            var chosen = OrdinalSet()
            for matchers in matcherSets {
                for ordinal in index.select(matchers, among: alive) { chosen.insert(ordinal) }
            }
            alive = chosen
        }
        var cardinality = index.cardinality(of: alive, limit: max(limit, 0), focus: focus)
        cardinality.times = snapshot.timeBounds(of: SamplesTable.number)
        return cardinality
    }
}

extension LabelIndexView {
    func cardinality(of alive: OrdinalSet, limit: Int, focus: String?) -> Cardinality {
        var cardinality = Cardinality()
        var ofMetric = [Int](repeating: 0, count: metrics.count)
        var ofPair = values.map { [Int](repeating: 0, count: $0.count) }
        let all = UInt32(count)
        alive.visit { ordinal in
            guard ordinal < all else { return }
            cardinality.series += 1
            ofMetric[Int(metricOf[Int(ordinal)])] += 1
            let first = firstCode(of: ordinal)
            for (k, name) in names(ofShape: shapeOf[Int(ordinal)]).enumerated() {
                ofPair[Int(name)][Int(codes[first + k])] += 1
            }
        }
        cardinality.seriesByMetric = largest(ofMetric.enumerated(), limit) { metrics.string(UInt32($0)) }
        var distinct: [Int] = []
        var bytes: [Int] = []
        var pairs: [(name: Int, code: Int, count: Int)] = []
        for (name, counts) in ofPair.enumerated() {
            let present = counts.indices.filter { counts[$0] > 0 }
            distinct.append(present.count)
            bytes.append(
                present.reduce(0) { $0 + values[name].text(UInt32($1)).count + names.text(UInt32(name)).count })
            let top = present.sorted { (counts[$0], $1) > (counts[$1], $0) }.prefix(limit)
            pairs += top.map { (name, $0, counts[$0]) }
        }
        cardinality.labelPairs = distinct.reduce(0, +)
        cardinality.valuesByLabel = largest(distinct.enumerated(), limit) { names.string(UInt32($0)) }
        cardinality.bytesByLabel = largest(bytes.enumerated(), limit) { names.string(UInt32($0)) }
        cardinality.seriesByPair = largest(pairs, limit)
        if let focus, focus.hasSameBytes(as: Labels.metricNameLabel) {
            cardinality.seriesByFocus = cardinality.seriesByMetric
        } else if let name = focus.flatMap(names.code(of:)) {
            cardinality.seriesByFocus = largest(ofPair[Int(name)].enumerated(), limit) {
                values[Int(name)].string(UInt32($0))
            }
        }
        return cardinality
    }

    private func largest(
        _ counts: EnumeratedSequence<[Int]>, _ limit: Int, _ name: (Int) -> String
    ) -> [Cardinality.Entry] {
        let top = counts.filter { $0.element > 0 }.sorted {
            ($0.element, $1.offset) > ($1.element, $0.offset)
        }
        return top.prefix(limit).map { Cardinality.Entry(name($0.offset), $0.element) }
    }

    private func largest(_ pairs: [(name: Int, code: Int, count: Int)], _ limit: Int) -> [Cardinality.Entry] {
        let top = pairs.sorted { ($0.count, $1.name, $1.code) > ($1.count, $0.name, $0.code) }
        return top.prefix(limit).map { pair in
            let text = names.string(UInt32(pair.name)) + "=" + values[pair.name].string(UInt32(pair.code))
            return Cardinality.Entry(text, pair.count)
        }
    }
}
