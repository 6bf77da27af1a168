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
        nextMetric = max(counters[Self.metricCounter] ?? 0, 1)
        metricLimit = nextMetric
        nextSeries = max(counters[Self.seriesCounter] ?? 0, 1)
        seriesLimit = nextSeries
    }

    func has(metrics: Int, series: Int) -> Bool {
        nextMetric + UInt64(metrics) <= metricLimit && nextSeries + UInt64(series) <= seriesLimit
    }

    mutating func takeMetric() -> Int64? {
        guard nextMetric < metricLimit, nextMetric <= UInt64(SeriesID.maximumMetric) else { return nil }
        defer { nextMetric += 1 }
        return Int64(nextMetric)
    }

    mutating func takeSeries() -> Int64? {
        guard nextSeries < seriesLimit, nextSeries <= UInt64(SeriesID.maximumSeries) else { return nil }
        defer { nextSeries += 1 }
        return Int64(nextSeries)
    }
}

/// How many numbers a registration lacks.
struct NumbersNeeded: Sendable, Equatable {
    var metrics: Int
    var series: Int
}
