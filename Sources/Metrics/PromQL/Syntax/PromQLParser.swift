public import MetricModel

/// Reads PromQL: the language of the current Prometheus release, its messages included.
///
/// - Types are checked while reading; a syntax error anywhere wins over a type error, as in Prometheus.
/// - Bounds (text, tokens, depth) come from `QueryOptions`. The height of the tree is bounded too, so whoever walks it
///   may recurse: each bracket, sign and right operand is a level, and eight left operands of a chain (`a + b + …`)
///   together are one.
/// - Expressions are read with explicit stacks, not by recursion; only durations recurse, and a quarter as deep.
public enum PromQLParser {
    /// Parses and type-checks a whole query.
    public static func parse(_ query: String, options: QueryOptions = .init()) throws(ParseError) -> Expression {
        var reader = try ExpressionReader(query, options)
        do {
            return try reader.query()
        } catch {
            throw reader.located(error)
        }
    }

    /// Parses one selector without modifiers, as `match[]` takes it.
    public static func parseSelector(
        _ text: String, options: QueryOptions = .init()
    ) throws(ParseError) -> VectorSelector {
        var reader = try ExpressionReader(text, options)
        do {
            return try reader.loneSelector()
        } catch {
            throw reader.located(error)
        }
    }

    /// Parses the labels that a series description opens with, `name{a="b"}`.
    /// - Returns: the labels, and the byte after them.
    public static func parseSeriesLabels(
        _ text: String, options: QueryOptions = .init()
    ) throws(ParseError) -> (labels: Labels, end: Int) {
        var reader = try ExpressionReader(text, options, readsAhead: false)
        do {
            return try reader.seriesLabels()
        } catch {
            throw reader.located(error)
        }
    }
}

/// The tree of one query in the making: lexer, one token of lookahead, and the checks that every rule shares.
struct ExpressionReader {
    /// Chained operators per level of depth.
    static let heightPerLevel = 8

    var lexer: Lexer
    var current = Token(kind: .endOfInput, start: 0, end: 0)
    let options: QueryOptions
    private var tokens = 0
    private var durationDepth = 0
    /// Where the duration stands that is read now.
    var durationPlace = DurationPlace.range
    /// End of the last token that can close an expression.
    var lastClosing = 0
    /// `LabelRegex.estimatedCost` of the matchers so far.
    var regexCost = 0
    /// Type errors in the order found; reported when the syntax is sound.
    var typeErrors: [Lexer.Failure] = []

    init(_ text: String, _ options: QueryOptions, readsAhead: Bool = true) throws(ParseError) {
        self.options = options
        guard text.utf8.count <= options.maximumQueryLength else {
            throw ParseError(
                line: 1, column: 1,
                reason: "query of \(text.utf8.count) bytes is longer than the limit of \(options.maximumQueryLength)")
        }
        lexer = Lexer(text)
        if readsAhead {
            do {
                try advance()
            } catch {
                throw located(error)
            }
        }
    }

    mutating func advance() throws(Lexer.Failure) {
        switch current.kind {
        case .rightBrace, .rightParenthesis, .rightBracket, .duration, .number: lastClosing = current.end
        default: break
        }
        current = try lexer.next()
        tokens += 1
        guard tokens <= options.maximumTokens else {
            throw Lexer.Failure(current.start, "query has more than \(options.maximumTokens) tokens")
        }
    }

    /// Line and column of a failure.
    func located(_ failure: Lexer.Failure) -> ParseError {
        var line = 1
        var lineStart = 0
        for (i, byte) in lexer.bytes.prefix(failure.offset).enumerated() where byte == 10 {
            line += 1
            lineStart = i + 1
        }
        return ParseError(line: line, column: failure.offset - lineStart + 1, reason: failure.reason)
    }

    func text(_ token: Token) -> String { lexer.text(token) }

    /// What a string token stands for.
    func unquoted(_ token: Token) -> String { QuotedText.unquoted(lexer.bytes[token.start..<token.end]) }

    /// "unexpected … in …, expected …" about the current token.
    func unexpected(in context: String = "", expected: String = "") -> Lexer.Failure {
        var reason = "unexpected \(current.kind.described(text(current)))"
        if !context.isEmpty { reason += " in \(context)" }
        if !expected.isEmpty { reason += ", expected \(expected)" }
        return Lexer.Failure(current.start, reason)
    }

    mutating func expect(
        _ kind: TokenKind, in context: String = "", expected: String = ""
    ) throws(Lexer.Failure) -> Token {
        guard current.kind == kind else { throw unexpected(in: context, expected: expected) }
        let token = current
        try advance()
        return token
    }

    mutating func descendIntoDuration() throws(Lexer.Failure) {
        durationDepth += 1
        guard durationDepth <= maximumDurationDepth else {
            throw Lexer.Failure(
                current.start, "duration is nested more than \(maximumDurationDepth) levels deep")
        }
    }
    mutating func ascendFromDuration() { durationDepth -= 1 }
    var maximumDurationDepth: Int { max(8, options.maximumDepth / 4) }

    func tooDeep(_ offset: Int) -> Lexer.Failure {
        Lexer.Failure(offset, "expression is nested more than \(options.maximumDepth) levels deep")
    }

    /// A node above its children, as long as the tree stays within its bound.
    func node(_ expression: Expression, _ type: ValueType, height: Int) throws(Lexer.Failure) -> Parsed {
        guard height <= options.maximumDepth * Self.heightPerLevel else { throw tooDeep(expression.position.start) }
        return Parsed(expression: expression, type: type, height: height)
    }

    mutating func typeError(_ offset: Int, _ reason: String) {
        // The first is reported; the rest of a bad query need not be remembered.
        if typeErrors.count < 16 { typeErrors.append(Lexer.Failure(offset, reason)) }
    }
}

/// An expression, what it yields, and how high its tree is (in eighths of a level).
struct Parsed {
    var expression: Expression
    var type: ValueType
    var height: Int
}

extension ExpressionReader {
    mutating func query() throws(Lexer.Failure) -> Expression {
        guard current.kind != .endOfInput else { throw Lexer.Failure(0, "no expression found in input") }
        let parsed = try expression()
        guard current.kind == .endOfInput else { throw unexpected() }
        if let first = typeErrors.first { throw first }
        return parsed.expression
    }

    mutating func loneSelector() throws(Lexer.Failure) -> VectorSelector {
        guard current.kind == .leftBrace || current.kind.namesMetric else { throw unexpected() }
        var name: Token?
        if current.kind != .leftBrace {
            name = current
            try advance()
        }
        let parsed = try selector(name: name)
        guard current.kind == .endOfInput else { throw unexpected() }
        guard case .vectorSelector(let selector) = parsed.expression else { throw unexpected() }
        guard selector.matchers.contains(where: { !$0.matchesEmpty }) else {
            throw Lexer.Failure(selector.position.start, "match[] must contain at least one non-empty matcher")
        }
        if let first = typeErrors.first { throw first }
        return selector
    }
}
