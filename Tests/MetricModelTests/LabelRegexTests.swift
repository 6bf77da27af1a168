import MetricModel
import Platform
import Testing

@Suite struct LabelRegexTests {
    /// A group never takes a shortcut, so this is RE2's own answer.
    private func byAutomaton(_ pattern: String) throws -> LabelRegex { try LabelRegex("(?:\(pattern))") }

    private let alphabet = ["a", "b", "ab", "A", ".", "*", "+", "é", "e\u{301}", "\n", "", "|", "0", "\u{1f600}", " "]

    @Test(arguments: UInt64(0)..<300)
    func shortcutsAgreeWithRE2(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func text(_ pieces: [String], upTo count: Int) -> String {
            (0..<Int.random(in: 0...count, using: &random)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }.joined()
        }
        let literal = alphabet.filter { ![".", "*", "+", "|"].contains($0) }
        let pattern: String
        switch Int.random(in: 0..<5, using: &random) {
        case 0: pattern = text(literal, upTo: 3)
        case 1: pattern = (0..<3).map { _ in text(literal, upTo: 2) }.joined(separator: "|")
        case 2: pattern = text(literal, upTo: 2) + ".*"
        case 3: pattern = [".*", ".+", "", "|", "a|", "|a"][Int.random(in: 0..<6, using: &random)]
        default: pattern = text(literal + [".", ".*", ".+", "[ab]", "^", "$", "\\.", "a?"], upTo: 4)
        }
        guard let reference = try? byAutomaton(pattern) else {
            #expect(throws: InvalidRegex.self) { try LabelRegex(pattern) }
            return
        }
        let regex = try LabelRegex(pattern)
        for _ in 0..<60 {
            let candidate = text(alphabet, upTo: 4)
            try #require(
                regex.matches(candidate) == reference.matches(candidate),
                "seed \(seed): \(pattern.debugDescription) on \(candidate.debugDescription)")
        }
        for candidate in regex.literalAlternatives ?? [] {
            try #require(reference.matches(candidate), "seed \(seed): \(pattern)")
        }
    }

    @Test(arguments: [
        "(?i)abc", "(?i)a|b", "(?i)ab.*", "(?i:abc)", "(?s)a", "(?U)a.*", "(?i)", "^abc$", "abc$", "a\\.b",
    ])
    func patternsWithFlagsOrAnchorsTakeNoShortcut(pattern: String) throws {
        #expect(try LabelRegex(pattern).literalAlternatives == nil)
    }

    @Test func flagsAndAnchorsMeanWhatTheySay() throws {
        #expect(try LabelRegex("(?i)abc").matches("aBC"))
        #expect(try LabelRegex("(?i)ab.*").matches("AB\nc"))
        #expect(try !LabelRegex("abc").matches("aBC"))
        #expect(try LabelRegex("^abc$").matches("abc"))
        #expect(try !LabelRegex("b").matches("abc"))
        #expect(try LabelRegex("a.c").matches("a\nc"))  // a dot is any character, as in Prometheus
        #expect(try !LabelRegex("(?-s)a.c").matches("a\nc"))
    }

    @Test func literalsAreBytes() throws {
        #expect(try !LabelRegex("é").matches("e\u{301}"))
        #expect(try !LabelRegex("a|é").matches("e\u{301}"))
    }

    @Test(arguments: [
        ("(a", "missing closing ): `(a`"), ("a)", "unexpected ): `a)`"), ("x[ab", "missing closing ]: `[ab`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"), ("a{1001}", "invalid repeat count: `{1001}`"),
        ("[z-a]", "invalid character class range: `z-a`"), ("a\\q", "invalid escape sequence: `\\q`"),
        ("a\\", "trailing backslash at end of expression: ``"), ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
    ])
    func badPatternsAreRefusedInGosWords(pattern: String, reason: String) {
        #expect { try LabelRegex(pattern) } throws: { error in
            let found = (error as? InvalidRegex)?.description
            if found != "error parsing regexp: " + reason { print("found", found ?? "nil") }
            return found == "error parsing regexp: " + reason
        }
    }

    @Test func groupsAreNamedEitherWay() throws {
        let regex = try LabelRegex("(?<first>a+)(?P<second>b+)")
        #expect(regex.groupIndex(named: "first") == 1 && regex.groupIndex(named: "second") == 2)
        #expect(try LabelRegex("\\(?<a>").matches("<a>"))  // an escaped parenthesis, perhaps
        #expect(try LabelRegex("[(?<]+").matches("(?<"))
    }

    @Test func badOrHugePatternsAreRefusedAndNamed() {
        for pattern in ["(", "a{1001}", "[z-a]", "\\q", "(?<n", "(?=a)", "\\1"] {
            #expect { try LabelRegex(pattern) } throws: { error in
                (error as? InvalidRegex)?.pattern == pattern
            }
        }
        #expect(throws: InvalidRegex.self) { try LabelRegex(String(repeating: "a", count: 65 << 10)) }
        #expect(throws: InvalidRegex.self) { try LabelRegex("((a{100}){100}){100}") }
    }

    @Test func patternsThatExplodeElsewhereAreLinearHere() throws {
        let text = String(repeating: "a", count: 50_000) + "b"
        #expect(try !LabelRegex("(a+)+c").matches(text))
        #expect(try !LabelRegex("(.*)*c").matches(text))
    }

    @Test(arguments: [
        (".{1000}", 1_010), ("\\pL{200}", 64_010), ("(a|bc{10}){20}", 270), ("[^\\PL]x{2,30}", 362),
        ("[[:alpha:]\\]]{3}", 16), ("a{b}", 14), ("a{,5}", 15), ("\\p{Greek}{3}", 970), ("(((", 10), ("{5}", 10),
        ("", 10),
        ("[0-9a-f]{8}-[0-9a-f]{4}", 35),
    ])
    func costIsEstimatedFromRepetitionsAndClasses(pattern: String, cost: Int) {
        #expect(LabelRegex.estimatedCost(of: pattern) == cost)
    }

    @Test func costlyPatternsAreRefusedBeforeTheyAreCompiled() throws {
        for pattern in ["\\pL{400}", "[\\pL\\pN]{200}", "(.{1000}){1000}", "((((((((a{9}){9}){9}){9}){9}){9}){9}){9})"]
        {
            #expect { try LabelRegex(pattern) } throws: { "\($0)".contains("too costly") }
        }
        #expect(LabelRegex.estimatedCost(of: String(repeating: "(a{999999999}){999999999}", count: 99)) > 1 << 30)
    }

    @Test func capturesAreNumberedAndNamed() throws {
        let regex = try LabelRegex("(?P<first>a+)(b)?(.*)")
        #expect(regex.groupCount == 3)
        #expect(regex.groupIndex(named: "first") == 1 && regex.groupIndex(named: "none") == nil)
        #expect(regex.captures(in: "aac") == ["aac", "aa", nil, "c"])
        #expect(regex.captures(in: "x") == nil)
        #expect(try LabelRegex("").captures(in: "") == [""])
    }
}
