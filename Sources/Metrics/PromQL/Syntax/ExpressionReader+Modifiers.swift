/// What may follow a selector: `[5m]`, `[1h:5m]`, `offset 5m`, `@ 0`, `anchored`, `smoothed`.
extension ExpressionReader {
    /// Reads one modifier into `parsed`; false when none follows.
    mutating func modifier(_ parsed: inout Parsed) throws(Lexer.Failure) -> Bool {
        switch current.kind {
        case .leftBracket: try rangeOrSubquery(&parsed)
        case .offset: try offsetModifier(&parsed)
        case .at: try atModifier(&parsed)
        case .anchored, .smoothed: try extrapolationModifier(&parsed)
        default: return false
        }
        return true
    }

    private mutating func rangeOrSubquery(_ parsed: inout Parsed) throws(Lexer.Failure) {
        let open = current.start
        try advance()
        let range = try positiveDuration(.range)
        switch current.kind {
        case .rightBracket:
            let end = current.end
            try advance()
            try matrixSelector(&parsed, range, open: open, end: end)
        case .colon:
            try advance()
            var step: DurationExpression?
            if current.kind != .rightBracket { step = try positiveDuration(.step) }
            let end = try expect(.rightBracket, in: "subquery selector", expected: "\"]\"").end
            if parsed.type != .vector {
                let found = parsed.type == .matrix ? "matrix" : parsed.type.rawValue
                typeError(
                    parsed.expression.position.start,
                    "subquery is only allowed on instant vector, got \(found) instead")
            }
            let subquery = Subquery(
                expression: parsed.expression, range: range, step: step,
                position: SourceRange(parsed.expression.position.start, end))
            parsed = try node(.subquery(subquery), .matrix, height: parsed.height + Self.heightPerLevel)
        default: throw unexpected(in: "subquery or range", expected: "\":\" or \"]\"")
        }
    }

    private func matrixSelector(
        _ parsed: inout Parsed, _ range: DurationExpression, open: Int, end: Int
    ) throws(Lexer.Failure) {
        guard case .vectorSelector(let selector) = parsed.expression else {
            throw Lexer.Failure(open, "ranges only allowed for vector selectors")
        }
        if selector.offset != nil { throw Lexer.Failure(open, "no offset modifiers allowed before range") }
        if selector.at != nil { throw Lexer.Failure(open, "no @ modifiers allowed before range") }
        let matrix = MatrixSelector(
            selector: selector, range: range, position: SourceRange(selector.position.start, end))
        parsed = Parsed(expression: .matrixSelector(matrix), type: .matrix, height: 0)
    }

    private mutating func offsetModifier(_ parsed: inout Parsed) throws(Lexer.Failure) {
        try advance()
        let offset = try offsetDuration()
        let start = parsed.expression.position.start
        let twice = Lexer.Failure(start, "offset may not be set multiple times")
        switch parsed.expression {
        case .vectorSelector(var selector):
            guard selector.offset == nil else { throw twice }
            selector.offset = offset
            selector.position.end = lastClosing
            parsed.expression = .vectorSelector(selector)
        case .matrixSelector(var matrix):
            guard matrix.selector.offset == nil else { throw twice }
            matrix.selector.offset = offset
            matrix.position.end = lastClosing
            parsed.expression = .matrixSelector(matrix)
        case .subquery(var subquery):
            guard subquery.offset == nil else { throw twice }
            subquery.offset = offset
            subquery.position.end = lastClosing
            parsed.expression = .subquery(subquery)
        default:
            throw Lexer.Failure(
                start,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery")
        }
    }

    private mutating func atModifier(_ parsed: inout Parsed) throws(Lexer.Failure) {
        try advance()
        let start = parsed.expression.position.start
        let at: AtModifier
        if current.kind == .start || current.kind == .end {
            at = current.kind == .start ? .start : .end
            try advance()
            _ = try expect(.leftParenthesis, in: "@", expected: "timestamp")
            _ = try expect(.rightParenthesis, in: "@", expected: "timestamp")
        } else {
            let seconds = try signedNumber(in: "@", expected: "timestamp")
            let milliseconds = (seconds * 1000).rounded(.toNearestOrAwayFromZero)
            guard let time = Int64(exactly: milliseconds) else {
                throw Lexer.Failure(start, "timestamp out of bounds for @ modifier: \(GoText.fixed(seconds))")
            }
            at = .time(time)
        }
        let twice = Lexer.Failure(start, "@ <timestamp> may not be set multiple times")
        switch parsed.expression {
        case .vectorSelector(var selector):
            guard selector.at == nil else { throw twice }
            selector.at = at
            selector.position.end = lastClosing
            parsed.expression = .vectorSelector(selector)
        case .matrixSelector(var matrix):
            guard matrix.selector.at == nil else { throw twice }
            matrix.selector.at = at
            matrix.position.end = lastClosing
            parsed.expression = .matrixSelector(matrix)
        case .subquery(var subquery):
            guard subquery.at == nil else { throw twice }
            subquery.at = at
            subquery.position.end = lastClosing
            parsed.expression = .subquery(subquery)
        default:
            throw Lexer.Failure(
                start,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery")
        }
    }

    private mutating func extrapolationModifier(_ parsed: inout Parsed) throws(Lexer.Failure) {
        let wanted: RangeExtrapolation = current.kind == .anchored ? .anchored : .smoothed
        let start = parsed.expression.position.start
        try advance()
        let both = Lexer.Failure(start, "anchored and smoothed modifiers cannot be used together")
        switch parsed.expression {
        case .vectorSelector(var selector):
            guard selector.extrapolation ?? wanted == wanted else { throw both }
            selector.extrapolation = wanted
            parsed.expression = .vectorSelector(selector)
        case .matrixSelector(var matrix):
            guard matrix.selector.extrapolation ?? wanted == wanted else { throw both }
            matrix.selector.extrapolation = wanted
            parsed.expression = .matrixSelector(matrix)
        case .subquery:
            throw Lexer.Failure(start, "\(wanted.rawValue) modifier is not supported for subqueries")
        default: throw Lexer.Failure(start, "\(wanted.rawValue) modifier not implemented")
        }
    }
}
