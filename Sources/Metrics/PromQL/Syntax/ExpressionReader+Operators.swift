import MetricModel

/// Operators by precedence, with two stacks per bracket: operands, and operators that wait for their right side.
///
///     or < and unless < comparisons, </ and >/ < + - < * / % atan2 and signs < ^
///
/// `^` groups to the right, all others to the left; a sign binds like `*`: `-2^2` is `-(2^2)`, `2^-1*3` is `(2^-1)*3`.
extension ExpressionReader {
    /// What stands between `a` and `b` in `a + on(x) group_left(y) b`.
    struct PendingBinary {
        var operation: BinaryOperator
        var operatorToken: Token
        var matching: VectorMatching
        var returnsBool: Bool
    }

    enum Pending {
        case sign(isNegation: Bool, offset: Int)
        case binary(PendingBinary)

        var precedence: Int {
            switch self {
            case .sign: 5
            case .binary(let pending): ExpressionReader.precedence(pending.operation)
            }
        }
    }

    static func precedence(_ operation: BinaryOperator) -> Int {
        switch operation {
        case .or: 1
        case .and, .unless: 2
        case .equal, .notEqual, .greater, .less, .greaterOrEqual, .lessOrEqual, .trimUpper, .trimLower: 3
        case .add, .subtract: 4
        case .multiply, .divide, .modulo, .atan2: 5
        case .power: 6
        }
    }

    /// Settles what binds tighter than `operation`, or everything when there is none.
    mutating func settle(_ frame: inout Frame, before operation: BinaryOperator?) throws(Lexer.Failure) {
        let precedence = operation.map(Self.precedence) ?? 0
        while let last = frame.waiting.last,
            last.precedence > precedence || (last.precedence == precedence && operation != .power)
        {
            frame.waiting.removeLast()
            try apply(last, to: &frame.operands)
        }
    }

    /// `bool`, `on (…)`, `group_left (…)`, `fill (…)` after an operator.
    mutating func binaryModifiers(_ operation: BinaryOperator) throws(Lexer.Failure) -> PendingBinary {
        var pending = PendingBinary(
            operation: operation, operatorToken: current,
            matching: VectorMatching(cardinality: operation.isSetOperator ? .manyToMany : .oneToOne),
            returnsBool: false)
        try advance()
        if current.kind == .bool {
            pending.returnsBool = true
            try advance()
        }
        if current.kind == .on || current.kind == .ignoring {
            pending.matching.isOn = current.kind == .on
            try advance()
            pending.matching.labels = try groupingLabels()
            if current.kind == .groupLeft || current.kind == .groupRight {
                pending.matching.cardinality = current.kind == .groupLeft ? .manyToOne : .oneToMany
                try advance()
                if current.kind == .leftParenthesis { pending.matching.include = try groupingLabels() }
            }
        }
        if current.kind == .fill {
            try advance()
            let value = try fillValue()
            pending.matching.fillLeft = value
            pending.matching.fillRight = value
        } else {
            // Either or both, in any order, each once.
            for _ in 0..<2 {
                if current.kind == .fillLeft, pending.matching.fillLeft == nil {
                    try advance()
                    pending.matching.fillLeft = try fillValue()
                } else if current.kind == .fillRight, pending.matching.fillRight == nil {
                    try advance()
                    pending.matching.fillRight = try fillValue()
                }
            }
        }
        return pending
    }

    private mutating func fillValue() throws(Lexer.Failure) -> Double {
        _ = try expect(.leftParenthesis, in: "fill modifier", expected: "\"(\"")
        let value = try signedNumber(in: "fill modifier", expected: "number")
        _ = try expect(.rightParenthesis, in: "fill modifier", expected: "\")\"")
        return value
    }

    /// A number or duration (in seconds) with an optional sign.
    mutating func signedNumber(in context: String, expected: String) throws(Lexer.Failure) -> Double {
        var isNegative = false
        if current.kind == .add || current.kind == .subtract {
            isNegative = current.kind == .subtract
            try advance()
        }
        guard current.kind == .number || current.kind == .duration else {
            throw unexpected(in: context, expected: expected)
        }
        let value = try literalValue(current)
        try advance()
        return isNegative ? -value : value
    }

    /// The value of a number, or the seconds of a duration.
    func literalValue(_ token: Token) throws(Lexer.Failure) -> Double {
        if token.kind == .duration {
            switch DurationText.milliseconds(text(token)) {
            case .success(let milliseconds): return Double(milliseconds) / 1000
            case .failure(let invalid): throw Lexer.Failure(token.start, invalid.reason)
            }
        }
        guard let value = lexer.number(token) else {
            // In the words of Go's conversion, which wants an exponent in hexadecimal beyond 64 bits.
            let text = text(token)
            let isHexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
            throw Lexer.Failure(
                token.start,
                "error parsing number: strconv.ParseFloat: parsing \(QuotedText.echoed(text)): "
                    + (isHexadecimal ? "invalid syntax" : "value out of range"))
        }
        return value
    }

