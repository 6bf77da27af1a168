/// Reads a web configuration file and collects everything that is wrong with it.
struct WebConfigurationReader {
    private static let topKeys = [
        "basic_auth_users", "basic_auth_scopes", "bearer_tokens", "health_without_auth", "tls_server_config",
    ]
    private static let tokenKeys = ["name", "token_file", "token_env", "scopes"]
    private static let tlsKeys = ["cert_file", "key_file", "min_version", "client_auth_type", "client_ca_file"]
    /// Prometheus's keys that mean something we do not have: to pass over them would be to promise them.
    private static let foreignKeys = [
        "http_server_config", "rate_limit", "max_version", "cipher_suites", "curve_preferences",
        "prefer_server_cipher_suites", "client_allowed_sans", "cert", "key", "client_ca",
    ]

    private let path: String
    private var problems: [String] = []
    private var found = WebConfiguration()
    private var scopes: [String: (line: Int, scopes: Set<AccessScope>)] = [:]

    private init(path: String) { self.path = path }

    /// - Throws: all complaints at once.
    static func read(path: String, bytes: [UInt8]) throws(InvalidSettings) -> WebConfiguration {
        var reader = WebConfigurationReader(path: path)
        do throws(YAMLProblem) {
            if let root = try YAMLNode.parse(bytes) { reader.top(root) }
        } catch { reader.complain(error.line, error.text) }
        guard reader.problems.isEmpty else { throw InvalidSettings(problems: reader.problems) }
        return reader.found
    }

    private mutating func complain(_ line: Int, _ text: String) { problems.append("\(path), line \(line): \(text)") }

    private mutating func entries(of node: YAMLNode, _ name: String) -> [YAMLNode.Entry] {
        if case .map(let entries) = node.content { return entries }
        if node.text?.isEmpty != true { complain(node.line, "\(name) is no map of NAME: VALUE") }
        return []
    }

    private mutating func refuse(_ entry: YAMLNode.Entry, known: [String]) {
        if Self.foreignKeys.contains(entry.key) {
            return complain(entry.line, "\(entry.key) is not supported; remove it")
        }
        let guess = nearest(to: entry.key, among: known).map { "; did you mean \($0)?" } ?? ""
        complain(entry.line, "unknown key \(SettingsText.quoted(entry.key))\(guess)")
    }

    private mutating func top(_ root: YAMLNode) {
        for entry in entries(of: root, "the file") {
            switch entry.key {
            case "basic_auth_users": users(entry.value)
            case "basic_auth_scopes":
                for user in entries(of: entry.value, entry.key) {
                    scopes[user.key] = (user.line, scopes(user.value, "the scopes of \(SettingsText.quoted(user.key))"))
                }
            case "bearer_tokens": tokens(entry.value)
            case "health_without_auth":
                guard let value = ["true": true, "false": false][entry.value.text ?? ""] else {
                    complain(entry.line, "health_without_auth is neither true nor false")
                    continue
                }
                found.isHealthOpen = value
            case "tls_server_config": tls(entry.value, line: entry.line)
            default: refuse(entry, known: Self.topKeys)
            }
        }
        for (name, given) in scopes.sorted(by: { $0.value.line < $1.value.line }) {
            guard let index = found.users.firstIndex(where: { $0.name == name }) else {
                complain(given.line, "basic_auth_scopes names \(SettingsText.quoted(name)), who is no user")
                continue
            }
            found.users[index].scopes = given.scopes
        }
        if found.users.count + found.tokens.count > WebConfiguration.maximumUsers {
            complain(1, "more than \(WebConfiguration.maximumUsers) users and tokens")
        }
    }

