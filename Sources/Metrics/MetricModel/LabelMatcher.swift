/// What a selector demands of one label. An absent label counts as the empty string.
public struct LabelMatcher: Sendable, Hashable {
    public enum Operation: String, Sendable, Hashable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case notMatches = "!~"
    }

    public let name: String
    public let operation: Operation
    /// The value, or the regular expression (RE2 syntax, anchored at both ends).
    public let value: String
    private let regex: LabelRegex?

    /// - Throws: `InvalidRegex` when `value` does not compile.
    public init(_ name: String, _ operation: Operation, _ value: String) throws(InvalidRegex) {
        self.name = name
        self.operation = operation
        self.value = value
        switch operation {
        case .equal, .notEqual: regex = nil
        case .matches, .notMatches: regex = try LabelRegex(value)
        }
    }

    /// `name="value"`, which cannot fail.
    public init(_ name: String, equals value: String) {
        self.name = name
        self.operation = .equal
        self.value = value
        regex = nil
    }

    public func matches(_ candidate: String) -> Bool {
        switch operation {
        case .equal: candidate.hasSameBytes(as: value)
        case .notEqual: !candidate.hasSameBytes(as: value)
        case .matches: regex?.matches(candidate) ?? false
        case .notMatches: !(regex?.matches(candidate) ?? true)
        }
    }

    /// The only values that a pattern accepts, or rejects, when it lists them: what an index can look up.
    public var literalAlternatives: [String]? { regex?.literalAlternatives }

    public var matchesEmpty: Bool { matches("") }

    public static func == (a: Self, b: Self) -> Bool {
        a.operation == b.operation && a.name.hasSameBytes(as: b.name) && a.value.hasSameBytes(as: b.value)
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(operation)
        hasher.combine(value)
    }
}