    private mutating func apply(_ pending: Pending, to operands: inout [Parsed]) throws(Lexer.Failure) {
        guard let right = operands.popLast() else { return }
        switch pending {
        case .sign(let isNegation, let offset):
            operands.append(try signed(right, isNegation: isNegation, offset: offset))
        case .binary(let pending):
            guard let left = operands.popLast() else { return }
            operands.append(try binary(left, pending, right))
        }
    }

    private mutating func signed(
        _ operand: Parsed, isNegation: Bool, offset: Int
    ) throws(Lexer.Failure) -> Parsed {
        if case .number(let value, let position) = operand.expression {
            let range = SourceRange(offset, position.end)
            return try node(.number(isNegation ? -value : value, range), .scalar, height: 0)
        }
        if operand.type != .scalar && operand.type != .vector {
            let found = QuotedText.echoed(operand.type.rawValue)
            typeError(
                offset, "unary expression only allowed on expressions of type scalar or instant vector, got \(found)")
        }
        let range = SourceRange(offset, operand.expression.position.end)
        let unary = UnaryExpression(isNegation: isNegation, operand: operand.expression, position: range)
        return try node(.unary(unary), operand.type, height: operand.height + Self.heightPerLevel)
    }

    private mutating func binary(
        _ left: Parsed, _ pending: PendingBinary, _ right: Parsed
    ) throws(Lexer.Failure) -> Parsed {
        let operation = pending.operation
        let range = SourceRange(left.expression.position.start, right.expression.position.end)
        checkOperands(left, pending, right, range)
        let isBetweenVectors = left.type == .vector && right.type == .vector
        let expression = BinaryExpression(
            operation: operation, left: left.expression, right: right.expression,
            matching: isBetweenVectors ? pending.matching : nil, returnsBool: pending.returnsBool, position: range)
        let isScalar = left.type == .scalar && right.type == .scalar
        return try node(
            .binary(expression), isScalar ? .scalar : .vector,
            height: max(left.height + 1, right.height + Self.heightPerLevel))
    }

    private mutating func checkOperands(
        _ left: Parsed, _ pending: PendingBinary, _ right: Parsed, _ range: SourceRange
    ) {
        let operation = pending.operation
        let matching = pending.matching
        let at = pending.operatorToken.start
        if pending.returnsBool && !operation.isComparison {
            typeError(at, "bool modifier can only be used on comparison operators")
        }
        if operation.isComparison && !pending.returnsBool && left.type == .scalar && right.type == .scalar {
            typeError(at, "comparisons between scalars must use BOOL modifier")
        }
        if operation.isTrim && left.type == .scalar && right.type == .scalar {
            typeError(at, "operator \(QuotedText.echoed(operation.rawValue)) not allowed for scalar operations")
        }
        if matching.isOn && !matching.include.isEmpty {
            let included = Set(matching.include)
            // Canonically equal names of different bytes are two labels, hence the second look.
            for label in matching.labels where included.contains(label) {
                guard let same = included.firstIndex(of: label), included[same].hasSameBytes(as: label) else {
                    continue
                }
                typeError(at, "label \(QuotedText.echoed(label)) must not occur in ON and GROUP clause at once")
            }
        }
        for side in [left, right] where side.type != .scalar && side.type != .vector {
            typeError(
                side.expression.position.start,
                "binary expression must contain only scalar and instant vector types")
        }
        let hasFill = matching.fillLeft != nil || matching.fillRight != nil
        if left.type != .vector || right.type != .vector {
            if !matching.labels.isEmpty {
                typeError(range.start, "vector matching only allowed between instant vectors")
            }
            if hasFill {
                typeError(range.start, "filling in missing series only allowed between instant vectors")
            }
        } else if operation.isSetOperator {
            if matching.cardinality != .manyToMany {
                typeError(
                    range.start, "no grouping allowed for \(QuotedText.echoed(operation.rawValue)) operation")
            }
            if hasFill { typeError(range.start, "filling in missing series not allowed for set operators") }
        }
        if operation.isSetOperator && (left.type == .scalar || right.type == .scalar) {
            let name = QuotedText.echoed(operation.rawValue)
            typeError(range.start, "set operator \(name) not allowed in binary scalar expression")
        }
    }
}
