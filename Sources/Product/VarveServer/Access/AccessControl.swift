import Platform
import Synchronization

/// Who may have which answer.
///
/// - Passwords are checked on a thread of their own, at most `maximumWaiting` in line: guessing holds up nothing else.
/// - Their outcomes are remembered, right and wrong, under a hash with a key drawn at random: no password is kept.
/// - Tokens are compared with every one there is, in constant time.
/// - What is refused says that it is refused, and nothing about names, passwords or tokens.
final class AccessControl: Sendable {
    enum Verdict: Sendable, Equatable {
        case allowed
        /// 401: no credentials, or wrong ones.
        case unknown
        /// 403: known, without the right to this.
        case forbidden
        /// 503: too many passwords are being checked.
        case busy
    }

    /// What a request shows, and tokens read from their sources.
    struct Known: Sendable {
        var users: [String: (hash: String, scopes: Set<AccessScope>)] = [:]
        var tokens: [(secret: [UInt8], scopes: Set<AccessScope>)] = []
        var isHealthOpen = false
        var isOpen: Bool { users.isEmpty && tokens.isEmpty }
    }

    static let maximumRemembered = 1_000
    static let maximumWaiting = 32
    /// Longer than any header field we read in.
    private static let maximumCredentials = 4_096

    private struct State {
        var known = Known()
        /// Counts the changes of `known`: an outcome of before counts no more.
        var version = 0
        var remembered: [Hash128: Bool] = [:]
        var waiting = 0
    }

    private let state = Mutex(State())
    private let hash: KeyedHash128
    /// One for the process: it is never given back.
    private static let checker = BlockingThreads(name: "passwords", threads: 1)

    init(random: any RandomSource) { hash = KeyedHash128(random: random) }

    var isOpen: Bool { state.withLock { $0.known.isOpen } }

    func use(_ known: Known) {
        state.withLock { state in
            state.known = known
            state.version += 1
            state.remembered = [:]
        }
    }

    /// - Returns: nil when a password must be checked first, which takes time: `verdict` does that.
    func quickVerdict(_ authorization: String?, for route: Route?) -> Verdict? {
        let known = state.withLock { $0.known }
        if known.isOpen || (known.isHealthOpen && (route == .healthy || route == .ready)) { return .allowed }
        guard let authorization, authorization.utf8.count <= Self.maximumCredentials else { return .unknown }
        let scope = route?.scope ?? .read
        switch Credentials(authorization) {
        case nil: return .unknown
        case .token(let given):
            var allowed: Set<AccessScope>?
            for token in known.tokens where ConstantTime.areEqual(given, token.secret) { allowed = token.scopes }
            guard let allowed else { return .unknown }
            return allowed.contains(scope) ? .allowed : .forbidden
        case .password(let name, let password):
            let key = memory(name, password)
            guard let isRight = state.withLock({ $0.remembered[key] }) else { return nil }
            guard isRight, let user = known.users[name] else { return .unknown }
            return user.scopes.contains(scope) ? .allowed : .forbidden
        }
    }

    func verdict(_ authorization: String?, for route: Route?) async -> Verdict {
        if let verdict = quickVerdict(authorization, for: route) { return verdict }
        guard case .password(let name, let password) = Credentials(authorization ?? "") else { return .unknown }
        let (isTaken, user, version) = state.withLock { state in
            let isTaken = state.waiting < Self.maximumWaiting
            if isTaken { state.waiting += 1 }
            return (isTaken, state.known.users[name], state.version)
        }
        guard isTaken else { return .busy }
        let isRight =
            (try? await Self.checker.run {
                PasswordHash.matches(password, user?.hash ?? PasswordHash.nobody) && user != nil
            })
            ?? false
        let key = memory(name, password)
        state.withLock { state in
            state.waiting -= 1
            guard state.version == version else { return }
            if state.remembered.count >= Self.maximumRemembered { state.remembered = [:] }
            state.remembered[key] = isRight
        }
        guard isRight, let user else { return .unknown }
        return user.scopes.contains(route?.scope ?? .read) ? .allowed : .forbidden
    }

    private func memory(_ name: String, _ password: [UInt8]) -> Hash128 {
        // The name's length keeps ("a", "bc") and ("ab", "c") apart.
        let bytes = Array("\(name.utf8.count):\(name)".utf8) + password
        return bytes.withUnsafeBytes { hash.hash($0) }
    }
}

extension Route {
    /// The right that an answer takes.
    var scope: AccessScope {
        switch self {
        case .write: .write
        case .flush, .compact, .collectGarbage, .reload, .quit: .admin
        default: .read
        }
    }
}

/// What an `Authorization` header says.
enum Credentials: Equatable {
    case password(name: String, password: [UInt8])
    case token([UInt8])

    /// `Basic`, `Bearer`, or `Token`, as Telegraf says it; nil for anything else.
    init?(_ header: String) {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let value = String(parts[1]).trimmedASCII
        switch parts[0].lowercased() {
        case "bearer", "token":
            guard !value.isEmpty else { return nil }
            self = .token(Array(value.utf8))
        case "basic":
            guard let bytes = Base64Text.decode(value), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
                let name = String(validating: bytes[..<colon], as: UTF8.self)
            else { return nil }
            self = .password(name: name, password: Array(bytes[bytes.index(after: colon)...]))
        default: return nil
        }
    }
}

/// RFC 4648, section 4.
enum Base64Text {
    /// nil for anything but whole groups of four with their padding.
    static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count.isMultiple(of: 4) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 4 * 3)
        for start in stride(from: 0, to: bytes.count, by: 4) {
            var word: UInt32 = 0
            var padding = 0
            for i in start..<start + 4 {
                if bytes[i] == UInt8(ascii: "=") {
                    guard i >= bytes.count - 2 else { return nil }
                    padding += 1
                    word <<= 6
                } else {
                    guard padding == 0, let digit = digit(bytes[i]) else { return nil }
                    word = word << 6 | UInt32(digit)
                }
            }
            for shift in [16, 8, 0].prefix(3 - padding) {
                result.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
