import MetricModel

/// When the info series of `info(v, …)` are looked up: at the time at which `v` itself is, if that is one.
///
/// - Each selector of `v` has a time: its `@` and offset, and while it has no `@`, those of the subqueries around it.
/// - Only if all of them are the same, and no part of `v` comes from no selector (`vector(1)`), it counts; else the step does.
/// - Scalars in `v` do not, nor does the second argument of an `info` within.
/// - Source: Prometheus, `promql/info.go`, changes 19266 and 19387.
struct InfoReference: Equatable {
    var at: Int64?
    var offset: Int64

    static let step = InfoReference(at: nil, offset: 0)

    /// - Parameter selectors: times of the selectors of a vector; nil when a part of it has none.
    static func of(_ selectors: [InfoReference]?) -> InfoReference {
        guard let selectors, let first = selectors.first else { return step }
        return selectors.allSatisfy { $0.isSameTime(as: first) } ? first : step
    }

    private func isSameTime(as other: InfoReference) -> Bool {
        switch (at, other.at) {
        case (nil, nil): offset == other.offset
        case (let at?, let otherAt?): at &- offset == otherAt &- other.offset
        default: false
        }
    }

    /// The time of a selector with this one within a subquery.
    func within(_ subquery: InfoReference) -> InfoReference {
        at == nil ? InfoReference(at: subquery.at, offset: offset &+ subquery.offset) : self
    }
}

extension Planner {
    /// Times of the selectors below a vector or range vector; nil when a part of it has no selector.
    func selectorTimes(_ expression: Expression) throws(QueryError) -> [InfoReference]? {
        switch expression {
        case .number, .string: return nil
        case .parenthesized(let inner, _): return try selectorTimes(inner)
        case .unary(let unary): return try selectorTimes(unary.operand)
        case .vectorSelector(let selector): return [try time(of: selector)]
        case .matrixSelector(let matrix): return [try time(of: matrix.selector)]
        case .subquery(let subquery):
            let around = InfoReference(at: at(subquery.at), offset: try offset(subquery.offset))
            return try selectorTimes(subquery.expression)?.map { $0.within(around) }
        case .aggregate(let aggregate): return try selectorTimes(aggregate.operand)
        case .binary(let binary): return try selectorTimes(ofAll: [binary.left, binary.right])
        case .call(let call):
            return try selectorTimes(ofAll: call.name == "info" ? [call.arguments[0]] : call.arguments)
        }
    }

    private func selectorTimes(ofAll parts: [Expression]) throws(QueryError) -> [InfoReference]? {
        var times: [InfoReference] = []
        for part in parts where !Self.isScalar(part) {
            guard let more = try selectorTimes(part) else { return nil }
            times += more
        }
        return times.isEmpty ? nil : times
    }

    private static func isScalar(_ expression: Expression) -> Bool {
        switch expression {
        case .number, .string: true
        case .parenthesized(let inner, _): isScalar(inner)
        case .unary(let unary): isScalar(unary.operand)
        case .binary(let binary): isScalar(binary.left) && isScalar(binary.right)
        case .call(let call): FunctionTable.scalarFunctions.contains(call.name)
        case .vectorSelector, .matrixSelector, .subquery, .aggregate: false
        }
    }

    private func time(of selector: VectorSelector) throws(QueryError) -> InfoReference {
        InfoReference(at: at(selector.at), offset: try offset(selector.offset))
    }
}
