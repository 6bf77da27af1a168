import MetricModel

/// Turns an expression into a plan: lengths and times become milliseconds, functions their rows, selectors numbers
/// with the time each needs; what does not depend on the step is marked.
///
/// Which nodes are step-invariant follows Prometheus's `preprocessExprHelper`.
struct Planner {
    let grid: StepGrid
    let isRangeQuery: Bool
    let lookback: Int64
    let defaultSubqueryStep: Int64
    private(set) var needs: [SelectorNeed] = []
    private let durations: DurationResolver
    private let times: FunctionTable.QueryTimes

    init(start: Int64, end: Int64, step: Int64?, options: QueryOptions) {
        grid = StepGrid(start: start, end: end, step: step ?? 1)
        isRangeQuery = step != nil
        lookback = min(max(options.lookback.wholeMilliseconds, 1), QueryTime.longestDuration)
        defaultSubqueryStep = min(
            max(options.defaultSubqueryStep.wholeMilliseconds, 1), QueryTime.longestDuration)
        durations = DurationResolver(step: step ?? 0, range: end - start)
        times = FunctionTable.QueryTimes(start: start, end: end, step: step ?? 0)
    }

    struct Planned {
        var node: PlanNode
        var type: ValueType
        /// The whole of it is the same at every step.
        var isInvariant: Bool
        /// …and it can be evaluated once: range vectors and literals are not wrapped.
        var isWrappable: Bool

        /// Ready to stand below a node that is not invariant.
        var wrapped: PlanNode { isWrappable ? .invariant(node) : node }
    }

    /// Evaluation times that a node will see, first and last.
    private struct Span {
        let first: Int64
        let last: Int64
    }

    mutating func plan(_ expression: Expression) throws(QueryError) -> Planned {
        let span = Span(first: grid.start, last: grid.last)
        var planned = try plan(expression, span)
        planned.node = planned.wrapped
        return planned
    }

    private mutating func plan(_ expression: Expression, _ span: Span) throws(QueryError) -> Planned {
        switch expression {
        case .number(let value, _):
            return Planned(node: .number(value), type: .scalar, isInvariant: true, isWrappable: false)
        case .string(let text, _):
            return Planned(node: .string(text), type: .string, isInvariant: true, isWrappable: false)
        case .parenthesized(let inner, _): return try plan(inner, span)
        case .vectorSelector(let selector):
            let node = try instantSelector(selector, span)
            return Planned(
                node: .selector(node), type: .vector, isInvariant: node.at != nil, isWrappable: node.at != nil)
        case .matrixSelector, .subquery:
            let (argument, isInvariant) = try rangeArgument(expression, span)
            return Planned(node: .matrix(argument), type: .matrix, isInvariant: isInvariant, isWrappable: false)
        case .unary(let unary):
            var planned = try plan(unary.operand, span)
            guard unary.isNegation else { return planned }
            if case .number(let value) = planned.node {
                planned.node = .number(-value)
            } else {
                if planned.type == .scalar {
                    planned.node = .binary(Self.negatedScalar(planned.node, unary.position))
                } else {
                    planned.node = .negation(planned.node)
                }
            }
            return planned
        case .binary(let binary): return try plan(binary, span)
        case .aggregate(let aggregate): return try plan(aggregate, span)
        case .call(let call): return try plan(call, span)
        }
    }

    /// `-x` of a scalar that is no literal.
    private static func negatedScalar(_ operand: PlanNode, _ position: SourceRange) -> BinaryNode {
        BinaryNode(
            operation: .multiply, left: operand, right: .number(-1), leftIsScalar: true, rightIsScalar: true,
            matching: VectorMatching(), returnsBool: false, position: position)
    }

    func at(_ modifier: AtModifier?) -> Int64? {
        switch modifier {
        case nil: nil
        case .time(let time): QueryTime.clamped(time)
        case .start: times.start
        case .end: times.end
        }
    }

    func offset(_ duration: DurationExpression?) throws(QueryError) -> Int64 {
        guard let duration else { return 0 }
        return try durations.milliseconds(duration, allowsNegative: true)
    }

    private mutating func need(
        _ matchers: [LabelMatcher], from first: Int64, through last: Int64, newestOnly: Bool = false
    ) -> Int {
        needs.append(SelectorNeed(matchers: matchers, start: first, end: last, newestOnly: newestOnly))
        return needs.count - 1
    }

