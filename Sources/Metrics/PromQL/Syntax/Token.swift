import MetricModel

/// The words of PromQL. What a token says is read from the query's bytes between `start` and `end`.
struct Token {
    var kind: TokenKind
    /// Bytes of the query.
    var start: Int
    var end: Int
}

enum TokenKind: UInt8 {
    case endOfInput
    case identifier, metricIdentifier, number, duration, string
    case leftParenthesis, rightParenthesis, leftBrace, rightBrace, leftBracket, rightBracket
    case comma, colon, assign
    // Operators.
    case add, subtract, multiply, divide, modulo, power, atan2
    case equal, notEqual, greater, less, greaterOrEqual, lessOrEqual, trimUpper, trimLower
    case matches, notMatches
    case and, or, unless
    case at
    case aggregator
    // Keywords.
    case offset, smoothed, anchored, by, without, on, ignoring, groupLeft, groupRight, bool
    case fill, fillLeft, fillRight
    // Words that are functions of the query's own times.
    case start, end, step, range

    /// Reserved words, in lower case: PromQL does not tell cases apart here.
    static let words: [String: TokenKind] = {
        var words: [String: TokenKind] = [
            "and": .and, "or": .or, "unless": .unless, "atan2": .atan2,
            "offset": .offset, "smoothed": .smoothed, "anchored": .anchored, "by": .by, "without": .without,
            "on": .on, "ignoring": .ignoring, "group_left": .groupLeft, "group_right": .groupRight, "bool": .bool,
            "fill": .fill, "fill_left": .fillLeft, "fill_right": .fillRight,
            "start": .start, "end": .end, "step": .step, "range": .range,
            "inf": .number, "nan": .number,
        ]
        for aggregate in AggregateOperator.allCases { words[aggregate.rawValue] = .aggregator }
        return words
    }()

    var binaryOperator: BinaryOperator? {
        switch self {
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .modulo: .modulo
        case .power: .power
        case .atan2: .atan2
        case .equal: .equal
        case .notEqual: .notEqual
        case .greater: .greater
        case .less: .less
        case .greaterOrEqual: .greaterOrEqual
        case .lessOrEqual: .lessOrEqual
        case .trimUpper: .trimUpper
        case .trimLower: .trimLower
        case .and: .and
        case .or: .or
        case .unless: .unless
        default: nil
        }
    }

    var matcherOperation: LabelMatcher.Operation? {
        switch self {
        case .assign: .equal
        case .notEqual: .notEqual
        case .matches: .matches
        case .notMatches: .notMatches
        default: nil
        }
    }

    /// Words that may also name a metric.
    var namesMetric: Bool {
        switch self {
        case .identifier, .metricIdentifier, .aggregator, .and, .or, .unless, .by, .without, .offset, .smoothed,
            .anchored, .start, .end, .step, .range:
            true
        default: false
        }
    }

    /// Words that may also name a label in `by (…)`, `on (…)` and the like.
    var namesLabel: Bool {
        switch self {
        case .bool, .on, .ignoring, .groupLeft, .groupRight, .atan2, .fill, .fillLeft, .fillRight: true
        default: namesMetric
        }
    }

    /// How Prometheus speaks of a token with this text in "unexpected …".
    func described(_ text: String) -> String {
        switch self {
        case .endOfInput: "end of input"
        case .identifier: "identifier \(QuotedText.echoed(text))"
        case .metricIdentifier: "metric identifier \(QuotedText.echoed(text))"
        case .number: "number \(QuotedText.quotedShort(text))"
        case .duration: "duration \(QuotedText.quotedShort(text))"
        case .string: "string \(QuotedText.quotedShort(text))"
        case .add, .subtract, .multiply, .divide, .modulo, .power, .atan2, .equal, .notEqual, .greater, .less,
            .greaterOrEqual, .lessOrEqual, .trimUpper, .trimLower, .matches, .notMatches, .and, .or, .unless, .at:
            "<op:\(text)>"
        case .aggregator: "<aggr:\(text)>"
        case .offset, .smoothed, .anchored, .by, .without, .on, .ignoring, .groupLeft, .groupRight, .bool, .fill,
            .fillLeft, .fillRight:
            "<\(text)>"
        default: QuotedText.quotedShort(text)
        }
    }
}
