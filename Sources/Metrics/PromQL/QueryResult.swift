public import MetricModel

/// One series of a range query: the steps at which it has a value.
public struct ResultSeries: Sendable {
    public var labels: Labels
    /// Milliseconds, ascending.
    public var timestamps: [Int64]
    public var values: [Double]
    public init(labels: Labels, timestamps: [Int64], values: [Double]) {
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
    }
}

/// One sample of an instant query.
public struct ResultSample: Sendable {
    public var labels: Labels
    /// Milliseconds since the epoch: the evaluation time.
    public var timestamp: Int64
    public var value: Double
    public init(labels: Labels, timestamp: Int64, value: Double) {
        self.labels = labels
        self.timestamp = timestamp
        self.value = value
    }
}

public enum QueryValue: Sendable {
    case scalar(timestamp: Int64, value: Double)
    case string(timestamp: Int64, value: String)
    /// In the order that the expression yields: `sort` is kept.
    case vector([ResultSample])
    /// Range queries: sorted by labels. An instant query of a range selector yields raw samples.
    case matrix([ResultSeries])
}

/// What a query answered, and what Prometheus would have remarked about it.
public struct QueryResult: Sendable {
    public var value: QueryValue
    public var warnings: [String]
    public var infos: [String]
    public var statistics: QueryStatistics
    public init(value: QueryValue, warnings: [String] = [], infos: [String] = [], statistics: QueryStatistics = .init())
    {
        self.value = value
        self.warnings = warnings
        self.infos = infos
        self.statistics = statistics
    }
}

public struct QueryStatistics: Sendable, Equatable {
    /// Samples that evaluation looked at.
    public var totalSamples = 0
    /// The most that were held at once.
    public var peakSamples = 0
    public init() {}
}
