public import Platform
import Synchronization

/// Objects as files of a directory: a key is its path below the root, one to one.
///
/// - A put is whole or absent under its name: temporary file, fsync, rename, fsync of the directory and of each new
///   parent (rule R7). What a crash leaves behind lies in `~temporary`, which is no key and is in no listing.
/// - Conditions are checked and renames made under one lock per store. Other processes are kept away by the kernel lock
///   that the owner of the data directory holds; two stores over one root in one process would not see each other.
/// - What is read is durable: a name whose sync failed is visible and may be gone after a crash, so it is put once more,
///   under a sync that succeeds, before anybody is told of it. Else a commit could be taken for done that is not. Names
///   that an earlier process left so are another matter: a manifest names what lasts, its head is replaced by the claim
///   before anything follows from it, and who believes a listing instead calls `settleNames` before.
/// - A file stands for one key: while `a` is an object, `a/b` is refused, and the other way round.
/// - Tags are made of the content: replacing an object by the same bytes keeps its tag.
public final class DirectoryStore: ObjectStore {
    public let root: String
    private let environment: Environment
    private let layout: DirectoryLayout
    /// Held from the check of a condition to the rename; only ever on a thread of `environment.blocking`.
    private let changing = Mutex(())
    /// Keys whose directory could not be synced after the rename.
    private let doubtful = Mutex<Set<ObjectKey>>([])

    /// Touches nothing yet; directories are made by the first put.
    public init(root: String, environment: Environment) {
        self.root = root
        self.environment = environment
        layout = DirectoryLayout(root: root, fileSystem: environment.fileSystem)
    }

