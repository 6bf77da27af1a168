import MetricModel

/// Text from outside, safe to show in a terminal: quotes and control characters escaped.
enum QuotedText {
    static func quote(_ text: String) -> String { "\"\(escape(text))\"" }

    /// - Parameter quotes: also escapes quotes and backslashes, for text between quotes.
    static func escape(_ text: String, quotes: Bool = true) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\"" where quotes: result += "\\\""
            case "\\" where quotes: result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where character.value < 0x20 || (0x7f..<0xa0).contains(character.value):
                let digits = String(character.value, radix: 16)
                result += "\\u{\(digits)}"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    /// `up{job="a"}`, `{"my.metric",job="a"}`, `{}`.
    static func series(_ labels: Labels) -> String {
        let name = labels.metricName
        let isPlainName = name.map(isPlain) ?? true
        var parts: [String] = []
        if let name, !isPlainName { parts.append(quote(name)) }
        for label in labels.withoutMetricName.labels {
            parts.append((isPlain(label.name) ? label.name : quote(label.name)) + "=" + quote(label.value))
        }
        let braces = parts.isEmpty && name != nil && isPlainName ? "" : "{\(parts.joined(separator: ","))}"
        return (isPlainName ? name ?? "" : "") + braces
    }

    private static func isPlain(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f
                || $0 == 0x3a
        }
    }
}
