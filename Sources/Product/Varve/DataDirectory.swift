import Platform

/// A database's directory: `lock`, `wal/`, `objects/`, `cache/`, `tmp/`, `quarantine/`.
///
/// - A directory that holds anything else is not ours: it is refused before anything in it is touched.
/// - Open for writing means holding the kernel lock on `lock`.
struct DataDirectory: Sendable {
    static let names: Set<String> = ["lock", "wal", "objects", "cache", "tmp", "quarantine", "lost+found"]

    let path: String
    var objects: String { path + "/objects" }
    var log: String { path + "/wal" }

    /// - Parameter path: trailing slashes are dropped.
    init(_ path: String) {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.path = trimmed
    }

    /// Throws when the directory holds what is not ours. An absent or empty one is fine.
    func check(in fileSystem: any FileSystem) throws(VarveError) {
        do throws(FileSystemError) {
            guard let status = try fileSystem.status(of: path) else { return }
            guard status.kind == .directory else {
                throw FileSystemError(kind: .failed, operation: "open", path: path)
            }
            let strangers = try fileSystem.list(path).filter { !Self.names.contains($0) }
            if let first = strangers.first {
                throw FileSystemError(kind: .exists, operation: first, path: path)
            }
        } catch {
            switch error.kind {
            case .exists:
                throw VarveError(
                    .foreign,
                    "\(path) is not a data directory of Varve: it holds \(error.operation). Nothing was changed. "
                        + "Name an empty or a new directory with --data.")
            case .failed where error.code == 0:
                throw VarveError(.foreign, "\(path) is not a directory. Name an empty or a new one with --data.")
            default: throw VarveError(error)
            }
        }
    }

    /// Throws unless the directory is there and holds a database.
    func checkExisting(in fileSystem: any FileSystem) throws(VarveError) {
        try check(in: fileSystem)
        do throws(FileSystemError) {
            if try fileSystem.status(of: objects)?.kind == .directory { return }
        } catch { throw VarveError(error) }
        throw VarveError(.foreign, "there is no database in \(path). `varve serve --data \(path)` makes one.")
    }

    /// Makes what is missing and takes the lock.
    /// - Parameter holder: what a second opener is told, such as "process 4711".
    func open(holder: String, in fileSystem: any FileSystem) throws(VarveError) -> any FileLock {
        try check(in: fileSystem)
        do throws(FileSystemError) {
            try fileSystem.createDirectory(path)
            let lock = try fileSystem.lock(path + "/lock", note: holder)
            for directory in [objects, log] { try fileSystem.createDirectory(directory) }
            return lock
        } catch {
            if case .locked(let holder) = error.kind {
                throw VarveError(
                    .taken,
                    "\(path) is in use by \(holder.isEmpty ? "another process" : holder): a database has one writer. "
                        + "Stop it first, or name another directory.")
            }
            throw VarveError(error)
        }
    }
}
