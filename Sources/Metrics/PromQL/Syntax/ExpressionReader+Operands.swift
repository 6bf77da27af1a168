/// What stands between operators: literals, selectors, calls, parentheses, each with its modifiers.
extension ExpressionReader {
    mutating func operand() throws(Lexer.Failure) -> Parsed {
        var parsed = try primary()
        while try modifier(&parsed) {}
        return parsed
    }

    private mutating func primary() throws(Lexer.Failure) -> Parsed {
        let token = current
        switch token.kind {
        case .number, .duration: return try numberLiteral()
        case .string: return try stringLiteral()
        case .leftBrace: return try selector(name: nil)
        case .leftParenthesis: return try parentheses()
        case .identifier, .start, .end, .step, .range:
            try advance()
            if current.kind == .leftParenthesis { return try call(token) }
            return try selector(name: token)
        case .aggregator:
            try advance()
            switch current.kind {
            case .leftParenthesis, .by, .without: return try aggregation(token)
            case .identifier, .metricIdentifier, .number, .duration, .string, .aggregator, .on, .ignoring, .groupLeft,
                .groupRight, .bool, .start, .end, .step, .range:
                throw unexpected(in: "aggregation")
            default: return try selector(name: token)
            }
        default:
            guard token.kind.namesMetric else { throw unexpected() }
            try advance()
            return try selector(name: token)
        }
    }

    private mutating func numberLiteral() throws(Lexer.Failure) -> Parsed {
        let token = current
        let value = try literalValue(token)
        try advance()
        return Parsed(
            expression: .number(value, SourceRange(token.start, token.end)), type: .scalar, height: 0)
    }

    private mutating func stringLiteral() throws(Lexer.Failure) -> Parsed {
        let token = current
        try advance()
        let value = QuotedText.unquoted(lexer.bytes[token.start..<token.end])
        return Parsed(expression: .string(value, SourceRange(token.start, token.end)), type: .string, height: 0)
    }

    private mutating func parentheses() throws(Lexer.Failure) -> Parsed {
        let start = current.start
        try advance()
        let inner = try expression()
        let end = try expect(.rightParenthesis).end
        return try node(
            .parenthesized(inner.expression, SourceRange(start, end)), inner.type,
            height: inner.height + Self.heightPerLevel)
    }

    // MARK: - Calls

    /// `(a, b, …)`.
    private mutating func arguments() throws(Lexer.Failure) -> [Parsed] {
        _ = try expect(.leftParenthesis)
        var arguments: [Parsed] = []
        if current.kind != .rightParenthesis {
            while true {
                arguments.append(try expression())
                guard current.kind == .comma else { break }
                let comma = current.start
                try advance()
                if current.kind == .rightParenthesis {
                    throw Lexer.Failure(comma, "trailing commas not allowed in function call args")
                }
            }
        }
        _ = try expect(.rightParenthesis)
        return arguments
    }

    private func height(above children: [Parsed]) -> Int {
        (children.lazy.map(\.height).max() ?? 0) + Self.heightPerLevel
    }

    private mutating func call(_ name: Token) throws(Lexer.Failure) -> Parsed {
        let arguments = try arguments()
        let text = name.kind == .identifier ? text(name) : lexer.lowercased(name)
        guard let signature = FunctionSignature.table[text] else {
            throw Lexer.Failure(name.start, "unknown function with name \(QuotedText.quoted(text))")
        }
        if signature.isExperimental && !options.enableExperimentalFunctions {
            throw Lexer.Failure(name.start, "function \(QuotedText.quoted(text)) is not enabled")
        }
        checkArguments(arguments, signature, name.start)
        let call = FunctionCall(
            name: text, arguments: arguments.map(\.expression), position: SourceRange(name.start, lastClosing))
        return try node(.call(call), signature.result, height: height(above: arguments))
    }

