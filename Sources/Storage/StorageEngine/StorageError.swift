import ManifestLog
public import ObjectStorage
public import Platform
public import WAL

/// Why the engine did not do what was asked.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// By what the caller would do.
    public enum Kind: Sendable, Equatable {
        /// The batch is wrong and will stay wrong. Nothing was changed.
        case refused
        /// Too much is under way; try again later. Nothing was changed.
        case overloaded
        /// The outcome is unknown or the log has stopped: nothing was acknowledged, a repeat is harmless.
        case unavailable
        /// Another writer has taken the region.
        case fenced
        /// Bytes at rest are not what was written.
        case damaged
        /// The directory or bucket does not belong to this database, or is of another version.
        case foreign
        case closed
    }
    public let kind: Kind
    public let text: String
    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
    public var description: String { text }
}

extension StorageError {
    public init(_ error: WALError) {
        switch error {
        case .recordTooLarge: self.init(.refused, error.description)
        case .poisoned, .io: self.init(.unavailable, error.description)
        case .closed: self.init(.closed, "the database is closed")
        case .damaged: self.init(.damaged, error.description)
        case .foreign: self.init(.foreign, error.description)
        }
    }

    public init(_ error: ObjectStoreError) {
        switch error.kind {
        case .absent:
            self.init(
                .damaged,
                "object \(error.key) is named by the manifest and is not there; `varve verify` lists what is missing")
        case .conditionFailed, .refused, .unanswered, .unavailable, .full:
            self.init(.unavailable, error.description)
        }
    }

    init(_ error: ManifestError) {
        switch error {
        case .damaged: self.init(.damaged, error.description)
        case .unsupportedVersion: self.init(.foreign, error.description)
        case .fenced: self.init(.fenced, error.description)
        case .unknown, .invalid: self.init(.unavailable, error.description)
        case .store(let cause): self.init(cause)
        }
    }

    public init(_ error: FileSystemError) {
        self.init(.unavailable, error.description)
    }

    /// Any error of a layer below, by its type.
    public init(wrapping error: any Error) {
        switch error {
        case let error as StorageError: self = error
        case let error as WALError: self.init(error)
        case let error as ManifestError: self.init(error)
        case let error as ObjectStoreError: self.init(error)
        case let error as FileSystemError: self.init(error)
        case let error as DamagedFile: self.init(.damaged, error.description)
        case is CancellationError: self.init(.unavailable, "the operation was cancelled")
        default: self.init(.unavailable, "\(error)")
        }
    }
}
