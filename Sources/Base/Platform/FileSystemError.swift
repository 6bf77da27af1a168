#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A file operation that did not happen: path, operation, errno, in one sentence.
public struct FileSystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// By what the caller would do.
    public enum Kind: Sendable, Equatable {
        case absent, exists, full, refused, outOfDescriptors
        /// `holder` is what the owner of the lock wrote into it.
        case locked(holder: String)
        case failed
    }
    public let kind: Kind
    public let operation: String
    public let path: String
    public let code: Int32

    public init(kind: Kind, operation: String, path: String, code: Int32 = 0) {
        self.kind = kind
        self.operation = operation
        self.path = path
        self.code = code
    }

    public init(_ operation: String, _ path: String, errno code: Int32) {
        let kind: Kind =
            switch code {
            case ENOENT: .absent
            case EEXIST: .exists
            case ENOSPC, EDQUOT: .full
            case EACCES, EPERM, EROFS: .refused
            case EMFILE, ENFILE: .outOfDescriptors
            default: .failed
            }
        self.init(kind: kind, operation: operation, path: path, code: code)
    }

    public var description: String {
        switch kind {
        case .locked(let holder):
            return "\(path) is locked by another process\(holder.isEmpty ? "" : " (\(holder))")"
        case .absent where code == 0: return "cannot \(operation) \(path): it is not there"
        case .exists where code == 0: return "cannot \(operation) \(path): it is there already"
        default:
            // strerror is not thread-safe everywhere, its fixed texts are: copied at once.
            let reason = strerror(code).map { String(cString: $0) } ?? "unknown error"
            return "cannot \(operation) \(path): \(reason) (errno \(code))"
        }
    }
}