    /// Makes the root and removes temporary files that a crash left behind. Only for whoever holds the lock of the data
    /// directory: another process's puts under way would be removed, too.
    public func prepare() async throws(ObjectStoreError) {
        let fileSystem = environment.fileSystem
        try await run("prepare", "") { [layout] in
            try layout.makeDurable(layout.root)
            let names: [String]
            do throws(FileSystemError) {
                names = try fileSystem.list(layout.temporary)
            } catch {
                if error.isAbsence { return }
                throw error
            }
            for name in names { try fileSystem.remove("\(layout.temporary)/\(name)") }
        }
    }

    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        let temporary = "\(layout.temporary)/\(hexadecimal(environment.random.next()))"
        return try await run("put", key.path, otherwise: .unanswered) { [self] in
            try writeTemporary(bytes, temporary)
            try moveIntoPlace(temporary, key, condition)
            return tag(of: bytes)
        }
    }

    public func upload(to key: ObjectKey) async throws(ObjectStoreError) -> any ObjectUpload {
        let temporary = "\(layout.temporary)/\(hexadecimal(environment.random.next()))"
        return try await run("put", key.path) { [self] in
            DirectoryUpload(key: key, file: try makeTemporary(temporary), store: self)
        }
    }

    public func freeBytes() async throws(ObjectStoreError) -> UInt64? {
        try await run("ask for space", "") { [environment, layout] in
            try environment.fileSystem.freeBytes(at: layout.root)
        }
    }

    public func settleNames() async throws(ObjectStoreError) {
        try await run("sync", "") { [layout] in try layout.syncAll() }
    }

    /// A synced temporary file under its key, durably. Gone when that fails.
    func moveIntoPlace(_ temporary: String, _ key: ObjectKey, _ condition: PutCondition) throws {
        do {
            try layout.makeDurable(layout.directory(of: key))
            try changing.withLock { _ in try rename(temporary, to: key, condition) }
        } catch {
            removeTemporary(temporary)
            throw error
        }
        do throws(FileSystemError) {
            try environment.fileSystem.syncDirectory(layout.directory(of: key))
        } catch {
            // The new name is visible, and nobody knows whether it will be after a crash.
            doubtful.withLock { _ = $0.insert(key) }
            throw ObjectStoreError(.unanswered, "put", key.path, error.description)
        }
    }

    /// Puts a key in doubt once more, as it is, so that it is durable when this returns. A failed sync is not repeated: what
    /// it left out would stay out.
    private func settle(_ key: ObjectKey) throws {
        guard doubtful.withLock({ $0.contains(key) }) else { return }
        let temporary = "\(layout.temporary)/\(hexadecimal(environment.random.next()))"
        do {
            try changing.withLock { _ in
                let bytes: Bytes
                do { bytes = try content(of: key) } catch let error as ObjectStoreError where error.kind == .absent {
                    return
                }
                try writeTemporary(bytes, temporary)
                try environment.fileSystem.rename(temporary, replacing: layout.path(of: key))
            }
            try environment.fileSystem.syncDirectory(layout.directory(of: key))
        } catch {
            removeTemporary(temporary)
            throw ObjectStoreError(
                .unavailable, "read", key.path, "an earlier sync of it failed, and so did this: \(error)")
        }
        doubtful.withLock { _ = $0.remove(key) }
    }

    /// What cannot be removed is in no listing, and goes at the next start.
    func removeTemporary(_ path: String) { try? environment.fileSystem.remove(path) }

    private func makeTemporary(_ path: String) throws -> any FileHandle {
        do throws(FileSystemError) {
            return try environment.fileSystem.open(path, .createNew)
        } catch {
            guard error.isAbsence else { throw error }
            try layout.makeDurable(layout.temporary)
            return try environment.fileSystem.open(path, .createNew)
        }
    }

    private func writeTemporary(_ bytes: Bytes, _ path: String) throws {
        let file = try makeTemporary(path)
        do {
            try file.write(bytes, at: 0)
            try file.sync()
        } catch {
            try? environment.fileSystem.remove(path)
            throw error
        }
    }

    private func rename(_ temporary: String, to key: ObjectKey, _ condition: PutCondition) throws {
        let path = layout.path(of: key)
        do {
            switch condition {
            case .always:
                try environment.fileSystem.rename(temporary, replacing: path)
            case .ifAbsent:
                try environment.fileSystem.rename(temporary, ifAbsent: path)
            case .ifMatches(let expected):
                let current: ObjectTag
                do {
                    current = tag(of: try content(of: key))
                } catch let error as ObjectStoreError where error.kind == .absent {
                    throw ObjectStoreError(.conditionFailed, "put", key.path, "it is gone")
                }
                guard current == expected else { throw ObjectStoreError(.conditionFailed, "put", key.path) }
                try environment.fileSystem.rename(temporary, replacing: path)
            }
        } catch let error as FileSystemError {
            switch error.kind {
            case .exists: throw ObjectStoreError(.conditionFailed, "put", key.path, "it is there already")
            case .failed where !error.isAboutTheName:
                throw ObjectStoreError(.unanswered, "put", key.path, error.description)
            default:
                // Somebody removed the directory: the next put makes it again.
                if error.isAbsence { layout.forget(layout.directory(of: key)) }
                throw error
            }
        }
    }

    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        try await run("get", key.path) { [self] in
            try settle(key)
            let bytes = try content(of: key)
            return TaggedBytes(bytes: bytes, tag: tag(of: bytes))
        }
    }

    private func content(of key: ObjectKey) throws -> Bytes {
        let file = try open(key)
        let size = try file.size()
        guard let count = Int(exactly: size) else {
            throw ObjectStoreError(.refused, "get", key.path, "it has \(size) bytes")
        }
        let bytes = try file.read(at: 0, count: count)
        guard bytes.count == count else {
            throw ObjectStoreError(.unavailable, "get", key.path, "only \(bytes.count) of \(count) bytes could be read")
        }
        return bytes
    }

    private func open(_ key: ObjectKey) throws -> any FileHandle {
        let path = layout.path(of: key)
        guard try environment.fileSystem.status(of: path)?.kind == .file else {
            throw ObjectStoreError(.absent, "read", key.path)
        }
        return try environment.fileSystem.open(path, .read)
    }

    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        try await run("read", key.path) { [self] in
            try settle(key)
            let file = try open(key)
            let end = min(range.upperBound, try file.size())
            guard range.lowerBound < end else { return [] }
            guard let count = Int(exactly: end - range.lowerBound) else {
                throw ObjectStoreError(.refused, "read", key.path, "\(end - range.lowerBound) bytes at once")
            }
            return try file.read(at: range.lowerBound, count: count)
        }
    }

    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        try await run("look at", key.path) { [self] in
            try settle(key)
            guard let status = try environment.fileSystem.status(of: layout.path(of: key)), status.kind == .file else {
                throw ObjectStoreError(.absent, "look at", key.path)
            }
            return ObjectMetadata(key: key, size: status.size, modified: status.modified)
        }
    }

    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] {
        try await run("list", prefix) { [environment, layout] in
            var walk = DirectoryWalk(
                root: layout.root, fileSystem: environment.fileSystem, prefix: prefix, start: start, limit: 1_000)
            try walk.run()
            return walk.found
        }
    }

    /// Durable when it returns, like a put.
    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        try await run("delete", key.path) { [self] in
            let path = layout.path(of: key)
            try changing.withLock { _ in
                guard try environment.fileSystem.status(of: path)?.kind == .file else { return }
                try environment.fileSystem.remove(path)
            }
            do throws(FileSystemError) {
                try environment.fileSystem.syncDirectory(layout.directory(of: key))
            } catch {
                if error.isAbsence { return }
                throw ObjectStoreError(.unanswered, "delete", key.path, error.description)
            }
        }
    }

    /// Runs `work` where blocking is allowed and gives its errors the store's words.
    func run<Value: Sendable>(
        _ operation: String, _ key: String, otherwise: ObjectStoreError.Kind = .unavailable,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws(ObjectStoreError) -> Value {
        do {
            return try await environment.blocking.run(work)
        } catch let error as ObjectStoreError {
            throw error
        } catch let error as FileSystemError {
            throw ObjectStoreError(error, operation, key)
        } catch {
            throw ObjectStoreError(otherwise, operation, key, "\(error)")
        }
    }

    /// 128 bits of the content under a key that never changes, and its size: equal only for equal contents.
    private func tag(of bytes: Bytes) -> ObjectTag {
        let hash = bytes.withUnsafeBytes { Self.hash.hash($0) }
        return ObjectTag("\(bytes.count)-\(hexadecimal(hash.high))\(hexadecimal(hash.low))")
    }
    private static let hash = KeyedHash128(random: SeededRandomSource(seed: 0))
}

/// 16 digits.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
