import MetricModel

/// Writes an expression as Prometheus does: its text parses to the same tree.
///
/// - Labels of a selector are sorted by their text; names that are not plain words are quoted.
/// - Recursion is bounded: the parser bounds the tree's height, and chains of operators are written in a loop.
public enum PromQLPrinter {
    public static func print(_ expression: Expression) -> String {
        var text = ""
        append(expression, to: &text)
        return text
    }

    /// A duration in brackets or after `offset`.
    public static func print(_ duration: DurationExpression) -> String {
        var text = ""
        append(duration, to: &text)
        return text
    }

    private static func append(_ expression: Expression, to text: inout String) {
        switch expression {
        case .number(let value, _): text += number(value)
        case .string(let value, _): text += QuotedText.quoted(value)
        case .vectorSelector(let selector):
            appendName(selector, to: &text)
            appendModifiers(selector, extrapolationFirst: false, to: &text)
        case .matrixSelector(let matrix):
            appendName(matrix.selector, to: &text)
            text += "["
            append(matrix.range, to: &text)
            text += "]"
            appendModifiers(matrix.selector, extrapolationFirst: true, to: &text)
        case .subquery(let subquery): append(subquery, to: &text)
        case .unary(let unary):
            text += unary.isNegation ? "-" : "+"
            append(unary.operand, to: &text)
        case .binary(let binary): append(binary, to: &text)
        case .aggregate(let aggregate): append(aggregate, to: &text)
        case .call(let call):
            text += call.name + "("
            appendList(call.arguments, to: &text)
            text += ")"
        case .parenthesized(let inner, _):
            text += "("
            append(inner, to: &text)
            text += ")"
        }
    }

    private static func appendList(_ expressions: [Expression], to text: inout String) {
        for (i, expression) in expressions.enumerated() {
            if i > 0 { text += ", " }
            append(expression, to: &text)
        }
    }

