import MetricModel

/// Metric and series numbers that this claim may hand out: blocks that the manifest has reserved for good.
///
/// - A number is handed out once, by one claim, ever: what is left of a block when the process ends is never used.
struct SeriesNumbers: Sendable, Equatable {
    static let metricCounter = "metric-numbers"
    static let seriesCounter = "series-numbers"
    /// 24 bits of metric numbers last for 65,536 openings that each meet a new metric.
    static let metricBlock: UInt64 = 256
    static let seriesBlock: UInt64 = 65_536

    /// 0 is never handed out: a zeroed id is then always a mistake.
    var nextMetric: UInt64 = 1
    var metricLimit: UInt64 = 0
    var nextSeries: UInt64 = 1
    var seriesLimit: UInt64 = 0

    init() {}

    /// Starts after everything that was ever reserved.
    init(counters: [String: UInt64]) {
        // A counter from a file may be anything; past the bits of an id there are no numbers.
        nextMetric = min(max(counters[Self.metricCounter] ?? 0, 1), UInt64(SeriesID.maximumMetric) + 1)
        metricLimit = nextMetric
        nextSeries = min(max(counters[Self.seriesCounter] ?? 0, 1), UInt64(SeriesID.maximumSeries) + 1)
        seriesLimit = nextSeries
    }

    /// An id that is there already, in the log: numbers go on after it, whatever the manifest says of them. A manifest that
    /// was made again knows the numbers in objects only.
    mutating func skip(_ id: SeriesID) {
        guard id.rawValue > 0 else { return }
        nextMetric = max(nextMetric, min(UInt64(id.metric), UInt64(SeriesID.maximumMetric)) + 1)
        metricLimit = max(metricLimit, nextMetric)
        nextSeries = max(nextSeries, min(UInt64(id.series), UInt64(SeriesID.maximumSeries)) + 1)
        seriesLimit = max(seriesLimit, nextSeries)
    }

    /// Whether so many numbers can be handed out now.
    func has(_ needed: NumbersNeeded) -> Bool {
        nextMetric + UInt64(needed.metrics) <= metricLimit && nextSeries + UInt64(needed.series) <= seriesLimit
    }

    /// Whether so many numbers will never be had again: the bits of an id are used up.
    func lacksForGood(_ needed: NumbersNeeded) -> Bool {
        nextMetric + UInt64(needed.metrics) > UInt64(SeriesID.maximumMetric) + 1
            || nextSeries + UInt64(needed.series) > UInt64(SeriesID.maximumSeries) + 1
    }

    /// - Precondition: `has` one.
    mutating func takeMetric() -> Int64 {
        precondition(nextMetric < metricLimit && nextMetric <= UInt64(SeriesID.maximumMetric))
        defer { nextMetric += 1 }
        return Int64(nextMetric)
    }

    /// - Precondition: `has` one.
    mutating func takeSeries() -> Int64 {
        precondition(nextSeries < seriesLimit && nextSeries <= UInt64(SeriesID.maximumSeries))
        defer { nextSeries += 1 }
        return Int64(nextSeries)
    }
}

/// How many numbers a registration lacks.
struct NumbersNeeded: Sendable, Equatable {
    var metrics: Int
    var series: Int
}
