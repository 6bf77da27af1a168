/// Bounds and defaults of query evaluation.
public struct QueryOptions: Sendable, Equatable {
    /// How far back an instant selector looks. Default 5 min.
    public var lookback = Duration.seconds(300)
    /// Step of a subquery that names none. Default 1 min.
    public var defaultSubqueryStep = Duration.seconds(60)
    /// Samples loaded by one query. Default 50 M.
    public var maximumSamples = 50_000_000
    /// Wall time. Default 2 min.
    public var timeout = Duration.seconds(120)
    /// Bytes of query text. Default 64 KiB.
    public var maximumQueryLength = 64 << 10
    /// Nesting. Default 128.
    public var maximumDepth = 128
    /// Tokens. Default 10,000.
    public var maximumTokens = 10_000
    public var enableExperimentalFunctions = false
    /// Names that functions drop stay readable until the end of the query (Prometheus's feature flag
    /// `promql-delayed-name-removal`). Default off, as there: they go at once, and two series that only differed in
    /// their names are an error.
    public var delayedNameRemoval = false

    public init() {}
}
