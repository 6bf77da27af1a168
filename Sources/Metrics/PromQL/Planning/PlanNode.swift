import MetricModel

/// What the evaluator runs: the expression with every length and time resolved, selectors numbered, functions bound
/// to their rows, parentheses gone.
indirect enum PlanNode: Sendable {
    case number(Double)
    case string(String)
    case selector(InstantSelector)
    /// A range vector as the whole of an instant query.
    case matrix(RangeArgument)
    case function(FunctionNode)
    /// A function over windows.
    case rangeFunction(RangeFunctionNode)
    case negation(PlanNode)
    case binary(BinaryNode)
    case aggregate(AggregateNode)
    /// The same at every step: evaluated once, at the first.
    case invariant(PlanNode)
}

/// `name{…} offset … @ …`
struct InstantSelector: Sendable {
    /// Which selection of the plan holds the series.
    let slot: Int
    let offset: Int64
    /// The fixed reference time of `@`.
    let at: Int64?
    let isSmoothed: Bool
    let matchers: [LabelMatcher]
}

/// `…[range]` or `…[range:step]`: what a range function slides over.
struct RangeArgument: Sendable {
    enum Source: Sendable {
        case selector(slot: Int)
        case subquery(PlanNode, step: Int64)
    }
    let source: Source
    let range: Int64
    let offset: Int64
    let at: Int64?
    let extrapolation: RangeExtrapolation?
    /// Of the selector; none for a subquery.
    let matchers: [LabelMatcher]

    /// The end of the window of the step at `time`.
    @inline(__always)
    func windowEnd(at time: Int64) -> Int64 { (at ?? time) &- offset }
}

struct FunctionNode: Sendable {
    let name: String
    let body: VectorFunction
    let arguments: [PlanArgument]
    let position: SourceRange
}

struct RangeFunctionNode: Sendable {
    let name: String
    let function: RangeFunction
    let range: RangeArgument
    /// All arguments in order, the range left out: scalars.
    let scalars: [PlanNode]
    /// Of each argument as written, the range included.
    let positions: [SourceRange]
    let position: SourceRange
}

/// An argument with the place it was read from, for remarks.
struct PlanArgument: Sendable {
    let node: PlanNode
    let type: ValueType
    let position: SourceRange
}

struct BinaryNode: Sendable {
    let operation: BinaryOperator
    let left: PlanNode
    let right: PlanNode
    let leftIsScalar: Bool
    let rightIsScalar: Bool
    let matching: VectorMatching
    let returnsBool: Bool
    let position: SourceRange
}

struct AggregateNode: Sendable {
    let operation: AggregateOperator
    let operand: PlanNode
    let parameter: PlanNode?
    let grouping: LabelGrouping
    let position: SourceRange
    let operandPosition: SourceRange
    let parameterPosition: SourceRange
}
