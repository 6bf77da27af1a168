import MetricModel

/// Selectors: `name{a="b", c=~"d.*"}`, quoted names, and the labels of series descriptions.
extension ExpressionReader {
    /// The name was read; braces may follow.
    mutating func selector(name: Token?) throws(Lexer.Failure) -> Parsed {
        let metricName = name.map { text($0) }
        let start = name?.start ?? current.start
        var end = name?.end ?? current.end
        var matchers: [LabelMatcher] = []
        if current.kind == .leftBrace {
            try advance()
            while current.kind != .rightBrace {
                matchers.append(try matcher())
                guard current.kind == .comma else { break }
                try advance()
            }
            end = current.end
            _ = try expect(.rightBrace, in: "label matching", expected: "\",\" or \"}\"")
        }
        if let metricName {
            for matcher in matchers where matcher.name == Labels.metricNameLabel {
                let (first, second) = (QuotedText.echoed(metricName), QuotedText.echoed(matcher.value))
                typeError(start, "metric name must not be set twice: \(first) or \(second)")
            }
            matchers.append(LabelMatcher(Labels.metricNameLabel, equals: metricName))
        } else if !matchers.contains(where: { !$0.matchesEmpty }) {
            // Else a typo would select every series there is.
            typeError(start, Self.emptySelector)
        }
        let selector = VectorSelector(
            metricName: metricName, matchers: matchers, position: SourceRange(start, end))
        return Parsed(expression: .vectorSelector(selector), type: .vector, height: 0)
    }

    private mutating func matcher() throws(Lexer.Failure) -> LabelMatcher {
        let context = "label matching"
        let nameToken = current
        let name: String
        switch current.kind {
        case .identifier: name = text(current)
        case .string: name = unquoted(current)
        default: throw unexpected(in: context, expected: "identifier or \"}\"")
        }
        try advance()
        guard let operation = current.kind.matcherOperation else {
            guard nameToken.kind == .string else {
                throw unexpected(in: context, expected: "label matching operator")
            }
            // A quoted name alone is the metric's.
            return LabelMatcher(Labels.metricNameLabel, equals: name)
        }
        guard !name.isEmpty, !StrayByte.isAny(in: name) else {
            throw Lexer.Failure(nameToken.start, "invalid label name \(QuotedText.quoted(name))")
        }
        try advance()
        guard current.kind == .string else { throw unexpected(in: context, expected: "string") }
        let value = unquoted(current)
        if operation == .matches || operation == .notMatches {
            guard !StrayByte.isAny(in: value) else {
                throw Lexer.Failure(
                    nameToken.start, "error parsing regexp: invalid UTF-8: `\(QuotedText.echoedBare(value))`")
            }
            regexCost += LabelRegex.estimatedCost(of: value)
            guard regexCost <= LabelRegex.maximumCost else {
                throw Lexer.Failure(
                    nameToken.start,
                    "the query's regular expressions are too costly to compile together; use fewer or smaller repetitions"
                )
            }
        }
        let built: LabelMatcher
        do {
            built = try LabelMatcher(name, operation, value)
        } catch {
            throw Lexer.Failure(nameToken.start, error.description)
        }
        try advance()
        return built
    }

    /// `name{a="b"}` at the start of a series description; nothing after it is looked at.
    mutating func seriesLabels() throws(Lexer.Failure) -> (labels: Labels, end: Int) {
        var pairs: [(String, String)] = []
        if lexer.byte(0) != UInt8(ascii: "{") {
            try advance()
            guard current.kind.namesMetric || current.kind == .fill else {
                throw unexpected()
            }
            pairs.append((Labels.metricNameLabel, text(current)))
            // Braces belong to the name only when they touch it: `{{` after a space is a histogram.
            guard lexer.byte(current.end) == UInt8(ascii: "{") else { return (Labels(pairs), current.end) }
        }
        try advance()
        guard current.kind == .leftBrace else { throw unexpected() }
        try advance()
        while current.kind != .rightBrace {
            pairs.append(try labelPair())
            guard current.kind == .comma else { break }
            try advance()
        }
        guard current.kind == .rightBrace else {
            throw unexpected(in: "label set", expected: "\",\" or \"}\"")
        }
        return (Labels(pairs), current.end)
    }

    private mutating func labelPair() throws(Lexer.Failure) -> (String, String) {
        let context = "label set"
        let isQuoted = current.kind == .string
        guard isQuoted || current.kind == .identifier else {
            throw unexpected(in: context, expected: "identifier or \"}\"")
        }
        let name = isQuoted ? unquoted(current) : text(current)
        try advance()
        guard current.kind == .assign else {
            guard isQuoted else { throw unexpected(in: context, expected: "\"=\"") }
            return (Labels.metricNameLabel, name)
        }
        try advance()
        guard current.kind == .string else { throw unexpected(in: context, expected: "string") }
        let value = unquoted(current)
        try advance()
        return (name, value)
    }
}
