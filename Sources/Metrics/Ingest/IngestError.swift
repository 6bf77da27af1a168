public import MetricModel

/// Why nothing of a request was stored, or nothing is acknowledged.
public struct IngestError: Error, Sendable, Equatable, CustomStringConvertible {
    /// By what the sender should do.
    public enum Kind: Sendable, Equatable {
        /// The request is malformed or too large and will stay so: drop it (400).
        case refused
        /// Our fault or too much at once: send it again later (503).
        case retryLater
    }
    public let kind: Kind
    public let text: String
    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
    public init(_ error: AppendError) {
        switch error.kind {
        case .refused: self.init(.refused, error.text)
        case .retryLater: self.init(.retryLater, error.text)
        }
    }
    public var description: String { text }
}