    private mutating func instantSelector(
        _ selector: VectorSelector, _ span: Span
    ) throws(QueryError) -> InstantSelector {
        if selector.extrapolation == .anchored {
            throw .execution("anchored modifier can only be used with a range selector")
        }
        let at = at(selector.at)
        let offset = try offset(selector.offset)
        let isSmoothed = selector.extrapolation == .smoothed
        let slot = need(
            selector.matchers, from: (at ?? span.first) - offset - lookback + 1,
            through: (at ?? span.last) - offset + (isSmoothed ? lookback : 0),
            newestOnly: !isSmoothed && (at != nil || span.first == span.last))
        return InstantSelector(
            slot: slot, offset: offset, at: at, isSmoothed: isSmoothed, matchers: selector.matchers)
    }

    /// A range selector or a subquery; whether it is invariant.
    private mutating func rangeArgument(
        _ expression: Expression, _ span: Span
    ) throws(QueryError) -> (RangeArgument, Bool) {
        switch expression {
        case .parenthesized(let inner, _): return try rangeArgument(inner, span)
        case .matrixSelector(let matrix):
            let selector = matrix.selector
            let at = at(selector.at)
            let offset = try offset(selector.offset)
            let range = try durations.milliseconds(matrix.range, allowsNegative: false)
            let extra = selector.extrapolation == nil ? 0 : lookback
            let slot = need(
                selector.matchers, from: (at ?? span.first) - offset - range - extra + 1,
                through: (at ?? span.last) - offset + (selector.extrapolation == .smoothed ? lookback : 0))
            needs[slot].window = range
            let argument = RangeArgument(
                source: .selector(slot: slot), range: range, offset: offset, at: at,
                extrapolation: selector.extrapolation, matchers: selector.matchers)
            return (argument, at != nil)
        case .subquery(let subquery):
            let at = at(subquery.at)
            let offset = try offset(subquery.offset)
            let range = try durations.milliseconds(subquery.range, allowsNegative: false)
            var step = defaultSubqueryStep
            if let written = subquery.step { step = try durations.milliseconds(written, allowsNegative: false) }
            let inner = try plan(
                subquery.expression,
                Span(first: (at ?? span.first) - offset - range, last: (at ?? span.last) - offset))
            let node = inner.isInvariant && inner.type == .vector ? PlanNode.invariant(inner.node) : inner.node
            let argument = RangeArgument(
                source: .subquery(node, step: step), range: range, offset: offset, at: at, extrapolation: nil,
                matchers: [])
            return (argument, at != nil)
        default: throw .execution("expected a range vector")
        }
    }

    private mutating func plan(_ binary: BinaryExpression, _ span: Span) throws(QueryError) -> Planned {
        let left = try plan(binary.left, span)
        let right = try plan(binary.right, span)
        let isInvariant = left.isInvariant && right.isInvariant
        let node = BinaryNode(
            operation: binary.operation, left: isInvariant ? left.node : left.wrapped,
            right: isInvariant ? right.node : right.wrapped, leftIsScalar: left.type == .scalar,
            rightIsScalar: right.type == .scalar, matching: binary.matching ?? VectorMatching(),
            returnsBool: binary.returnsBool, position: binary.position)
        return Planned(
            node: .binary(node), type: left.type == .scalar && right.type == .scalar ? .scalar : .vector,
            isInvariant: isInvariant, isWrappable: isInvariant)
    }

    private mutating func plan(_ aggregate: AggregateExpression, _ span: Span) throws(QueryError) -> Planned {
        let operand = try plan(aggregate.operand, span)
        if case .selector(let selector) = operand.node, aggregate.operation.isIndifferentToOrder {
            needs[selector.slot].isOrdered = false
        }
        var parameter: PlanNode?
        if let written = aggregate.parameter { parameter = try plan(written, span).node }
        var grouping = aggregate.grouping
        if aggregate.operation == .countValues, !aggregate.isWithout, case .string(let label)? = parameter {
            grouping.append(label)
        }
        let node = AggregateNode(
            operation: aggregate.operation, operand: operand.node, parameter: parameter,
            grouping: LabelGrouping(names: grouping, isExclusion: aggregate.isWithout),
            position: aggregate.position, operandPosition: aggregate.operand.position,
            parameterPosition: aggregate.parameter?.position ?? aggregate.position)
        return Planned(
            node: .aggregate(node), type: .vector, isInvariant: operand.isInvariant, isWrappable: operand.isInvariant)
    }

