import Glibc

/// The functions that durations know beside `step()` and `range()`; `min` and `max` are their older names.
enum DurationFunction: String {
    case minimum = "min_of"
    case maximum = "max_of"

    init?(_ name: String) {
        switch name {
        case "min", "min_of": self = .minimum
        case "max", "max_of": self = .maximum
        default: return nil
        }
    }
}

/// Where a duration stands, as messages call it.
enum DurationPlace: String {
    case range = "subquery or range selector"
    case step = "subquery selector"
    case offset

    /// What messages say is expected there.
    var choices: String {
        self == .step ? "number, duration, step(), range(), or \"]\"" : "number, duration, step(), or range()"
    }
}

/// Lengths of time: a literal, or arithmetic over literals, `step()`, `range()`, `min_of`, `max_of`.
///
/// - Plain numbers are seconds.
/// - Nesting, and operators in a row, are bounded by `maximumDurationDepth`.
extension ExpressionReader {
    /// A duration and, while it is a constant, its exact value: `1.5*0.0005` has steps that milliseconds cannot show.
    private struct Length {
        var expression: DurationExpression
        var seconds: Double?
        /// Whether `expression` says the same as `seconds`.
        var isWhole: Bool

        static func constant(_ seconds: Double) -> Length? {
            let milliseconds = (seconds * 1000).rounded(.toNearestOrAwayFromZero)
            // The limit is Prometheus's: 2^63 nanoseconds.
            guard abs(seconds) < 0x1p63 / 1e9, let whole = Int64(exactly: milliseconds) else { return nil }
            return Length(
                expression: .literal(whole), seconds: seconds, isWhole: Double(whole) / 1000 == seconds)
        }
    }

    /// Whether the current token can open a duration.
    var beginsDuration: Bool {
        switch current.kind {
        case .number, .duration, .add, .subtract, .leftParenthesis, .step, .range: true
        case .identifier, .aggregator: DurationFunction(lexer.lowercased(current)) != nil
        default: false
        }
    }

    /// What stands in brackets: a bare literal must be above zero.
    mutating func positiveDuration(_ place: DurationPlace) throws(Lexer.Failure) -> DurationExpression {
        durationPlace = place
        guard beginsDuration else { throw unexpectedInDuration() }
        let start = current.start
        let length = try arithmetic(0)
        if case .literal(let milliseconds) = length.expression {
            guard (length.seconds ?? 0) > 0 else {
                throw Lexer.Failure(start, "duration must be greater than 0")
            }
            guard milliseconds > 0 else { throw Lexer.Failure(start, "duration must be at least 1ms") }
        }
        return length.expression
    }

    /// What follows `offset`: one signed term. `a offset -2^2` is `(a offset -2)^2`.
    mutating func offsetDuration() throws(Lexer.Failure) -> DurationExpression {
        durationPlace = .offset
        guard beginsDuration else { throw unexpectedInDuration() }
        let sign = current
        if sign.kind == .add || sign.kind == .subtract { try advance() }
        guard beginsDuration, current.kind != .add, current.kind != .subtract else { throw unexpectedInDuration() }
        let term = try durationTerm()
        return sign.kind == .subtract ? try negated(term, at: sign.start).expression : term.expression
    }

    private func unexpectedInDuration() -> Lexer.Failure {
        unexpected(in: durationPlace.rawValue, expected: durationPlace.choices)
    }

    private mutating func expectInDuration(_ kind: TokenKind) throws(Lexer.Failure) {
        _ = try expect(kind, in: durationPlace.rawValue, expected: durationPlace.choices)
    }

