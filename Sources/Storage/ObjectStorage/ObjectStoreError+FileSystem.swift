import Platform

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension FileSystemError {
    /// The file is not there, or cannot be because a part of its path is a file.
    var isAbsence: Bool { kind == .absent || code == ENOTDIR }

    /// The path itself is at fault: trying again will not help.
    var isAboutTheName: Bool { [ENOTDIR, EISDIR, ENAMETOOLONG, ENOTEMPTY, EXDEV, ELOOP, EINVAL].contains(code) }
}

extension ObjectStoreError {
    /// An operation of a store over files that did not take place because `error` stopped it.
    init(_ error: FileSystemError, _ operation: String, _ key: String) {
        let kind: Kind =
            switch error.kind {
            case .absent: operation == "put" ? .unavailable : .absent
            case .full: .full
            // A file stands where a directory is needed: only the rename itself knows of a condition.
            case .exists, .refused: .refused
            case .outOfDescriptors, .locked: .unavailable
            case .failed:
                if operation == "put" {
                    error.isAboutTheName ? .refused : .unavailable
                } else {
                    error.isAbsence ? .absent : .unavailable
                }
            }
        self.init(kind, operation, key, kind == .absent ? "" : error.description)
    }
}
