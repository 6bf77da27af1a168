/// Bounds and defaults of query evaluation.
public struct QueryOptions: Sendable, Equatable {
    /// How far back an instant selector looks. Default 5 min.
    public var lookback = Duration.seconds(300)
    /// Step of a subquery that names none. Default 1 min.
    public var defaultSubqueryStep = Duration.seconds(60)
    /// Samples loaded by one query. Default 50 M.
    public var maximumSamples = 50_000_000
    /// Series selected by one query. Default 5 M.
    public var maximumSeries = 5_000_000
    /// Bytes held by one query: samples, labels, intermediate columns. Default 1 GiB.
    public var maximumMemory = 1 << 30
    /// Wall time. Default 2 min.
    public var timeout = Duration.seconds(120)
    /// Bytes of query text. Default 64 KiB.
    public var maximumQueryLength = 64 << 10
    /// Nesting. Default 128.
    public var maximumDepth = 128
    /// Tokens. Default 10,000.
    public var maximumTokens = 10_000
    /// Evaluators that one query may use side by side. Default 2.
    public var parallelism = 2
    /// Below so many steps for each, and so many values in all, another evaluator costs more than it gives.
    var stepsPerEvaluator = 128
    var valuesForSeveral = 1 << 20
    public var enableExperimentalFunctions = false
    /// Names that functions drop stay readable until the end of the query (Prometheus's feature flag
    /// `promql-delayed-name-removal`). Default off, as there: they go at once, and two series that only differed in
    /// their names are an error.
    public var delayedNameRemoval = false
    /// Counters use the start timestamps of their samples, where the source has any (Prometheus's feature flag
    /// `use-start-timestamps`). Default off, as there.
    public var usesStartTimestamps = false

    public init() {}
}
