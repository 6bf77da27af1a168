import MetricModel
import Platform
import PromQL

/// Random trees of the shape that the parser makes: every one can be written down and read back.
///
/// - Parentheses stand where precedence asks for them; a negative number is never the left side of an operator that
///   binds tighter than its sign.
struct RandomExpression {
    var random: SeededGenerator
    private let nowhere = SourceRange(0, 0)

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    // MARK: - Words

    private mutating func plainName() -> String {
        pick([
            "a", "up", "http_requests_total", "sum", "by", "offset", "start", "min_of", "fill", "step", "or", "x:y:z",
        ])
    }
    private mutating func labelName() -> String {
        pick(["job", "le", "__name", "on", "group_left", "bool", "a.b", "ü", "with \"quotes\"", "1st"])
    }
    private mutating func text() -> String {
        let pieces = [
            "", "a", "\"", "'", "`", "\\", "\n", "\u{7}", "é", "\u{1f600}", "\u{200b}", "{", "# ", "\u{fffd}",
        ]
        return (0..<Int.random(in: 0...4, using: &random)).map { _ in pick(pieces) }.joined()
    }
    private mutating func number() -> Double {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: Double(Int.random(in: -1000...1000, using: &random))
        case 1: pick([.infinity, -.infinity, 0, -0.0, 1e21, 1e-9, .greatestFiniteMagnitude, .leastNonzeroMagnitude])
        case 2: Double(Int64.random(in: .min ... .max, using: &random))
        default: Self.finite(Double(bitPattern: UInt64.random(in: 0 ... .max, using: &random)))
        }
    }
    private static func finite(_ value: Double) -> Double { value.isFinite ? value : 0.5 }

    // MARK: - Selectors

    private mutating func matcher() throws -> LabelMatcher {
        try LabelMatcher(
            labelName(), pick(LabelMatcher.Operation.allCases),
            chance(50) ? pick(["", "x", "a|b", ".*", "5..", "a.+"]) : pick(["", "\\\\d+", "é\"", "a\nb"]))
    }

    private mutating func duration(_ depth: Int) -> DurationExpression {
        guard depth > 0, chance(60) else { return durationLeaf() }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return .parenthesized(arithmetic(depth - 1))
        case 1: return .minimum(arithmetic(depth - 1), arithmetic(depth - 1))
        case 2: return .maximum(arithmetic(depth - 1), arithmetic(depth - 1))
        default: return .negated(pick([.step, .range, .parenthesized(arithmetic(depth - 1))]))
        }
    }
    /// Operands in parentheses, so that precedence does not matter.
    private mutating func arithmetic(_ depth: Int) -> DurationExpression {
        guard depth > 0, chance(50) else { return duration(depth) }
        let operation = pick([DurationExpression.Operator.add, .subtract, .multiply, .power, .divide, .modulo])
        return .binary(operation, .parenthesized(arithmetic(depth - 1)), .parenthesized(arithmetic(depth - 1)))
    }
    private mutating func durationLeaf() -> DurationExpression {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: .step
        case 1: .range
        default: .literal(Int64.random(in: 1...100_000_000, using: &random))
        }
    }
    private mutating func offset() -> DurationExpression? {
        guard chance(30) else { return nil }
        return chance(20) ? .literal(-Int64.random(in: 1...100_000, using: &random)) : duration(2)
    }
    private mutating func at() -> AtModifier? {
        guard chance(25) else { return nil }
        return pick([.start, .end, .time(Int64.random(in: -1_000_000...2_000_000_000_000, using: &random))])
    }

    private mutating func selector() throws -> VectorSelector {
        let name = chance(80) ? plainName() : nil
        var matchers = try (0..<Int.random(in: 0...3, using: &random)).map { _ in try matcher() }
        if let name { matchers.append(LabelMatcher(Labels.metricNameLabel, equals: name)) }
        if !matchers.contains(where: { !$0.matchesEmpty }) {
            matchers.append(LabelMatcher("k", equals: "v"))
        }
        return VectorSelector(metricName: name, matchers: matchers, position: nowhere)
    }

    private mutating func modified(_ selector: VectorSelector) -> VectorSelector {
        var selector = selector
        selector.at = at()
        selector.offset = offset()
        if chance(10) { selector.extrapolation = pick([.anchored, .smoothed]) }
        return selector
    }

    // MARK: - By type

    mutating func expression(_ depth: Int) throws -> Expression {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return .string(text(), nowhere)
        case 1: return try matrix(depth)
        case 2...4: return try scalar(depth)
        default: return try vector(depth)
        }
    }

    private mutating func labels() -> [String] {
        (0..<Int.random(in: 0...3, using: &random)).map { _ in labelName() }
    }

    private mutating func vector(_ depth: Int) throws -> Expression {
        guard depth > 0, chance(85) else { return .vectorSelector(modified(try selector())) }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return .parenthesized(try vector(depth - 1), nowhere)
        case 1: return try aggregate(depth - 1)
        case 2: return try call(returning: .vector, depth - 1)
        case 3:
            let operand = Expression.parenthesized(try vector(depth - 1), nowhere)
            return .unary(UnaryExpression(isNegation: chance(70), operand: operand, position: nowhere))
        default: return try vectorOperation(depth - 1)
        }
    }

    private mutating func scalar(_ depth: Int) throws -> Expression {
        guard depth > 0, chance(70) else { return .number(number(), nowhere) }
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return .parenthesized(try scalar(depth - 1), nowhere)
        case 1: return try call(returning: .scalar, depth - 1)
        default:
            let operation = pick(BinaryOperator.allCases.filter { !$0.isSetOperator && !$0.isTrim })
            return .binary(
                BinaryExpression(
                    operation: operation, left: .parenthesized(try scalar(depth - 1), nowhere),
                    right: try chain(depth - 1), matching: nil, returnsBool: operation.isComparison,
                    position: nowhere))
        }
    }

    /// A right side that needs no parentheses under any operator.
    private mutating func chain(_ depth: Int) throws -> Expression {
        chance(50) ? .number(number().magnitude, nowhere) : .parenthesized(try scalar(depth), nowhere)
    }

    private mutating func matrix(_ depth: Int) throws -> Expression {
        if depth == 0 || chance(60) {
            var selector = modified(try selector())
            if chance(80) { selector.extrapolation = nil }
            return .matrixSelector(MatrixSelector(selector: selector, range: duration(2), position: nowhere))
        }
        return .subquery(
            Subquery(
                expression: .parenthesized(try vector(depth - 1), nowhere), range: duration(2),
                step: chance(50) ? duration(1) : nil, offset: offset(), at: at(), position: nowhere))
    }

    private mutating func aggregate(_ depth: Int) throws -> Expression {
        let operation = pick(AggregateOperator.allCases)
        let isWithout = chance(40)
        var parameter: Expression?
        if operation == .countValues {
            parameter = .string(text(), nowhere)
        } else if operation.takesParameter {
            parameter = try scalar(depth)
        }
        return .aggregate(
            AggregateExpression(
                operation: operation, operand: try vector(depth), parameter: parameter, grouping: labels(),
                isWithout: isWithout, position: nowhere))
    }

    private mutating func call(returning type: ValueType, _ depth: Int) throws -> Expression {
        let names = FunctionSignature.table.values.filter { $0.result == type && $0.name != "info" }.map(\.name)
        let name = pick(names.sorted())
        guard let signature = FunctionSignature.table[name] else { return .number(0, nowhere) }
        let most = signature.maximumArguments ?? signature.arguments.count + 3
        let count = Int.random(in: signature.minimumArguments...most, using: &random)
        var arguments: [Expression] = []
        for i in 0..<count {
            let wanted = signature.arguments[min(i, signature.arguments.count - 1)]
            switch wanted {
            case .scalar: arguments.append(try scalar(depth))
            case .vector: arguments.append(try vector(depth))
            case .matrix: arguments.append(try matrix(depth))
            default: arguments.append(.string(text(), nowhere))
            }
        }
        return .call(FunctionCall(name: name, arguments: arguments, position: nowhere))
    }

    private mutating func vectorOperation(_ depth: Int) throws -> Expression {
        let operation = pick(BinaryOperator.allCases)
        let left = Expression.parenthesized(try vector(depth), nowhere)
        let withScalar = !operation.isSetOperator && chance(30)
        let right = withScalar ? try chain(depth) : .parenthesized(try vector(depth), nowhere)
        var matching: VectorMatching?
        if !withScalar {
            var made = VectorMatching(cardinality: operation.isSetOperator ? .manyToMany : .oneToOne)
            if chance(60) {
                made.isOn = chance(50)
                made.labels = labels()
                if !operation.isSetOperator, chance(50) {
                    made.cardinality = pick([.manyToOne, .oneToMany])
                    made.include = labels().filter { label in !made.isOn || !made.labels.contains(label) }
                }
            }
            if !operation.isSetOperator {
                if chance(20) { made.fillLeft = number() }
                if chance(20) { made.fillRight = chance(50) ? made.fillLeft : number() }
            }
            matching = made
        }
        return .binary(
            BinaryExpression(
                operation: operation, left: left, right: right, matching: matching,
                returnsBool: operation.isComparison && chance(40), position: nowhere))
    }
}
