/// What the engine asks of a file system. Calls block: run them through `Environment.blocking`.
///
/// Durability is explicit: bytes are durable after `FileHandle.sync`, names after `syncDirectory` of their directory.
public protocol FileSystem: Sendable {
    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any FileHandle
    /// nil when nothing is there. Symbolic links are not followed.
    func status(of path: String) throws(FileSystemError) -> FileStatus?
    /// Names in the directory, without `.` and `..`, in byte order. An absent directory throws `.absent`.
    func list(_ path: String) throws(FileSystemError) -> [String]
    /// Makes the directory and its parents; those there already are fine. Syncs each parent of a new one.
    func createDirectory(_ path: String) throws(FileSystemError)
    /// Replaces what is at `target`, atomically.
    func rename(_ source: String, replacing target: String) throws(FileSystemError)
    /// Fails with `.exists` when something is at `target`; atomic.
    func rename(_ source: String, ifAbsent target: String) throws(FileSystemError)
    /// A file or an empty directory; an absent one is a success.
    func remove(_ path: String) throws(FileSystemError)
    func syncDirectory(_ path: String) throws(FileSystemError)
    /// An exclusive kernel lock on the file at `path`, made if absent; throws `.locked` at once when another process has
    /// it. Held until the value is released. `note` is written into the file, for whoever is refused.
    func lock(_ path: String, note: String) throws(FileSystemError) -> any FileLock
    /// Bytes an unprivileged process may still write below `path`.
    func freeBytes(at path: String) throws(FileSystemError) -> UInt64
}

public enum OpenMode: Sendable {
    case read
    /// Reads and writes; the file must be there.
    case update
    /// Reads and writes; fails with `.exists` when something is there.
    case createNew
}

public struct FileStatus: Sendable, Equatable {
    public enum Kind: Sendable { case file, directory, other }
    public var kind: Kind
    public var size: UInt64
    /// Milliseconds since the epoch.
    public var modified: Int64
    public init(kind: Kind, size: UInt64, modified: Int64) {
        self.kind = kind
        self.size = size
        self.modified = modified
    }
}

/// An open file. Offsets are explicit: no shared position. Closed when released.
public protocol FileHandle: AnyObject, Sendable {
    var path: String { get }
    /// The bytes of `offset ..< offset + count` that there are: fewer at the end of the file.
    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> [UInt8]
    /// Writes all of `bytes`, or throws; after a throw any part of it may have been written.
    func write(_ bytes: [UInt8], at offset: UInt64) throws(FileSystemError)
    func size() throws(FileSystemError) -> UInt64
    /// Cuts or extends with zeros.
    func truncate(to size: UInt64) throws(FileSystemError)
    /// fdatasync. After a failure nothing is known of what was written since the last success.
    func sync() throws(FileSystemError)
}

public protocol FileLock: AnyObject, Sendable {}
