public import MetricModel

/// Bytes of the query text that a node was read from.
public struct SourceRange: Sendable, Hashable {
    public var start: Int
    public var end: Int
    public init(_ start: Int, _ end: Int) {
        self.start = start
        self.end = end
    }
}

/// What an expression yields.
public enum ValueType: String, Sendable, Hashable {
    case scalar
    case vector = "instant vector"
    case matrix = "range vector"
    case string
    case none
}

/// A PromQL expression as parsed.
public indirect enum Expression: Sendable, Hashable {
    case number(Double, SourceRange)
    case string(String, SourceRange)
    case vectorSelector(VectorSelector)
    case matrixSelector(MatrixSelector)
    case subquery(Subquery)
    case unary(UnaryExpression)
    case binary(BinaryExpression)
    case aggregate(AggregateExpression)
    case call(FunctionCall)
    case parenthesized(Expression, SourceRange)
}

/// `@ 1609746000`, `@ start()`, `@ end()`.
public enum AtModifier: Sendable, Hashable {
    /// Milliseconds since the epoch.
    case time(Int64)
    case start
    case end
}

/// A length of time in a selector: a literal, or an expression of literals, `step()`, `range()`, `min`, `max` that is
/// computed when the query's step is known.
public indirect enum DurationExpression: Sendable, Hashable {
    /// Milliseconds.
    case literal(Int64)
    case step
    case range
    case negated(DurationExpression)
    case binary(Operator, DurationExpression, DurationExpression)
    /// `min(a, b)`, `max(a, b)`.
    case minimum(DurationExpression, DurationExpression)
    case maximum(DurationExpression, DurationExpression)
    case parenthesized(DurationExpression)

    public enum Operator: String, Sendable, Hashable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"
    }
}

public struct VectorSelector: Sendable, Hashable {
    /// The name written before the braces; nil when there was none.
    public var metricName: String?
    /// All matchers, the one for the name included.
    public var matchers: [LabelMatcher]
    public var offset: DurationExpression?
    public var at: AtModifier?
    public var extrapolation: RangeExtrapolation?
    public var position: SourceRange
    public init(
        metricName: String?, matchers: [LabelMatcher], offset: DurationExpression? = nil, at: AtModifier? = nil,
        extrapolation: RangeExtrapolation? = nil, position: SourceRange
    ) {
        self.metricName = metricName
        self.matchers = matchers
        self.offset = offset
        self.at = at
        self.extrapolation = extrapolation
        self.position = position
    }
}

/// The experimental modifiers of a range.
public enum RangeExtrapolation: String, Sendable, Hashable {
    case anchored
    case smoothed
}

public struct MatrixSelector: Sendable, Hashable {
    public var selector: VectorSelector
    public var range: DurationExpression
    public var position: SourceRange
    public init(selector: VectorSelector, range: DurationExpression, position: SourceRange) {
        self.selector = selector
        self.range = range
        self.position = position
    }
}

public struct Subquery: Sendable, Hashable {
    public var expression: Expression
    public var range: DurationExpression
    /// nil: the default step.
    public var step: DurationExpression?
    public var offset: DurationExpression?
    public var at: AtModifier?
    public var position: SourceRange
    public init(
        expression: Expression, range: DurationExpression, step: DurationExpression?,
        offset: DurationExpression? = nil, at: AtModifier? = nil, position: SourceRange
    ) {
        self.expression = expression
        self.range = range
        self.step = step
        self.offset = offset
        self.at = at
        self.position = position
    }
}

public struct UnaryExpression: Sendable, Hashable {
    public var isNegation: Bool
    public var operand: Expression
    public var position: SourceRange
    public init(isNegation: Bool, operand: Expression, position: SourceRange) {
        self.isNegation = isNegation
        self.operand = operand
        self.position = position
    }
}

