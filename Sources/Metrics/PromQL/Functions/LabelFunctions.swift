import MetricModel

/// `label_replace` and `label_join`: they see labels only, never times or values.
enum LabelFunctions {
    static func replace(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let strings = strings(node)
        guard strings.count == 4 else { throw .execution("label_replace() needs four strings") }
        let (target, replacement, source, pattern) = (strings[0], strings[1], strings[2], strings[3])
        guard !StrayByte.isAny(in: pattern), let regex = try? LabelRegex(pattern) else {
            throw .execution("invalid regular expression in label_replace(): \(QuotedText.echoedBare(pattern))")
        }
        guard isLabelName(target) else {
            throw .execution("invalid destination label name in label_replace(): \(QuotedText.echoedBare(target))")
        }
        let template = ReplacementTemplate(StrayByte.replaced(replacement))
        return try relabelled(evaluator, node, grid, target) { (labels) throws(QueryError) in
            guard let captures = regex.captures(in: labels.value(of: source)) else { return nil }
            var value = LabelValue(function: "label_replace")
            try template.expand(captures, names: regex.groupIndex, into: &value)
            return value.text
        }
    }

    static func join(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let strings = strings(node)
        guard strings.count >= 2 else { throw .execution("label_join() needs a label and a separator") }
        let (target, separator, sources) = (strings[0], strings[1], strings[2...])
        for source in sources where !isLabelName(source) {
            throw .execution("invalid source label name in label_join(): \(QuotedText.echoedBare(source))")
        }
        guard isLabelName(target) else {
            throw .execution("invalid destination label name in label_join(): \(QuotedText.echoedBare(target))")
        }
        return try relabelled(evaluator, node, grid, target) { (labels) throws(QueryError) in
            var value = LabelValue(function: "label_join")
            for (i, source) in sources.enumerated() {
                if i > 0 { try value.append(StrayByte.replaced(separator)) }
                try value.append(labels.value(of: source))
            }
            return value.text
        }
    }

    /// Sets `target`; a metric's name that was to go stays once it is set here.
    private static func relabelled(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, _ target: String,
        _ value: (Labels) throws(QueryError) -> String?
    ) throws(QueryError) -> [SeriesColumn] {
        var columns = try evaluator.evaluate(node.arguments[0].node, grid)
        for i in columns.indices {
            guard let value = try value(columns[i].labels) else { continue }
            try evaluator.budget.hold(text: value)
            columns[i].labels = columns[i].labels.setting(target, to: value)
            if target == Labels.metricNameLabel { columns[i].dropsName = false }
        }
        return try Evaluator.merged(columns)
    }

    /// Any UTF-8 but nothing. Bytes of a query that were not UTF-8 (`"\xff"`) have become U+FFFD on the way.
    static func isLabelName(_ name: String) -> Bool { !name.isEmpty && !StrayByte.isAny(in: name) }

    private static func strings(_ node: FunctionNode) -> [String] {
        node.arguments.dropFirst().compactMap { argument in
            if case .string(let text) = argument.node { text } else { nil }
        }
    }
}

/// A label value in the making. Nested calls can double it each time: it is bounded.
private struct LabelValue {
    /// Far above what any sender has.
    private static let maximumBytes = 64 << 10

    private(set) var text = ""
    private let function: String

    init(function: String) { self.function = function }

    mutating func append(_ more: String) throws(QueryError) {
        guard text.utf8.count + more.utf8.count <= Self.maximumBytes else {
            throw .execution("\(function)() would make a label value of more than \(Self.maximumBytes) bytes")
        }
        text += more
    }
}

/// `$1`, `${name}`, `$$` in a replacement, as Go's `regexp.Expand` reads them: a name is as long as letters, digits and
/// `_` go; a group that is not there is empty; a `$` that leads nothing is itself.
struct ReplacementTemplate {
    private enum Part {
        case literal(String)
        case group(String)
    }
    private var parts: [Part] = []

    init(_ text: String) {
        var literal = String.UnicodeScalarView()
        var rest = Substring(text).unicodeScalars
        func isWord(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
        }
        while let scalar = rest.popFirst() {
            guard scalar == "$" else {
                literal.append(scalar)
                continue
            }
            if rest.first == "$" {
                rest.removeFirst()
                literal.append("$")
                continue
            }
            let isBraced = rest.first == "{"
            let body = isBraced ? rest.dropFirst() : rest
            let name = body.prefix(while: isWord)
            let after = body[name.endIndex...]
            guard !name.isEmpty, !isBraced || after.first == "}" else {
                literal.append("$")
                continue
            }
            if !literal.isEmpty { parts.append(.literal(String(literal))) }
            literal = String.UnicodeScalarView()
            parts.append(.group(String(name)))
            rest = isBraced ? after.dropFirst() : after
        }
        if !literal.isEmpty { parts.append(.literal(String(literal))) }
    }

    fileprivate func expand(
        _ captures: [String?], names: (String) -> Int?, into value: inout LabelValue
    ) throws(QueryError) {
        for part in parts {
            switch part {
            case .literal(let literal): try value.append(literal)
            case .group(let name):
                let isNumber = name.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
                // Groups are numbered below 1e8: `regexp.extract`.
                let index = isNumber && name.utf8.count <= 8 ? Int(name) : names(name)
                if let index, captures.indices.contains(index), let capture = captures[index] {
                    try value.append(capture)
                }
            }
        }
    }
}
