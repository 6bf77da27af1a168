import MetricModel
public import Platform
public import StorageEngine

/// Why the database did not do what was asked, by what the caller would do.
public struct VarveError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// The arguments are wrong and will stay wrong. Nothing was changed.
        case refused
        /// Try again later: too much at once, or the outcome is not known. A repeat is harmless.
        case retryLater
        /// Another process has the directory, or another node the region.
        case taken
        /// The directory holds something else, or is of another version. Nothing was changed.
        case foreign
        /// Bytes at rest are not what was written.
        case damaged
        /// A file or store operation failed.
        case failed
    }
    public let kind: Kind
    public let text: String
    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
    public var description: String { text }
}

extension VarveError {
    public init(_ error: StorageError) {
        let kind: Kind =
            switch error.kind {
            case .refused: .refused
            case .overloaded, .unavailable, .closed: .retryLater
            case .fenced: .taken
            case .foreign: .foreign
            case .damaged: .damaged
            }
        self.init(kind, error.text)
    }

    public init(_ error: FileSystemError) {
        if case .locked = error.kind {
            self.init(.taken, error.description)
        } else {
            self.init(.failed, error.description)
        }
    }
}
