/// Who may ask and how the connection is kept secret: Prometheus's web configuration file, and tokens beside it.
///
///     basic_auth_users:
///       alice: $2b$10$…             # bcrypt, as `htpasswd -nBC 10 ""` makes it
///     basic_auth_scopes:            # without: read, write and admin
///       alice: [read]
///     bearer_tokens:
///       - name: agent
///         token_file: agent.token   # or token_env: AGENT_TOKEN
///         scopes: [write]
///     health_without_auth: true     # /-/healthy and /-/ready answer anybody
///     tls_server_config:
///       cert_file: server.crt
///       key_file: server.key
///
/// - No secret stands in the file: passwords as hashes, tokens in files or variables of their own.
/// - Complaints name key and line and never what is behind it.
/// - Without users and tokens everybody may ask.
struct WebConfiguration: Sendable, Equatable {
    struct User: Sendable, Equatable {
        var name: String
        /// As `crypt(3)` reads it.
        var hash: String
        var scopes: Set<AccessScope>
    }
    struct Token: Sendable, Equatable {
        var name: String
        var source: SecretSource
        var scopes: Set<AccessScope>
    }
    /// Where a token stands.
    enum SecretSource: Sendable, Equatable {
        case file(String)
        case variable(String)
    }
    struct TLS: Sendable, Equatable {
        var certificateFile = ""
        var keyFile = ""
        /// TLS 1.3 alone; else 1.2 and up.
        var isModernOnly = false
        /// Clients must show a certificate of these; empty: none is asked for.
        var clientAuthorityFile = ""
    }

    var users: [User] = []
    var tokens: [Token] = []
    var isHealthOpen = false
    var tls: TLS?

    var protectsAnything: Bool { !users.isEmpty || !tokens.isEmpty }

    /// More than any installation has; each wrong password costs a hash.
    static let maximumUsers = 1_000
}

/// What an answer needs the right to.
public enum AccessScope: String, Sendable, CaseIterable {
    /// Questions, status, metrics.
    case read
    /// Remote write.
    case write
    /// `/api/v1/admin/`, which `--enable-admin-api` must allow besides.
    case admin
}
