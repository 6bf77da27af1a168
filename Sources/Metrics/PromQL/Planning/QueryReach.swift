public import MetricModel

/// How much a query may look at, told before anything is read: so that questions about little need not wait behind those
/// about everything.
///
/// - Never too small for samples that are at least `interval` apart; often too large, since what matchers leave of a metric
///   with many series is not counted.
/// - Costs a parse and a plan.
public enum QueryReach {
    /// Between samples of one series, as dense as is usual.
    private static let interval: Int64 = 1_000
    /// A token has this many bytes or more, about, and is looked at once a step.
    private static let bytesPerToken = 4
    /// Looking at a sample of a window again costs this part of reading one.
    private static let windowShare: Int64 = 16

    /// Samples and steps that the query may look at.
    ///
    /// - Parameters:
    ///   - step: milliseconds, above 0; nil: at `start` only.
    ///   - parsed: shared with whoever evaluates it.
    ///   - bound: of the series that can match; nil: that cannot be told without reading.
    /// - Returns: 0 for a query that is refused; nil where it cannot be told: subqueries, or series that must be read.
    public static func samples(
        of query: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions,
        parsed: ParsedQueries = ParsedQueries(), bound: (SelectRequest) -> SelectionBound?
    ) -> Int? {
        guard let expression = try? parsed.expression(query, options) else { return 0 }
        guard end >= start, step ?? 1 > 0 else { return 0 }
        if expression.hasSubquery { return nil }
        var planner = Planner(
            start: QueryTime.clamped(start), end: QueryTime.clamped(end), step: step.map { min($0, QueryTime.bound) },
            options: options)
        guard (try? planner.plan(expression)) != nil else { return 0 }
        let steps = planner.grid.count
        var sum = Saturated(steps) * (query.utf8.count / bytesPerToken + 1)
        for need in planner.needs {
            let request = SelectRequest(
                matchers: need.matchers, start: need.start, end: need.end, newestOnly: need.newestOnly)
            guard let bound = bound(request) else { return nil }
            let again = Saturated(steps) * Int(clamping: need.window / (interval * windowShare))
            let read = Saturated(Int(clamping: (need.end &- need.start) / interval)) + steps
            let perSeries = need.newestOnly ? 1 : read + again
            sum = sum + perSeries * bound.series + Saturated(bound.looks)
        }
        return sum.value
    }
}

/// A count that stops at the largest number instead of trapping.
private struct Saturated: ExpressibleByIntegerLiteral {
    let value: Int
    init(_ value: Int) { self.value = max(value, 0) }
    init(integerLiteral value: Int) { self.init(value) }

    static func * (a: Self, b: Int) -> Self {
        let (product, overflow) = a.value.multipliedReportingOverflow(by: max(b, 0))
        return Self(overflow ? .max : product)
    }
    static func + (a: Self, b: Int) -> Self { a + Self(b) }
    static func + (a: Self, b: Self) -> Self {
        let (sum, overflow) = a.value.addingReportingOverflow(b.value)
        return Self(overflow ? .max : sum)
    }
}

extension Expression {
    /// Recurses as deep as the parser allows.
    fileprivate var hasSubquery: Bool {
        switch self {
        case .number, .string, .vectorSelector, .matrixSelector: false
        case .subquery: true
        case .unary(let unary): unary.operand.hasSubquery
        case .binary(let binary): binary.left.hasSubquery || binary.right.hasSubquery
        case .aggregate(let aggregate): aggregate.operand.hasSubquery || aggregate.parameter?.hasSubquery == true
        case .call(let call): call.arguments.contains { $0.hasSubquery }
        case .parenthesized(let inner, _): inner.hasSubquery
        }
    }
}
