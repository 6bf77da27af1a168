import MetricModel
import Testing

@Suite struct LabelMatcherTests {
    @Test(arguments: [
        (LabelMatcher.Operation.equal, "a", "a", true), (.equal, "a", "b", false), (.equal, "", "", true),
        (.notEqual, "a", "a", false), (.notEqual, "a", "", true), (.matches, "a|b", "b", true),
        (.matches, "a|b", "ab", false), (.matches, ".*", "", true), (.matches, ".+", "", false),
        (.notMatches, "a.*", "ab", false), (.notMatches, "a.*", "b", true), (.notMatches, ".*", "", false),
        (.equal, "é", "e\u{301}", false), (.notEqual, "é", "e\u{301}", true), (.matches, "é", "e\u{301}", false),
    ])
    func matchesValues(operation: LabelMatcher.Operation, value: String, candidate: String, expected: Bool) throws {
        let matcher = try LabelMatcher("l", operation, value)
        #expect(matcher.matches(candidate) == expected)
        #expect(matcher.matchesEmpty == matcher.matches(""))
    }

    @Test func identityIsNameOperationAndBytes() throws {
        #expect(LabelMatcher("a", equals: "b") == (try LabelMatcher("a", .equal, "b")))
        #expect(LabelMatcher("a", equals: "b") != (try LabelMatcher("a", .matches, "b")))
        #expect(LabelMatcher("a", equals: "é") != LabelMatcher("a", equals: "e\u{301}"))
        #expect(LabelMatcher("é", equals: "a") != LabelMatcher("e\u{301}", equals: "a"))
    }

    @Test func aBadPatternIsRefusedAtConstruction() {
        #expect(throws: InvalidRegex.self) { try LabelMatcher("a", .notMatches, "(") }
    }
}