    /// Plain notation without exponent, the shortest digits that read back as `value`.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Swift's shortest digits, moved out of their exponent.
        let shortest = Array(value.description.utf8)
        var digits: [UInt8] = []
        var exponent = 0
        var pointAt: Int?
        var i = 0
        let isNegative = shortest.first == UInt8(ascii: "-")
        if isNegative { i = 1 }
        while i < shortest.count {
            let byte = shortest[i]
            if byte == UInt8(ascii: ".") {
                pointAt = digits.count
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(String(decoding: shortest[(i + 1)...], as: UTF8.self)) ?? 0
                break
            } else {
                digits.append(byte)
            }
            i += 1
        }
        var point = (pointAt ?? digits.count) + exponent
        while digits.count > max(point, 1), digits.last == UInt8(ascii: "0") { digits.removeLast() }
        let zero = UInt8(ascii: "0")
        if point <= 0 {
            digits.insert(contentsOf: [UInt8](repeating: zero, count: 1 - point), at: 0)
            point = 1
        }
        if digits.count < point { digits += [UInt8](repeating: zero, count: point - digits.count) }
        if digits.count > point { digits.insert(UInt8(ascii: "."), at: point) }
        var leading = 0
        while leading + 1 < digits.count, digits[leading] == zero, digits[leading + 1] != UInt8(ascii: ".") {
            leading += 1
        }
        return (isNegative ? "-" : "") + String(decoding: digits[leading...], as: UTF8.self)
    }

    // MARK: - Selectors

    private static func appendName(_ selector: VectorSelector, to text: inout String) {
        text += selector.metricName ?? ""
        var matchers: [String] = []
        for matcher in selector.matchers {
            // The name before the braces says it already.
            if let name = selector.metricName, matcher.name == Labels.metricNameLabel, matcher.operation == .equal,
                matcher.value.hasSameBytes(as: name)
            {
                continue
            }
            let value = QuotedText.quoted(matcher.value)
            matchers.append(labelName(matcher.name) + matcher.operation.rawValue + value)
        }
        guard !matchers.isEmpty || selector.metricName == nil else { return }
        text += "{" + matchers.sorted { $0.precedesByBytes($1) }.joined(separator: ",") + "}"
    }

    private static func labelName(_ name: String) -> String {
        QuotedText.isPlainLabelName(name) ? name : QuotedText.quoted(name)
    }

    private static func appendModifiers(
        _ selector: VectorSelector, extrapolationFirst: Bool, to text: inout String
    ) {
        let extrapolation = selector.extrapolation.map { " \($0.rawValue)" } ?? ""
        if extrapolationFirst { text += extrapolation }
        append(selector.at, to: &text)
        if !extrapolationFirst { text += extrapolation }
        appendOffset(selector.offset, to: &text)
    }

    private static func append(_ at: AtModifier?, to text: inout String) {
        switch at {
        case .time(let milliseconds):
            let fraction = String(milliseconds.magnitude % 1000)
            text += " @ " + (milliseconds < 0 ? "-" : "") + String(milliseconds.magnitude / 1000) + "."
            text += String(repeating: "0", count: 3 - fraction.count) + fraction
        case .start: text += " @ start()"
        case .end: text += " @ end()"
        case nil: break
        }
    }

    private static func appendOffset(_ offset: DurationExpression?, to text: inout String) {
        guard let offset else { return }
        text += " offset "
        append(offset, to: &text)
    }

    private static func append(_ subquery: Subquery, to text: inout String) {
        append(subquery.expression, to: &text)
        text += "["
        append(subquery.range, to: &text)
        text += ":"
        if let step = subquery.step { append(step, to: &text) }
        text += "]"
        append(subquery.at, to: &text)
        appendOffset(subquery.offset, to: &text)
    }

    private static func append(_ duration: DurationExpression, to text: inout String) {
        switch duration {
        case .literal(let milliseconds): text += DurationText.string(milliseconds: milliseconds)
        case .step: text += "step()"
        case .range: text += "range()"
        case .negated(let operand):
            text += "-"
            append(operand, to: &text)
        case .binary(let operation, let left, let right):
            append(left, to: &text)
            text += " \(operation.rawValue) "
            append(right, to: &text)
        case .minimum(let first, let second): appendCall("min_of", first, second, to: &text)
        case .maximum(let first, let second): appendCall("max_of", first, second, to: &text)
        case .parenthesized(let inner):
            text += "("
            append(inner, to: &text)
            text += ")"
        }
    }

    private static func appendCall(
        _ name: String, _ first: DurationExpression, _ second: DurationExpression, to text: inout String
    ) {
        text += name + "("
        append(first, to: &text)
        text += ", "
        append(second, to: &text)
        text += ")"
    }

    // MARK: - Operators

    private static func appendLabels(_ labels: [String], to text: inout String) {
        text += " (" + labels.map(labelName).joined(separator: ", ") + ")"
    }

    private static func append(_ binary: BinaryExpression, to text: inout String) {
        // Chains lean to the left and may be long: no recursion along them.
        var chain = [binary]
        while case .binary(let left) = chain[chain.count - 1].left { chain.append(left) }
        append(chain[chain.count - 1].left, to: &text)
        for binary in chain.reversed() {
            appendOperator(binary, to: &text)
            append(binary.right, to: &text)
        }
    }

    private static func appendOperator(_ binary: BinaryExpression, to text: inout String) {
        text += " " + binary.operation.rawValue
        if binary.returnsBool { text += " bool" }
        if let matching = binary.matching { append(matching, to: &text) }
        text += " "
    }

    private static func append(_ matching: VectorMatching, to text: inout String) {
        let isGrouped = matching.cardinality == .manyToOne || matching.cardinality == .oneToMany
        if !matching.labels.isEmpty || matching.isOn || isGrouped {
            text += matching.isOn ? " on" : " ignoring"
            appendLabels(matching.labels, to: &text)
        }
        if isGrouped {
            text += matching.cardinality == .manyToOne ? " group_left" : " group_right"
            appendLabels(matching.include, to: &text)
        }
        if let left = matching.fillLeft, let right = matching.fillRight, left.bitPattern == right.bitPattern {
            text += " fill (\(number(left)))"
            return
        }
        if let left = matching.fillLeft { text += " fill_left (\(number(left)))" }
        if let right = matching.fillRight { text += " fill_right (\(number(right)))" }
    }

    private static func append(_ aggregate: AggregateExpression, to text: inout String) {
        text += aggregate.operation.rawValue
        if aggregate.isWithout || !aggregate.grouping.isEmpty {
            text += aggregate.isWithout ? " without" : " by"
            appendLabels(aggregate.grouping, to: &text)
            text += " "
        }
        text += "("
        appendList((aggregate.parameter.map { [$0] } ?? []) + [aggregate.operand], to: &text)
        text += ")"
    }
}
