/// One open bracket: what stands before the word that is read now.
struct Frame {
    enum Opening {
        /// The query itself.
        case query
        /// `(` at this byte.
        case parenthesis(Int)
        /// `name(`.
        case call(Token)
        /// `sum by (a) (`, or `sum(` whose `by` may still follow.
        case aggregation(Aggregation)
    }

    struct Aggregation {
        var name: Token
        var grouping: [String] = []
        var isWithout = false
        var hasModifier = false
    }

    let opening: Opening
    var arguments: [Parsed] = []
    var operands: [Parsed] = []
    var waiting: [ExpressionReader.Pending] = []
}

/// Expressions: operands, operators and brackets, with a stack of frames instead of recursion, so that the depth of a
/// query costs no thread's stack.
extension ExpressionReader {
    /// What `operand()` found.
    private enum Operand {
        case whole(Parsed)
        case opened(Frame)
    }

    mutating func expression() throws(Lexer.Failure) -> Parsed {
        var frames: [Frame] = []
        var frame = Frame(opening: .query)
        while true {
            while current.kind == .add || current.kind == .subtract {
                frame.waiting.append(.sign(isNegation: current.kind == .subtract, offset: current.start))
                try advance()
            }
            var parsed: Parsed
            switch try operand() {
            case .opened(let inner):
                frames.append(frame)
                guard frames.count < options.maximumDepth else { throw tooDeep(current.start) }
                frame = inner
                continue
            case .whole(let whole): parsed = whole
            }
            // An operand is complete: modifiers, then an operator or the end of the bracket, which completes another.
            completion: while true {
                while try modifier(&parsed) {}
                frame.operands.append(parsed)
                let operation = current.kind.binaryOperator
                try settle(&frame, before: operation)
                if let operation {
                    frame.waiting.append(.binary(try binaryModifiers(operation)))
                    break completion
                }
                let whole = frame.operands.removeLast()  // everything is settled: one is left
                guard let outer = frames.last else { return whole }
                guard let closed = try close(&frame, with: whole) else { break completion }
                frames.removeLast()
                frame = outer
                parsed = closed
            }
        }
    }

    /// At the end of an expression inside a bracket: what the closed bracket yields; nil after a comma.
    private mutating func close(_ frame: inout Frame, with last: Parsed) throws(Lexer.Failure) -> Parsed? {
        if case .parenthesis(let start) = frame.opening {
            let end = try expect(.rightParenthesis).end
            return try node(
                .parenthesized(last.expression, SourceRange(start, end)), last.type,
                height: last.height + Self.heightPerLevel)
        }
        frame.arguments.append(last)
        if current.kind == .comma {
            let comma = current.start
            try advance()
            guard current.kind != .rightParenthesis else {
                throw Lexer.Failure(comma, "trailing commas not allowed in function call args")
            }
            return nil
        }
        _ = try expect(.rightParenthesis)
        return try finished(frame)
    }

    private mutating func finished(_ frame: Frame) throws(Lexer.Failure) -> Parsed {
        switch frame.opening {
        case .call(let name): try call(name, frame.arguments)
        case .aggregation(let aggregation): try self.aggregation(aggregation, frame.arguments)
        case .query, .parenthesis: frame.arguments[0]  // never: these take no list
        }
    }

    private mutating func operand() throws(Lexer.Failure) -> Operand {
        let token = current
        switch token.kind {
        case .number, .duration: return .whole(try numberLiteral())
        case .string: return .whole(try stringLiteral())
        case .leftBrace: return .whole(try selector(name: nil))
        case .leftParenthesis:
            try advance()
            return .opened(Frame(opening: .parenthesis(token.start)))
        case .identifier, .start, .end, .step, .range:
            try advance()
            if current.kind == .leftParenthesis { return try opened(.call(token)) }
            return .whole(try selector(name: token))
        case .aggregator:
            try advance()
            switch current.kind {
            case .leftParenthesis, .by, .without: return try openedAggregation(token)
            default: return .whole(try selector(name: token))
            }
        default:
            guard token.kind.namesMetric else { throw unexpected() }
            try advance()
            return .whole(try selector(name: token))
        }
    }

    /// At `(`: a list with arguments is opened, one without is complete.
    private mutating func opened(_ opening: Frame.Opening) throws(Lexer.Failure) -> Operand {
        _ = try expect(.leftParenthesis)
        let frame = Frame(opening: opening)
        guard current.kind == .rightParenthesis else { return .opened(frame) }
        try advance()
        return .whole(try finished(frame))
    }

    private mutating func openedAggregation(_ name: Token) throws(Lexer.Failure) -> Operand {
        var aggregation = Frame.Aggregation(name: name)
        try aggregationModifier(&aggregation)
        guard current.kind == .leftParenthesis else { throw unexpected(in: "aggregation") }
        return try opened(.aggregation(aggregation))
    }

    /// `by (…)` or `without (…)`, when one stands here.
    private mutating func aggregationModifier(_ aggregation: inout Frame.Aggregation) throws(Lexer.Failure) {
        guard !aggregation.hasModifier, current.kind == .by || current.kind == .without else { return }
        aggregation.hasModifier = true
        aggregation.isWithout = current.kind == .without
        try advance()
        aggregation.grouping = try groupingLabels()
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
        let value = unquoted(token)
        return Parsed(expression: .string(value, SourceRange(token.start, token.end)), type: .string, height: 0)
    }

    // MARK: - Calls

    private func height(above children: [Parsed]) -> Int {
        (children.lazy.map(\.height).max() ?? 0) + Self.heightPerLevel
    }

    private mutating func call(_ name: Token, _ arguments: [Parsed]) throws(Lexer.Failure) -> Parsed {
        let text = name.kind == .identifier ? text(name) : lexer.lowercased(name)
        guard let signature = FunctionSignature.table[text] else {
            throw Lexer.Failure(name.start, "unknown function with name \(QuotedText.echoed(text))")
        }
        if signature.isExperimental && !options.enableExperimentalFunctions {
            throw Lexer.Failure(name.start, "function \(QuotedText.echoed(text)) is not enabled")
        }
        checkArguments(arguments, signature, name.start)
        let call = FunctionCall(
            name: text, arguments: arguments.map(\.expression), position: SourceRange(name.start, lastClosing))
        return try node(.call(call), signature.result, height: height(above: arguments))
    }

    private mutating func checkArguments(_ arguments: [Parsed], _ signature: FunctionSignature, _ start: Int) {
        let name = QuotedText.echoed(signature.name)
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

    private mutating func aggregation(
        _ aggregation: Frame.Aggregation, _ arguments: [Parsed]
    ) throws(Lexer.Failure) -> Parsed {
        var aggregation = aggregation
        try aggregationModifier(&aggregation)
        let name = aggregation.name
        guard let operation = AggregateOperator(rawValue: lexer.lowercased(name)) else { throw unexpected() }
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
            parameter: operation.takesParameter ? arguments[0].expression : nil, grouping: aggregation.grouping,
            isWithout: aggregation.isWithout, position: range)
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
                let label = unquoted(current)
                guard !label.isEmpty, !StrayByte.isAny(in: label) else {
                    throw Lexer.Failure(
                        current.start, "invalid label name for grouping: \(QuotedText.quoted(label))")
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
