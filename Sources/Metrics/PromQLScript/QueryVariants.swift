import MetricModel
import PromQL

/// Other ways to ask an instant query that must give the same answer: with every selector pinned by `@` to the
/// evaluation time, at any other time.
enum QueryVariants {
    struct Variant {
        var query: String
        /// Milliseconds.
        var time: Int64
    }

    /// Functions of the evaluation time itself, of the query's bounds, or of sample times.
    private static let timeDependent: Set<String> = [
        "days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year",
        "predict_linear", "time", "timestamp", "start_timestamp", "start", "end", "range", "step",
    ]

    /// None when the query does not parse or depends on its time in other ways.
    static func pinned(_ query: String, at time: Int64, options: QueryOptions) -> [Variant] {
        guard let expression = try? PromQLParser.parse(query, options: options), !dependsOnTime(expression) else {
            return []
        }
        let pinned = PromQLPrinter.print(Self.pinned(expression, time))
        let times: [Int64] = time == 0 ? [-1000, 0, 1000] : [-10 &* time, 0, time / 5, time, 10 &* time]
        return times.map { Variant(query: pinned, time: $0) }
    }

    /// Whether the query mentions its own bounds, which differ between an instant and a range query.
    static func mentionsBounds(_ query: String) -> Bool {
        ["start()", "end()", "range()", "step()"].contains { query.utf8.contains(sequence: $0.utf8) }
    }

    private static func dependsOnTime(_ expression: Expression) -> Bool {
        switch expression {
        case .number, .string, .vectorSelector, .matrixSelector: false
        case .subquery(let node): dependsOnTime(node.expression)
        case .unary(let node): dependsOnTime(node.operand)
        case .binary(let node): dependsOnTime(node.left) || dependsOnTime(node.right)
        case .aggregate(let node): dependsOnTime(node.operand) || node.parameter.map(dependsOnTime) == true
        case .call(let node): timeDependent.contains(node.name) || node.arguments.contains(where: dependsOnTime)
        case .parenthesized(let inner, _): dependsOnTime(inner)
        }
    }

    /// With `@ time` on every selector and subquery that has none. What stands inside a subquery stays: its times are the
    /// subquery's.
    private static func pinned(_ expression: Expression, _ time: Int64) -> Expression {
        switch expression {
        case .number, .string: return expression
        case .vectorSelector(var node):
            node.at = node.at ?? .time(time)
            return .vectorSelector(node)
        case .matrixSelector(var node):
            node.selector.at = node.selector.at ?? .time(time)
            return .matrixSelector(node)
        case .subquery(var node):
            node.at = node.at ?? .time(time)
            return .subquery(node)
        case .unary(var node):
            node.operand = pinned(node.operand, time)
            return .unary(node)
        case .binary(var node):
            node.left = pinned(node.left, time)
            node.right = pinned(node.right, time)
            return .binary(node)
        case .aggregate(var node):
            node.operand = pinned(node.operand, time)
            node.parameter = node.parameter.map { pinned($0, time) }
            return .aggregate(node)
        case .call(var node):
            node.arguments = node.arguments.map { pinned($0, time) }
            return .call(node)
        case .parenthesized(let inner, let position): return .parenthesized(pinned(inner, time), position)
        }
    }
}

extension Collection where Element: Equatable {
    fileprivate func contains(sequence other: some Collection<Element>) -> Bool {
        var rest = self[...]
        while rest.count >= other.count {
            if rest.starts(with: other) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
