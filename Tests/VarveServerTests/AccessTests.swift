import Platform
import Testing

@testable import VarveServer

@Suite struct AccessTests {
    private func control(_ change: (inout AccessControl.Known) -> Void = { _ in }) throws -> AccessControl {
        let control = AccessControl(random: SeededRandomSource(seed: 1))
        var known = AccessControl.Known()
        known.users["alice"] = (try Self.hashed("hunter2"), [.read, .write, .admin])
        known.users["reader"] = (try Self.hashed("hunter2"), [.read])
        known.tokens = [(Array("write-token".utf8), [.write]), (Array("admin-token".utf8), [.admin, .read])]
        change(&known)
        control.use(known)
        return control
    }

    /// Made by the same function that checks: what both have in common is judged by the vectors below.
    private static func hashed(_ password: String) throws -> String {
        try #require(PasswordHash.make(Array(password.utf8), setting: "$2b$04$abcdefghijklmnopqrstuu"))
    }

    static func basic(_ text: String) -> String { "Basic " + base64(Array(text.utf8)) }
    static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word = 0
            for i in 0..<3 { word = word << 8 | (i < group.count ? Int(group[start + i]) : 0) }
            for i in 0..<4 { text.append(i <= group.count ? digits[word >> (18 - 6 * i) & 63] : "=") }
        }
        return text
    }

    /// From OpenBSD's and jBCrypt's test vectors.
    @Test(arguments: [
        ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
        ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
        ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
        ("abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
    ])
    func passwordsAreHeldAgainstBcrypt(password: String, hash: String) {
        #expect(PasswordHash.matches(Array(password.utf8), hash))
        #expect(!PasswordHash.matches(Array((password + "x").utf8), hash))
        #expect(!PasswordHash.matches(Array(password.utf8) + [0], hash))
    }

    /// Unknown users take as long as known ones.
    @Test func nobodysHashIsComputed() {
        #expect(PasswordHash.isValid(PasswordHash.nobody))
        #expect(PasswordHash.make(Array("x".utf8), setting: PasswordHash.nobody)?.count == 60)
        #expect(!PasswordHash.matches([], PasswordHash.nobody))
    }

    @Test(arguments: [
        "", "hunter2", "$1$abc$def", "$2b$10$short", "$2b$03$abcdefghijklmnopqrstuuMxjdFyEvIjTVWMcq5oKBZRfBJUH3q9u",
        "$2b$31$abcdefghijklmnopqrstuuMxjdFyEvIjTVWMcq5oKBZRfBJUH3q9u",
        "$2x$10$abcdefghijklmnopqrstuuMxjdFyEvIjTVWMcq5oKBZRfBJUH3q9u",
        "$2b$10$abcdefghijklmnopqrstuu!xjdFyEvIjTVWMcq5oKBZRfBJUH3q9u",
    ])
    func otherHashesAreRefused(text: String) { #expect(!PasswordHash.isValid(text)) }

    @Test func whoeverIsKnownMayWhatTheirScopesSay() async throws {
        let control = try control()
        let expected: [(String?, Route, AccessControl.Verdict)] = [
            (nil, .query, .unknown), ("", .query, .unknown), ("Basic", .query, .unknown),
            ("Digest x", .query, .unknown),
            (Self.basic("alice:hunter2"), .query, .allowed), (Self.basic("alice:hunter2"), .flush, .allowed),
            (Self.basic("reader:hunter2"), .query, .allowed), (Self.basic("reader:hunter2"), .write, .forbidden),
            (Self.basic("alice:hunter3"), .query, .unknown), (Self.basic("alice:"), .query, .unknown),
            (Self.basic("nobody:hunter2"), .query, .unknown), (Self.basic(":"), .query, .unknown),
            (Self.basic("alice"), .query, .unknown), ("Basic !!!!", .query, .unknown), ("Basic YWJ", .query, .unknown),
            ("Bearer write-token", .write, .allowed), ("bearer write-token", .write, .allowed),
            ("Token write-token", .write, .allowed), ("Bearer write-token", .query, .forbidden),
            ("Bearer write-toke", .write, .unknown), ("Bearer write-tokenn", .write, .unknown),
            ("Bearer ", .write, .unknown),
            ("Bearer admin-token", .flush, .allowed), ("Bearer admin-token", .write, .forbidden),
            ("Bearer admin-token", .metrics, .allowed),
            ("Bearer \(String(repeating: "x", count: 5_000))", .query, .unknown),
            (nil, .healthy, .unknown),
        ]
        for (header, route, verdict) in expected {
            #expect(await control.verdict(header, for: route) == verdict, "\(header ?? "none") \(route)")
        }
        #expect(await control.verdict(nil, for: nil) == .unknown)
    }

    @Test func healthAnswersAnybodyWhereThatIsWanted() async throws {
        let control = try control { $0.isHealthOpen = true }
        #expect(control.quickVerdict(nil, for: .healthy) == .allowed)
        #expect(control.quickVerdict(nil, for: .ready) == .allowed)
        #expect(control.quickVerdict(nil, for: .metrics) == .unknown)
    }

    @Test func aCheckedPasswordIsRememberedUntilTheUsersChange() async throws {
        let control = try control()
        let header = Self.basic("alice:hunter2")
        #expect(control.quickVerdict(header, for: .query) == nil)
        #expect(await control.verdict(header, for: .query) == .allowed)
        #expect(control.quickVerdict(header, for: .query) == .allowed)
        #expect(await control.verdict(Self.basic("alice:wrong"), for: .query) == .unknown)
        #expect(control.quickVerdict(Self.basic("alice:wrong"), for: .query) == .unknown)
        control.use(AccessControl.Known(users: ["bob": (try Self.hashed("b"), [.read])]))
        #expect(control.quickVerdict(header, for: .query) == nil)
        #expect(await control.verdict(header, for: .query) == .unknown)
    }

    @Test func guessingIsBoundedAndHoldsUpNobodyElse() async throws {
        let slow = try #require(PasswordHash.make(Array("x".utf8), setting: "$2b$08$abcdefghijklmnopqrstuu"))
        let control = try control { $0.users["slow"] = (slow, [.read]) }
        let verdicts = await withTaskGroup(of: AccessControl.Verdict.self) { group in
            for i in 0..<100 { group.addTask { await control.verdict(Self.basic("slow:\(i)"), for: .query) } }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(verdicts[.allowed] == nil && (verdicts[.unknown] ?? 0) >= AccessControl.maximumWaiting)
        #expect(verdicts[.busy] ?? 0 > 0)
        #expect(control.quickVerdict("Bearer write-token", for: .write) == .allowed)
    }

    @Test func comparisonsAreExact() {
        #expect(ConstantTime.areEqual([], []) && ConstantTime.areEqual([1, 2], [1, 2]))
        for (a, b) in [([1], []), ([], [1]), ([1, 2], [1]), ([1], [1, 2]), ([1, 1], [1]), ([0], [1])]
            as [([UInt8], [UInt8])]
        {
            #expect(!ConstantTime.areEqual(a, b))
        }
    }

    @Test(arguments: ["", "YQ==", "YWI=", "YWJj", "AAAA", "//8="])
    func base64IsRead(text: String) throws {
        #expect(Self.base64(try #require(Base64Text.decode(text))) == text)
    }

    @Test(arguments: ["Y", "YQ", "YQ=", "=YQ=", "Y===", "YQ==YQ==", "YW J", "YW\nJ", "ÄÄ", "Y-_j"])
    func otherTextsAreNoBase64(text: String) { #expect(Base64Text.decode(text) == nil) }
}

@Suite struct WebConfigurationTests {
    private static let user = "alice: $2b$10$abcdefghijklmnopqrstuuMxjdFyEvIjTVWMcq5oKBZRfBJUH3q9u"

    private func read(_ text: String) throws -> WebConfiguration {
        try WebConfigurationReader.read(path: "web.yml", bytes: Array(text.utf8))
    }

    @Test func prometheusFormatAndTokensAreRead() throws {
        let found = try read(
            """
            tls_server_config:
              cert_file: a.crt
              key_file: a.key
              min_version: TLS13
            basic_auth_users:
              \(Self.user)
            basic_auth_scopes:
              alice: [read]
            bearer_tokens:
              - {name: agent, token_file: agent.token, scopes: [write]}
              - {name: op, token_env: OP, scopes: [read, admin]}
            health_without_auth: true
            """)
        #expect(found.users.map(\.name) == ["alice"] && found.users[0].scopes == [.read])
        #expect(found.tokens.map(\.source) == [.file("agent.token"), .variable("OP")])
        #expect(found.tokens.map(\.scopes) == [[.write], [.read, .admin]])
        #expect(found.tls?.isModernOnly == true && found.isHealthOpen)
        #expect(try read("") == WebConfiguration())
    }

    @Test(arguments: [
        ("basic_auth_user: {}", "did you mean basic_auth_users?"), ("basic_auth_users: [a]", "no map"),
        ("basic_auth_users: {alice: secret}", "bcrypt"), ("basic_auth_users: {'a:b': x}", "colon"),
        ("basic_auth_scopes: {bob: [read]}", "no user"),
        ("basic_auth_users:\n  \(user)\nbasic_auth_scopes: {alice: [rule]}", "rule"),
        ("basic_auth_users:\n  \(user)\nbasic_auth_scopes: {alice: read}", "a list of read, write, admin"),
        ("bearer_tokens: {}", "no list"),
        ("bearer_tokens: [{name: a, scopes: [read]}]", "one of token_file and token_env"),
        ("bearer_tokens: [{name: a, token_file: b, token_env: c, scopes: [read]}]", "one of token_file and token_env"),
        ("bearer_tokens: [{token_file: b, scopes: [read]}]", "needs a name"),
        ("bearer_tokens: [{name: a, token_file: b}]", "needs scopes"),
        ("bearer_tokens: [{name: a, token: s3cr3t, scopes: [read]}]", "does not stand in this file"),
        ("bearer_tokens: [{name: a, token_fil: s3cr3t, scopes: [read]}]", "did you mean token_file?"),
        ("health_without_auth: perhaps", "neither true nor false"),
        ("http_server_config: {http2: true}", "not supported"),
        ("tls_server_config: {cert_file: a}", "needs cert_file and key_file"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}", "use TLS12 or TLS13"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: []}", "not supported"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequestClientCert}",
            "RequireAndVerifyClientCert"
        ),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "go together"),
    ])
    func whatIsWrongIsToldWithItsLineAndWithoutSecrets(text: String, expected: String) {
        let error = #expect(throws: InvalidSettings.self) { try read(text) }
        let problems = error?.problems ?? []
        #expect(problems.contains { $0.contains(expected) }, "\(problems)")
        #expect(
            problems.allSatisfy { $0.hasPrefix("web.yml, line ") && !$0.contains("s3cr3t") && !$0.contains("secret") })
    }
}