    private mutating func users(_ node: YAMLNode) {
        for user in entries(of: node, "basic_auth_users") {
            let name = SettingsText.quoted(user.key)
            guard !user.key.isEmpty, !user.key.contains(":"), user.key.utf8.count <= 256 else {
                complain(user.line, "user \(name): a name has 1 … 256 bytes and no colon")
                continue
            }
            guard let hash = user.value.text, PasswordHash.isValid(hash) else {
                complain(user.line, "user \(name): no bcrypt hash of cost 4 … 15, as `htpasswd -nBC 10 \"\"` makes it")
                continue
            }
            found.users.append(.init(name: user.key, hash: hash, scopes: Set(AccessScope.allCases)))
        }
    }

    private mutating func scopes(_ node: YAMLNode, _ name: String) -> Set<AccessScope> {
        let all = AccessScope.allCases.map(\.rawValue).joined(separator: ", ")
        guard case .list(let members) = node.content, !members.isEmpty else {
            complain(node.line, "\(name): a list of \(all)")
            return []
        }
        var result: Set<AccessScope> = []
        for member in members {
            guard let scope = AccessScope(rawValue: member.text ?? "") else {
                complain(member.line, "\(name): \(SettingsText.quoted(member.text ?? "…")) is none of \(all)")
                continue
            }
            result.insert(scope)
        }
        return result
    }

    private mutating func tokens(_ node: YAMLNode) {
        guard case .list(let members) = node.content else {
            return complain(node.line, "bearer_tokens is no list")
        }
        for (number, member) in members.enumerated() {
            var token = WebConfiguration.Token(name: "", source: .file(""), scopes: [])
            var sources = 0
            var hasScopes = false
            for entry in entries(of: member, "token \(number + 1)") {
                let text = entry.value.text ?? ""
                switch entry.key {
                case "name": token.name = text
                case "token_file": (token.source, sources) = (.file(text), sources + (text.isEmpty ? 0 : 1))
                case "token_env": (token.source, sources) = (.variable(text), sources + (text.isEmpty ? 0 : 1))
                case "scopes":
                    (token.scopes, hasScopes) = (scopes(entry.value, "the scopes of token \(number + 1)"), true)
                case "token":
                    complain(entry.line, "a token does not stand in this file; use token_file or token_env")
                default: refuse(entry, known: Self.tokenKeys)
                }
            }
            if token.name.isEmpty || token.name.utf8.count > 256 {
                complain(member.line, "token \(number + 1) needs a name, for the log")
            }
            if sources != 1 { complain(member.line, "token \(number + 1) needs one of token_file and token_env") }
            if !hasScopes { complain(member.line, "token \(number + 1) needs scopes") }
            if found.tokens.contains(where: { $0.name == token.name }) {
                complain(member.line, "token \(SettingsText.quoted(token.name)) stands here again")
            }
            found.tokens.append(token)
        }
    }

    private mutating func tls(_ node: YAMLNode, line: Int) {
        var tls = WebConfiguration.TLS()
        var clients = "NoClientCert"
        for entry in entries(of: node, "tls_server_config") {
            let text = entry.value.text ?? ""
            switch entry.key {
            case "cert_file": tls.certificateFile = text
            case "key_file": tls.keyFile = text
            case "client_ca_file": tls.clientAuthorityFile = text
            case "client_auth_type":
                clients = text
                if !["NoClientCert", "RequireAndVerifyClientCert"].contains(text) {
                    complain(entry.line, "client_auth_type: use NoClientCert or RequireAndVerifyClientCert")
                }
            case "min_version":
                guard ["TLS12", "TLS13"].contains(text) else {
                    complain(entry.line, "min_version is \(SettingsText.quoted(text)); use TLS12 or TLS13")
                    continue
                }
                tls.isModernOnly = text == "TLS13"
            default: refuse(entry, known: Self.tlsKeys)
            }
        }
        if tls.certificateFile.isEmpty || tls.keyFile.isEmpty {
            complain(line, "tls_server_config needs cert_file and key_file")
        }
        if (clients == "RequireAndVerifyClientCert") == tls.clientAuthorityFile.isEmpty {
            complain(line, "client_ca_file and client_auth_type: RequireAndVerifyClientCert go together")
        }
        found.tls = tls
    }
}
