/// What went wrong at a store, by what the caller would do.
public struct ObjectStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// No such object.
        case absent
        /// The condition of a put did not hold; nothing changed.
        case conditionFailed
        /// The operation may or may not have taken effect (rule R3: unknown is not lost).
        case unanswered
        /// It did not happen; trying again may help.
        case unavailable
        /// No space left.
        case full
        /// It did not happen and will not: credentials, permissions, a bad request.
        case refused
    }
    public let kind: Kind
    public let operation: String
    /// Key or prefix.
    public let key: String
    public let reason: String
    public init(_ kind: Kind, _ operation: String, _ key: String, _ reason: String = "") {
        self.kind = kind
        self.operation = operation
        self.key = key
        self.reason = reason
    }

    public var description: String {
        let text =
            switch kind {
            case .absent: "there is no such object"
            case .conditionFailed: "it has changed in the meantime"
            case .unanswered: "no answer came; it may or may not have happened"
            case .unavailable: "the store is unavailable"
            case .full: "no space left"
            case .refused: "the store refuses it"
            }
        return "cannot \(operation) object \(key): \(text)\(reason.isEmpty ? "" : " (\(reason))")"
    }
}