    private mutating func plan(_ call: FunctionCall, _ span: Span) throws(QueryError) -> Planned {
        guard let row = FunctionTable.rows[call.name] else {
            throw .execution("unknown function with name \"\(call.name)\"")
        }
        switch row {
        case .constant(let value):
            return Planned(node: .number(value(times)), type: .scalar, isInvariant: true, isWrappable: false)
        case .range(let function): return try plan(call, function, span)
        case .vector(let body):
            var arguments: [Planned] = []
            for (index, argument) in call.arguments.enumerated() {
                if call.name == "info" && index == 1 {
                    arguments.append(try infoSelector(argument, base: call.arguments[0], span))
                } else {
                    arguments.append(try plan(argument, span))
                }
            }
            var positions = call.arguments.map(\.position)
            if call.name == "info" && arguments.count == 1 {
                arguments.append(try infoSelector(nil, base: call.arguments[0], span))
                positions.append(call.position)
            }
            let isInvariant =
                !FunctionTable.timeDependent.contains(call.name) && arguments.allSatisfy(\.isInvariant)
                && call.name != "info"
            let node = FunctionNode(
                name: call.name, body: body,
                arguments: zip(arguments, positions).map { argument, position in
                    PlanArgument(
                        node: isInvariant ? argument.node : argument.wrapped, type: argument.type, position: position)
                }, position: call.position)
            return Planned(
                node: .function(node), type: FunctionTable.scalarFunctions.contains(call.name) ? .scalar : .vector,
                isInvariant: isInvariant, isWrappable: isInvariant)
        }
    }

    private mutating func plan(
        _ call: FunctionCall, _ function: RangeFunction, _ span: Span
    ) throws(QueryError) -> Planned {
        var range: RangeArgument?
        var scalars: [Planned] = []
        var isInvariant = !FunctionTable.timeDependent.contains(call.name)
        for argument in call.arguments {
            if range == nil, Self.isRange(argument) {
                let (planned, rangeIsInvariant) = try rangeArgument(argument, span)
                range = planned
                isInvariant = isInvariant && rangeIsInvariant
            } else {
                let planned = try plan(argument, span)
                scalars.append(planned)
                isInvariant = isInvariant && planned.isInvariant
            }
        }
        guard let range else { throw .execution("expected a range vector in call to function \"\(call.name)\"") }
        switch range.extrapolation {
        case .anchored where !FunctionTable.anchoredFunctions.contains(call.name):
            throw Self.unsuited("anchored", FunctionTable.anchoredFunctions, call.name)
        case .smoothed where !FunctionTable.smoothedFunctions.contains(call.name):
            throw Self.unsuited("smoothed", FunctionTable.smoothedFunctions, call.name)
        default: break
        }
        let node = RangeFunctionNode(
            name: call.name, function: function, range: range,
            scalars: scalars.map { isInvariant ? $0.node : $0.wrapped },
            positions: call.arguments.map(\.position), position: call.position)
        return Planned(
            node: .rangeFunction(node), type: .vector, isInvariant: isInvariant, isWrappable: isInvariant)
    }

    private static func unsuited(_ modifier: String, _ functions: [String], _ name: String) -> QueryError {
        .execution(
            "\(modifier) modifier can only be used with: \(functions.joined(separator: ", ")) - not with \(name)")
    }

    private static func isRange(_ expression: Expression) -> Bool {
        switch expression {
        case .matrixSelector, .subquery: true
        case .parenthesized(let inner, _): isRange(inner)
        default: false
        }
    }

    /// The info series of `info(v, {…})`: `target_info` unless the name is matched; of any metric that ends in `_info`
    /// when the name is only matched negatively. They are looked up when `base` is (`InfoReference`).
    private mutating func infoSelector(
        _ argument: Expression?, base: Expression, _ span: Span
    ) throws(QueryError) -> Planned {
        let targetInfo = LabelMatcher(Labels.metricNameLabel, equals: InfoFunction.defaultMetric)
        var written = [targetInfo]
        if let argument {
            guard case .vectorSelector(let selector) = argument else {
                throw .execution("expected label selectors as the second argument to info()")
            }
            written = selector.matchers
        }
        let names = written.filter { $0.name == Labels.metricNameLabel }
        if !names.isEmpty, !names.contains(where: { $0.operation == .equal || $0.operation == .matches }),
            let anyInfo = try? LabelMatcher(Labels.metricNameLabel, .matches, ".+_info")
        {
            written.append(anyInfo)
        }
        let matchers = names.isEmpty ? [targetInfo] + written : written
        let time = InfoReference.of(try selectorTimes(base))
        let slot = need(
            matchers, from: (time.at ?? span.first) - time.offset - lookback + 1,
            through: (time.at ?? span.last) - time.offset)
        let node = InstantSelector(
            slot: slot, offset: time.offset, at: time.at, isSmoothed: false, matchers: written)
        return Planned(node: .selector(node), type: .vector, isInvariant: false, isWrappable: false)
    }
}
