import MetricEngine
public import MetricModel
import Platform
public import PromQL

extension Database {
    /// Evaluates an expression at one instant.
    /// - Parameters:
    ///   - expression: PromQL.
    ///   - time: milliseconds since the Unix epoch; nil: now.
    ///   - options: bounds for this query; nil: the database's.
    /// - Throws: `QueryError`.
    public func query(
        _ expression: String, at time: Int64? = nil, options: QueryOptions? = nil
    ) async throws(QueryError) -> QueryResult {
        try await engine(options).instant(expression, at: time ?? environment.time.now())
    }

    /// Evaluates an expression at `start`, `start + step`, … up to `end`, all in milliseconds.
    public func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64, options: QueryOptions? = nil
    ) async throws(QueryError) -> QueryResult {
        try await engine(options).range(expression, start: start, end: end, step: step)
    }

    /// How many samples and steps an evaluation may look at, at most, told without reading any: to keep questions about
    /// little from waiting behind those about everything.
    /// - Parameter step: milliseconds; nil: at `start` only.
    /// - Returns: 0 for an expression that is refused; nil where it cannot be told.
    public func reach(
        of expression: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions? = nil
    ) -> Int? {
        QueryReach.samples(
            of: expression, start: start, end: end, step: step, options: options ?? self.options.queries,
            parsed: parsed
        ) { store.selectionBound($0.matchers, start: $0.start, end: $0.end) }
    }

    /// Samples in memory that the next query puts in order before it sees any of them.
    public var unsortedSamples: Int { store.unsortedSamples }

    /// What a question about labels or series may look at, at most, told without looking; see `SelectionBound`.
    /// - Parameter matchers: as those of `labelNames`.
    /// - Returns: nil where the series of an older segment would have to be read first.
    public func labelReach(matching matchers: [[LabelMatcher]], start: Int64, end: Int64) -> SelectionBound? {
        var sum = SelectionBound(series: 0, looks: 0)
        for set in matchers.isEmpty ? [[]] : matchers {
            guard let bound = store.selectionBound(set, start: start, end: end) else { return nil }
            sum = sum + bound
        }
        return sum
    }

    private func engine(_ options: QueryOptions?) -> QueryEngine {
        QueryEngine(source: store, options: options ?? self.options.queries, parsed: parsed)
    }

    /// Names of labels of series alive in the range, in byte order.
    /// - Parameter matchers: a series counts when it matches any of these sets; none: every series.
    public func labelNames(
        matching matchers: [[LabelMatcher]] = [], start: Int64 = .min, end: Int64 = .max, limit: Int? = nil
    ) async throws -> [String] {
        try await store.labelNames(LabelRequest(matcherSets: matchers, start: start, end: end, limit: limit))
    }

    public func labelValues(
        of name: String, matching matchers: [[LabelMatcher]] = [], start: Int64 = .min, end: Int64 = .max,
        limit: Int? = nil
    ) async throws -> [String] {
        try await labelValueTexts(of: name, matching: matchers, start: start, end: end, limit: limit).strings
    }

    /// The same without a string for each.
    public func labelValueTexts(
        of name: String, matching matchers: [[LabelMatcher]] = [], start: Int64 = .min, end: Int64 = .max,
        limit: Int? = nil
    ) async throws -> TextList {
        try await store.labelValues(
            of: name, LabelRequest(matcherSets: matchers, start: start, end: end, limit: limit))
    }

    /// Label sets of series alive in the range.
    public func series(
        matching matchers: [[LabelMatcher]], start: Int64 = .min, end: Int64 = .max, limit: Int? = nil
    ) async throws -> [Labels] {
        try await store.series(LabelRequest(matcherSets: matchers, start: start, end: end, limit: limit))
    }

    /// Type, help and unit of a metric family, or of all of them.
    public func metadata(of family: String? = nil) -> [MetricMetadata] { store.metadata(of: family) }
}
