public import MetricEngine
public import Platform

/// What one query may use beyond samples and time, and what a series may look like: each a flag, each with a default
/// and an error of its own.
///
/// | flag | what its error says |
/// |---|---|
/// | `query.max-series` | 422, the query selects too many series |
/// | `query.max-memory` | 422, the query needs too much memory |
/// | `query.max-points` | 400, exceeded maximum resolution |
/// | `query.queue-timeout` | 503, the query timed out in the queue |
/// | `limit-…` | 400 on a write: what was refused is counted, the rest is stored |
public struct BoundSettings: Sendable, Equatable {
    /// Series that one query may select. At least 1.
    public var querySeries = 5_000_000
    /// Bytes that one query may hold: samples, labels, intermediate results; nil: its share of `MemoryPlan`, 1 GiB at
    /// most. At least 1 MiB.
    public var queryMemory: ByteCount?
    /// Steps of a range query. 1 … 10,000,000.
    public var queryPoints = 11_000
    /// How long a query waits for its turn. 0 … 1 day.
    public var queueTimeout = Duration.seconds(10)
    /// Of samples and their series.
    public var limits = MetricLimits()

    public init() {}

    static let names = [
        "query.max-series", "query.max-memory", "query.max-points", "query.queue-timeout", "limit-series",
        "limit-labels-per-series", "limit-label-name-bytes", "limit-label-value-bytes", "limit-future-skew",
    ]

    /// - Returns: what would do, when `text` does not.
    mutating func apply(_ name: String, _ text: String) -> String? {
        func number(_ range: ClosedRange<Int>, _ path: WritableKeyPath<Self, Int>) -> String? {
            guard let value = Int(text), range.contains(value) else {
                return "use \(range.lowerBound) … \(range.upperBound)"
            }
            self[keyPath: path] = value
            return nil
        }
        switch name {
        case "query.max-series": return number(1...1_000_000_000, \.querySeries)
        case "query.max-memory":
            guard let size = ByteCount(text: text), size >= .mebibytes(1), size <= .mebibytes(1 << 20) else {
                return "use 1MiB … 1TiB"
            }
            queryMemory = size
        case "query.max-points": return number(1...10_000_000, \.queryPoints)
        case "query.queue-timeout":
            guard let time = DurationParameter.parse(text), (0...86_400_000).contains(time) else {
                return "use a length of time up to 1d, as in 10s"
            }
            queueTimeout = .milliseconds(time)
        case "limit-series": return number(1...1_000_000_000, \.limits.series)
        case "limit-labels-per-series": return number(1...1_024, \.limits.labelsPerSeries)
        case "limit-label-name-bytes": return number(1...65_536, \.limits.labelNameBytes)
        case "limit-label-value-bytes": return number(1...1 << 20, \.limits.labelValueBytes)
        case "limit-future-skew":
            guard let time = DurationParameter.parse(text), time >= 0 else {
                return "use a length of time, as in 10m"
            }
            limits.futureSkew = time
        default: break
        }
        return nil
    }

    var shown: [(name: String, value: String)] {
        [
            ("query.max-series", "\(querySeries)"),
            ("query.max-memory", queryMemory.map { "\($0)" } ?? "1 GiB or less"),
            ("query.max-points", "\(queryPoints)"), ("query.queue-timeout", ServeSettings.text(queueTimeout)),
            ("limit-series", "\(limits.series)"), ("limit-labels-per-series", "\(limits.labelsPerSeries)"),
            ("limit-label-name-bytes", "\(limits.labelNameBytes)"),
            ("limit-label-value-bytes", "\(limits.labelValueBytes)"),
            ("limit-future-skew", ServeSettings.text(.milliseconds(limits.futureSkew))),
        ]
    }
}