    private mutating func checkArguments(_ arguments: [Parsed], _ signature: FunctionSignature, _ start: Int) {
        let name = QuotedText.quoted(signature.name)
        let count = arguments.count
        if signature.minimumArguments == signature.maximumArguments {
            if count != signature.minimumArguments {
                typeError(
                    start, "expected \(signature.minimumArguments) argument(s) in call to \(name), got \(count)")
            }
        } else if count < signature.minimumArguments {
            typeError(
                start, "expected at least \(signature.minimumArguments) argument(s) in call to \(name), got \(count)")
        } else if let most = signature.maximumArguments, count > most {
            typeError(start, "expected at most \(most) argument(s) in call to \(name), got \(count)")
        }
        if signature.name == "info", count > 1 { checkInfoSelector(arguments[1], start) }
        for (i, argument) in arguments.enumerated() {
            guard i < signature.arguments.count || signature.isVariadic, let last = signature.arguments.last else {
                break
            }
            let wanted = i < signature.arguments.count ? signature.arguments[i] : last
            if argument.type != wanted {
                typeError(
                    argument.expression.position.start,
                    "expected type \(wanted.rawValue) in call to function \(name), got \(argument.type.rawValue)")
            }
        }
    }

    /// `info(v, {…})` takes bare matchers, which may all match the empty string.
    private mutating func checkInfoSelector(_ argument: Parsed, _ start: Int) {
        let position = argument.expression.position.start
        guard case .vectorSelector(let selector) = argument.expression else {
            return typeError(position, "expected label selectors only")
        }
        if selector.metricName != nil {
            return typeError(position, "expected label selectors only, got vector selector instead")
        }
        typeErrors.removeAll { $0.offset == position && $0.reason == Self.emptySelector }
    }

    static let emptySelector = "vector selector must contain at least one non-empty matcher"

    private mutating func aggregation(_ name: Token) throws(Lexer.Failure) -> Parsed {
        guard let operation = AggregateOperator(rawValue: lexer.lowercased(name)) else { throw unexpected() }
        var grouping: [String] = []
        var isWithout = false
        var hasModifier = false
        if current.kind != .leftParenthesis {
            hasModifier = true
            isWithout = current.kind == .without
            try advance()
            grouping = try groupingLabels()
            guard current.kind == .leftParenthesis else { throw unexpected(in: "aggregation") }
        }
        let arguments = try arguments()
        if !hasModifier, current.kind == .by || current.kind == .without {
            isWithout = current.kind == .without
            try advance()
            grouping = try groupingLabels()
        }
        let range = SourceRange(name.start, lastClosing)
        guard !arguments.isEmpty else {
            throw Lexer.Failure(name.start, "no arguments for aggregate expression provided")
        }
        if operation.isExperimental && !options.enableExperimentalFunctions {
            throw Lexer.Failure(
                name.start,
                "\(operation.rawValue)() is experimental and must be enabled with "
                    + "--enable-feature=promql-experimental-functions")
        }
        let wanted = operation.takesParameter ? 2 : 1
        guard arguments.count == wanted else {
            throw Lexer.Failure(
                name.start,
                "wrong number of arguments for aggregate expression provided, expected \(wanted), got "
                    + "\(arguments.count)")
        }
        let operand = arguments[wanted - 1]
        checkType(operand, .vector, in: "aggregation expression")
        if operation.takesParameter {
            checkType(arguments[0], operation == .countValues ? .string : .scalar, in: "aggregation parameter")
        }
        let expression = AggregateExpression(
            operation: operation, operand: operand.expression,
            parameter: operation.takesParameter ? arguments[0].expression : nil, grouping: grouping,
            isWithout: isWithout, position: range)
        return try node(.aggregate(expression), .vector, height: height(above: arguments))
    }

    private mutating func checkType(_ parsed: Parsed, _ wanted: ValueType, in context: String) {
        guard parsed.type != wanted else { return }
        typeError(
            parsed.expression.position.start,
            "expected type \(wanted.rawValue) in \(context), got \(parsed.type.rawValue)")
    }

    /// `(a, b, "c.d")`, a comma at the end allowed.
    mutating func groupingLabels() throws(Lexer.Failure) -> [String] {
        _ = try expect(.leftParenthesis, in: "grouping opts", expected: "\"(\"")
        var labels: [String] = []
        while current.kind != .rightParenthesis {
            if current.kind == .string {
                let label = QuotedText.unquoted(lexer.bytes[current.start..<current.end])
                guard !label.isEmpty else {
                    throw Lexer.Failure(current.start, "invalid label name for grouping: \"\"")
                }
                labels.append(label)
            } else if current.kind.namesLabel {
                labels.append(text(current))
            } else {
                throw unexpected(in: "grouping opts", expected: "label")
            }
            try advance()
            guard current.kind == .comma else { break }
            try advance()
        }
        _ = try expect(.rightParenthesis, in: "grouping opts", expected: "\",\" or \")\"")
        return labels
    }
}