public enum BinaryOperator: String, Sendable, Hashable, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case power = "^"
    case atan2
    case equal = "=="
    case notEqual = "!="
    case greater = ">"
    case less = "<"
    case greaterOrEqual = ">="
    case lessOrEqual = "<="
    /// Cut a native histogram above or below a value. Floats have no answer: the element is dropped.
    case trimUpper = "</"
    case trimLower = ">/"
    case and
    case or
    case unless

    public var isComparison: Bool {
        switch self {
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual: true
        default: false
        }
    }
    public var isTrim: Bool { self == .trimUpper || self == .trimLower }
    public var isSetOperator: Bool { self == .and || self == .or || self == .unless }
}

/// How the two sides of an operator are paired.
public struct VectorMatching: Sendable, Hashable {
    public enum Cardinality: Sendable, Hashable { case oneToOne, manyToOne, oneToMany, manyToMany }
    public var cardinality: Cardinality
    /// The labels of `on(…)` or `ignoring(…)`.
    public var labels: [String]
    public var isOn: Bool
    /// The labels of `group_left(…)` or `group_right(…)`.
    public var include: [String]
    /// `fill(…)`: the value of a missing side.
    public var fillLeft: Double?
    public var fillRight: Double?
    public init(
        cardinality: Cardinality = .oneToOne, labels: [String] = [], isOn: Bool = false, include: [String] = [],
        fillLeft: Double? = nil, fillRight: Double? = nil
    ) {
        self.cardinality = cardinality
        self.labels = labels
        self.isOn = isOn
        self.include = include
        self.fillLeft = fillLeft
        self.fillRight = fillRight
    }
}

public struct BinaryExpression: Sendable, Hashable {
    public var operation: BinaryOperator
    public var left: Expression
    public var right: Expression
    /// nil when a side is a scalar.
    public var matching: VectorMatching?
    /// Comparisons with `bool` answer 0 or 1 instead of filtering.
    public var returnsBool: Bool
    public var position: SourceRange
    public init(
        operation: BinaryOperator, left: Expression, right: Expression, matching: VectorMatching?,
        returnsBool: Bool, position: SourceRange
    ) {
        self.operation = operation
        self.left = left
        self.right = right
        self.matching = matching
        self.returnsBool = returnsBool
        self.position = position
    }
}

public enum AggregateOperator: String, Sendable, Hashable, CaseIterable {
    case sum, avg, count, min, max, group, stddev, stdvar, topk, bottomk, quantile
    case countValues = "count_values"
    case limitk
    case limitRatio = "limit_ratio"

    /// k, φ, ratio or label: the argument before the vector.
    public var takesParameter: Bool {
        switch self {
        case .topk, .bottomk, .quantile, .countValues, .limitk, .limitRatio: true
        default: false
        }
    }
    public var isExperimental: Bool { self == .limitk || self == .limitRatio }
}

public struct AggregateExpression: Sendable, Hashable {
    public var operation: AggregateOperator
    public var operand: Expression
    public var parameter: Expression?
    /// The labels of `by(…)` or `without(…)`.
    public var grouping: [String]
    public var isWithout: Bool
    public var position: SourceRange
    public init(
        operation: AggregateOperator, operand: Expression, parameter: Expression?, grouping: [String],
        isWithout: Bool, position: SourceRange
    ) {
        self.operation = operation
        self.operand = operand
        self.parameter = parameter
        self.grouping = grouping
        self.isWithout = isWithout
        self.position = position
    }
}

public struct FunctionCall: Sendable, Hashable {
    public var name: String
    public var arguments: [Expression]
    public var position: SourceRange
    public init(name: String, arguments: [Expression], position: SourceRange) {
        self.name = name
        self.arguments = arguments
        self.position = position
    }
}

extension Expression {
    public var position: SourceRange {
        switch self {
        case .number(_, let position), .string(_, let position), .parenthesized(_, let position): position
        case .vectorSelector(let node): node.position
        case .matrixSelector(let node): node.position
        case .subquery(let node): node.position
        case .unary(let node): node.position
        case .binary(let node): node.position
        case .aggregate(let node): node.position
        case .call(let node): node.position
        }
    }
}
