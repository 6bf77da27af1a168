import MetricModel
import PromQL

extension FuzzBody {
    /// Any text is parsed or refused; what was parsed is printed, and the print means the same.
    @Sendable public static func promQL(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        guard let parsed = try? PromQLParser.parse(text, options: options) else { return }
        let printed = PromQLPrinter.print(parsed)
        // A print may be longer than the text it came from.
        options.maximumQueryLength = 1 << 30
        options.maximumTokens = 1 << 30
        do {
            let again = PromQLPrinter.print(try PromQLParser.parse(printed, options: options))
            precondition(again == printed, "printed once as \(printed), then as \(again)")
        } catch {
            preconditionFailure("\(printed) is not parsed: \(error)")
        }
    }

    /// A selector of `match[]`: its matchers answer for any value.
    @Sendable public static func matchers(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let selector = try? PromQLParser.parseSelector(text, options: QueryOptions()) else { return }
        for matcher in selector.matchers {
            let yes = matcher.matches("")
            precondition(yes == matcher.matches(""))
            _ = matcher.matches(text)
            _ = matcher.matches(String(repeating: "a", count: 1_000))
        }
    }

    /// The first byte says how long the value is; the rest is value, then pattern. A pattern compiles or is refused, and
    /// takes time in proportion to the value, whatever it is.
    @Sendable public static func regex(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let rest = bytes.dropFirst()
        let value = String(decoding: rest.prefix(Int(first)), as: UTF8.self)
        let pattern = String(decoding: rest.dropFirst(Int(first)), as: UTF8.self)
        guard let matcher = try? LabelMatcher("label", .matches, pattern),
            let opposite = try? LabelMatcher("label", .notMatches, pattern)
        else { return }
        for text in [value, "", String(repeating: value, count: 20)] {
            precondition(matcher.matches(text) != opposite.matches(text))
        }
    }
}