    /// Precedence climbing; `minimum` is the weakest operator that may be taken.
    private mutating func arithmetic(_ minimum: Int) throws(Lexer.Failure) -> Length {
        try descendIntoDuration()
        var left: Length
        if current.kind == .add || current.kind == .subtract {
            let sign = current
            try advance()
            guard beginsDuration else { throw unexpectedInDuration() }
            // A sign binds like `*`: it takes powers along.
            let operand = try arithmetic(3)
            left = sign.kind == .subtract ? try negated(operand, at: sign.start) : operand
        } else {
            guard beginsDuration else { throw unexpectedInDuration() }
            left = try durationTerm()
        }
        var operators = 0
        while let (operation, precedence) = Self.durationOperator(current.kind), precedence >= minimum {
            operators += 1
            guard operators <= maximumDurationDepth else {
                throw Lexer.Failure(current.start, "duration has more than \(maximumDurationDepth) operators")
            }
            let at = current.start
            try advance()
            guard beginsDuration else { throw unexpectedInDuration() }
            let right = try arithmetic(operation == .power ? precedence : precedence + 1)
            left = try combined(left, operation, right, at: at)
        }
        ascendFromDuration()
        return left
    }

    private static func durationOperator(_ kind: TokenKind) -> (DurationExpression.Operator, Int)? {
        switch kind {
        case .add: (.add, 1)
        case .subtract: (.subtract, 1)
        case .multiply: (.multiply, 2)
        case .divide: (.divide, 2)
        case .modulo: (.modulo, 2)
        case .power: (.power, 3)
        default: nil
        }
    }

    private mutating func durationTerm() throws(Lexer.Failure) -> Length {
        let token = current
        switch token.kind {
        case .number, .duration:
            let seconds = try literalValue(token)
            try advance()
            guard let length = Length.constant(seconds) else {
                throw Lexer.Failure(token.start, "duration out of range")
            }
            return length
        case .leftParenthesis:
            try advance()
            let inner = try arithmetic(0)
            try expectInDuration(.rightParenthesis)
            return Length(
                expression: .parenthesized(inner.expression), seconds: inner.seconds, isWhole: inner.isWhole)
        case .step, .range:
            try advance()
            try expectInDuration(.leftParenthesis)
            try expectInDuration(.rightParenthesis)
            return Length(expression: token.kind == .step ? .step : .range, seconds: nil, isWhole: true)
        default:
            guard let function = DurationFunction(lexer.lowercased(token)) else { throw unexpectedInDuration() }
            try advance()
            try expectInDuration(.leftParenthesis)
            let first = try arithmetic(0)
            try expectInDuration(.comma)
            let second = try arithmetic(0)
            try expectInDuration(.rightParenthesis)
            let isMinimum = function == .minimum
            let expression: DurationExpression =
                isMinimum
                ? .minimum(first.expression, second.expression) : .maximum(first.expression, second.expression)
            guard let a = first.seconds, let b = second.seconds else {
                return Length(expression: expression, seconds: nil, isWhole: true)
            }
            return Length(
                expression: expression, seconds: isMinimum ? min(a, b) : max(a, b),
                isWhole: first.isWhole && second.isWhole)
        }
    }

    private func negated(_ length: Length, at offset: Int) throws(Lexer.Failure) -> Length {
        if case .literal = length.expression, let seconds = length.seconds {
            guard let constant = Length.constant(-seconds) else {
                throw Lexer.Failure(offset, "duration out of range")
            }
            return constant
        }
        return Length(
            expression: .negated(length.expression), seconds: length.seconds.map { -$0 }, isWhole: length.isWhole)
    }

    private func combined(
        _ left: Length, _ operation: DurationExpression.Operator, _ right: Length, at offset: Int
    ) throws(Lexer.Failure) -> Length {
        if case .literal = right.expression, right.seconds == 0 {
            if operation == .divide { throw Lexer.Failure(offset, "division by zero") }
            if operation == .modulo { throw Lexer.Failure(offset, "modulo by zero") }
        }
        let expression = DurationExpression.binary(operation, left.expression, right.expression)
        guard let a = left.seconds, let b = right.seconds else {
            return Length(expression: expression, seconds: nil, isWhole: true)
        }
        let seconds = operation.applied(a, b)
        if left.isWhole && right.isWhole { return Length(expression: expression, seconds: seconds, isWhole: true) }
        // A part is finer than a millisecond: only the result is kept.
        guard let constant = Length.constant(seconds) else { throw Lexer.Failure(offset, "duration out of range") }
        return constant
    }
}

extension DurationExpression.Operator {
    fileprivate func applied(_ a: Double, _ b: Double) -> Double {
        switch self {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .modulo: fmod(a, b)
        case .power: pow(a, b)
        }
    }
}
