import MetricModel
import Platform

/// Label sets from a small world, so that they meet again.
struct RandomLabels {
    static let metrics = ["up", "http_requests_total", "node_cpu", "A_upper", "_under", "é"]
    static let names = ["job", "instance", "zone", "Alpha", "a", "_x", "é", "e\u{301}"]
    static let values = ["a", "b", "api", "api-2", "é", "e\u{301}", "10.0.0.1:9100", "x y"]

    static func pick(using random: inout SeededGenerator) -> Labels {
        var pairs: [(String, String)] = [
            (Labels.metricNameLabel, metrics.randomElement(using: &random) ?? "up")
        ]
        for name in names where Int.random(in: 0..<3, using: &random) == 0 {
            pairs.append((name, values.randomElement(using: &random) ?? "a"))
        }
        return Labels(pairs)
    }

    static func matchers(using random: inout SeededGenerator) throws -> [LabelMatcher] {
        let patterns = ["", ".*", ".+", "a|b", "api.*", "a|", "[a-c]", ".*2", "up|node_cpu", "é", "e.?"]
        return try (0..<Int.random(in: 0...3, using: &random)).map { _ in
            let name =
                ((names + ["absent", Labels.metricNameLabel, Labels.metricNameLabel]).randomElement(using: &random))
            let operation = LabelMatcher.Operation.allCases.randomElement(using: &random) ?? .equal
            let texts =
                operation == .equal || operation == .notEqual ? values + metrics + [""] : patterns
            return try LabelMatcher(name ?? "job", operation, texts.randomElement(using: &random) ?? "")
        }
    }
}

extension Labels {
    /// The meaning of matchers, spelled out.
    func satisfy(_ matchers: [LabelMatcher]) -> Bool {
        matchers.allSatisfy { matcher in
            let value = self[matcher.name] ?? ""
            switch matcher.operation {
            case .equal: return value.hasSameBytes(as: matcher.value)
            case .notEqual: return !value.hasSameBytes(as: matcher.value)
            case .matches, .notMatches: return matcher.matches(value)
            }
        }
    }
}
