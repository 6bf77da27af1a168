import Synchronization

/// Expressions that were parsed lately: a dashboard asks the same again and again, and who asks how far a query reaches
/// (`QueryReach`) parses it too.
///
/// - An expression depends on its text and on those options that `PromQLParser` looks at, on nothing else.
/// - Bounded by number and by the length of texts; errors are not kept.
public final class ParsedQueries: Sendable {
    private static let most = 512
    /// Bytes of a text that is kept: with the tree some ten times as much.
    private static let longestText = 4 << 10

    private struct Key: Hashable {
        /// Bytes: two spellings of one character are equal as strings, and not in a selector.
        var text: [UInt8]
        var length: Int
        var depth: Int
        var tokens: Int
        var isExperimental: Bool

        init(_ text: String, _ options: QueryOptions) {
            self.text = Array(text.utf8)
            length = options.maximumQueryLength
            depth = options.maximumDepth
            tokens = options.maximumTokens
            isExperimental = options.enableExperimentalFunctions
        }
    }
    private struct State {
        /// Two generations: when the younger one is full, the older one goes.
        var young: [Key: Expression] = [:]
        var old: [Key: Expression] = [:]

        mutating func keep(_ expression: Expression, _ key: Key) {
            if young.count >= most / 2 {
                old = young
                young = [:]
            }
            young[key] = expression
        }
    }
    private let state = Mutex(State())

    public init() {}

    public func expression(_ text: String, _ options: QueryOptions) throws(ParseError) -> Expression {
        guard text.utf8.count <= Self.longestText else { return try PromQLParser.parse(text, options: options) }
        let key = Key(text, options)
        let known = state.withLock { state -> Expression? in
            if let known = state.young[key] { return known }
            guard let known = state.old[key] else { return nil }
            state.keep(known, key)
            return known
        }
        if let known { return known }
        let parsed = try PromQLParser.parse(text, options: options)
        state.withLock { $0.keep(parsed, key) }
        return parsed
    }
}
