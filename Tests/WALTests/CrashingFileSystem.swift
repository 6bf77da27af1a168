import Platform
import Synchronization

/// A file system in memory that forgets what was not synced.
///
/// - Writes are pending, sector by sector, until their file is synced; names until their directory is.
/// - `crash` makes the file system that a machine finds after power came back: of what was pending none, a prefix, a
///   random subset, or a subset with torn sectors. The old one is dead from then on: every call throws.
/// - A failed sync drops what was pending from the disk while reads still see it, as a page cache does.
final class CrashingFileSystem: FileSystem {
    enum Loss: CaseIterable { case everything, nothing, afterPrefix, randomSectors, tornSectors }

    fileprivate enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(Int)
    }

    fileprivate final class Node: @unchecked Sendable {
        // Reason for @unchecked: every access is under the file system's mutex.
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [Change] = []
    }

    fileprivate enum NameChange {
        case set(String, Node)
        case remove(String)
        case rename(String, String)
    }

    fileprivate struct State {
        var files: [String: Node] = [:]
        var durableFiles: [String: Node] = [:]
        var pendingNames: [NameChange] = []
        var directories: Set<String> = ["/"]
        var operations = 0
        var dieAt: Int?
        var isDead = false
        var failSyncAt: Int?
        var syncs = 0
        var freeBytes = Int.max
        var failRemove: String?
        var ignoresSyncs = false
    }
    fileprivate let state = Mutex(State())

    /// Operations that change something, so far.
    var operations: Int { state.withLock { $0.operations } }
    var syncs: Int { state.withLock { $0.syncs } }
    /// The process dies at that operation: it may be pending, and nothing works after it.
    func die(atOperation operation: Int?) { state.withLock { $0.dieAt = operation } }
    func failSync(after syncs: Int) { state.withLock { $0.failSyncAt = $0.syncs + syncs } }
    func setFreeBytes(_ bytes: Int) { state.withLock { $0.freeBytes = bytes } }
    func failRemoving(_ path: String?) { state.withLock { $0.failRemove = path } }
    /// A disk that says yes and does nothing: to prove that a test would notice.
    func ignoreSyncs() { state.withLock { $0.ignoresSyncs = true } }

    func contents(of path: String) -> [UInt8]? { state.withLock { $0.files[path]?.bytes } }
    func replace(_ path: String, with bytes: [UInt8]) {
        state.withLock { state in
            let node = Node()
            node.bytes = bytes
            node.durable = bytes
            state.files[path] = node
            state.durableFiles[path] = node
        }
    }
    var paths: [String] { state.withLock { $0.files.keys.sorted() } }
    /// The same files, all durable.
    func copy() -> CrashingFileSystem {
        let copy = CrashingFileSystem()
        let (directories, files) = state.withLock { state in
            (state.directories, state.files.map { ($0.key, $0.value.bytes) })
        }
        copy.state.withLock { $0.directories = directories }
        for (path, bytes) in files { copy.replace(path, with: bytes) }
        return copy
    }

    func crash(_ loss: Loss, seed: UInt64) -> CrashingFileSystem {
        let after = CrashingFileSystem()
        var random = SeededGenerator(seed: seed)
        let (directories, files) = state.withLock { state -> (Set<String>, [(String, [UInt8])]) in
            state.isDead = true
            var names = state.durableFiles
            for change in Self.surviving(state.pendingNames, loss, &random) { Self.apply(change, to: &names) }
            var images: [ObjectIdentifier: [UInt8]] = [:]
            var files: [(String, [UInt8])] = []
            for (path, node) in names.sorted(by: { $0.key < $1.key }) {
                let image = images[ObjectIdentifier(node)] ?? Self.image(of: node, loss, &random)
                images[ObjectIdentifier(node)] = image
                files.append((path, image))
            }
            return (state.directories, files)
        }
        after.state.withLock { $0.directories = directories }
        for (path, bytes) in files { after.replace(path, with: bytes) }
        return after
    }

    private static func surviving<T>(_ changes: [T], _ loss: Loss, _ random: inout SeededGenerator) -> [T] {
        switch loss {
        case .everything: return []
        case .nothing: return changes
        case .afterPrefix: return Array(changes.prefix(Int.random(in: 0...changes.count, using: &random)))
        case .randomSectors, .tornSectors: return changes.filter { _ in Bool.random(using: &random) }
        }
    }

    private static func image(of node: Node, _ loss: Loss, _ random: inout SeededGenerator) -> [UInt8] {
        var image = node.durable
        var pieces: [Change] = []
        for change in node.pending {
            switch change {
            case .truncate: pieces.append(change)
            case .write(let offset, let bytes):
                var at = 0
                while at < bytes.count {
                    let count = min(512 - (offset + at) % 512, bytes.count - at)
                    pieces.append(.write(offset: offset + at, bytes: Array(bytes[at..<at + count])))
                    at += count
                }
            }
        }
        for change in surviving(pieces, loss, &random) {
            guard loss == .tornSectors, case .write(let offset, let bytes) = change,
                Int.random(in: 0..<4, using: &random) == 0
            else {
                apply(change, to: &image)
                continue
            }
            apply(
                .write(offset: offset, bytes: Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))),
                to: &image)
        }
        return image
    }

    fileprivate static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if size < bytes.count { bytes.removeLast(bytes.count - size) }
            bytes += repeatElement(0, count: size - bytes.count)
        case .write(let offset, let more):
            let end = offset + more.count
            if end > bytes.count { bytes += repeatElement(0, count: end - bytes.count) }
            bytes.withUnsafeMutableBytes { target in
                more.withUnsafeBytes { target[offset..<end].copyBytes(from: $0) }
            }
        }
    }

    fileprivate static func apply(_ change: NameChange, to names: inout [String: Node]) {
        switch change {
        case .set(let path, let node): names[path] = node
        case .remove(let path): names[path] = nil
        case .rename(let source, let target): if let node = names.removeValue(forKey: source) { names[target] = node }
        }
    }

    // MARK: FileSystem

    /// - Returns: true when this operation is the one at which the process dies.
    fileprivate static func step(_ state: inout State, _ what: String, _ path: String) throws(FileSystemError) -> Bool {
        guard !state.isDead else { throw FileSystemError(what, path, errno: 5) }
        state.operations += 1
        if state.operations == state.dieAt {
            state.isDead = true
            return true
        }
        return false
    }

    private func change(
        _ what: String, _ path: String, _ body: (inout State) throws(FileSystemError) -> Void
    ) throws(FileSystemError) {
        try state.withLock { (state) throws(FileSystemError) in
            let dies = try Self.step(&state, what, path)
            try body(&state)
            if dies { throw FileSystemError(what, path, errno: 5) }
        }
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any FileHandle {
        if mode == .createNew {
            let node = Node()
            try change("open", path) { (state) throws(FileSystemError) in
                guard state.files[path] == nil else { throw FileSystemError("open", path, errno: 17) }
                state.files[path] = node
                state.pendingNames.append(.set(path, node))
            }
            return CrashingHandle(path, node, self)
        }
        let node = try state.withLock { (state) throws(FileSystemError) -> Node in
            guard !state.isDead else { throw FileSystemError("open", path, errno: 5) }
            guard let node = state.files[path] else { throw FileSystemError("open", path, errno: 2) }
            return node
        }
        return CrashingHandle(path, node, self)
    }
    func status(of path: String) throws(FileSystemError) -> FileStatus? {
        try state.withLock { (state) throws(FileSystemError) in
            guard !state.isDead else { throw FileSystemError("stat", path, errno: 5) }
            if state.directories.contains(path) { return FileStatus(kind: .directory, size: 0, modified: 0) }
            return state.files[path].map { FileStatus(kind: .file, size: UInt64($0.bytes.count), modified: 0) }
        }
    }
    func list(_ path: String) throws(FileSystemError) -> [String] {
        try state.withLock { (state) throws(FileSystemError) in
            guard !state.isDead else { throw FileSystemError("list", path, errno: 5) }
            guard state.directories.contains(path) else { throw FileSystemError("list", path, errno: 2) }
            let all = Array(state.files.keys) + state.directories
            return all.filter { $0.hasPrefix(path + "/") }.map { String($0.dropFirst(path.count + 1)) }
                .filter { !$0.contains("/") }.sorted()
        }
    }
    func createDirectory(_ path: String) throws(FileSystemError) {
        try change("make directory", path) { state in
            var above = path
            while !above.isEmpty {
                state.directories.insert(above)
                above = String(above[..<(above.lastIndex(of: "/") ?? above.startIndex)])
            }
        }
    }
    func rename(_ source: String, replacing target: String) throws(FileSystemError) {
        try rename(source, target, replaces: true)
    }
    func rename(_ source: String, ifAbsent target: String) throws(FileSystemError) {
        try rename(source, target, replaces: false)
    }
    private func rename(_ source: String, _ target: String, replaces: Bool) throws(FileSystemError) {
        try change("rename", target) { (state) throws(FileSystemError) in
            guard state.files[source] != nil else { throw FileSystemError("rename", source, errno: 2) }
            guard replaces || state.files[target] == nil else { throw FileSystemError("rename", target, errno: 17) }
            Self.apply(.rename(source, target), to: &state.files)
            state.pendingNames.append(.rename(source, target))
        }
    }
    func remove(_ path: String) throws(FileSystemError) {
        try change("remove", path) { (state) throws(FileSystemError) in
            guard state.failRemove != path else { throw FileSystemError("remove", path, errno: 5) }
            if state.files.removeValue(forKey: path) != nil { state.pendingNames.append(.remove(path)) }
        }
    }
    func syncDirectory(_ path: String) throws(FileSystemError) {
        try change("sync directory", path) { (state) throws(FileSystemError) in
            guard !state.isDead, !state.ignoresSyncs else { return }
            for change in state.pendingNames { Self.apply(change, to: &state.durableFiles) }
            state.pendingNames = []
        }
    }
    func lock(_ path: String, note: String) throws(FileSystemError) -> any FileLock { Lock() }
    private final class Lock: FileLock {}
    func freeBytes(at path: String) throws(FileSystemError) -> UInt64 { 1 << 40 }
}

private final class CrashingHandle: FileHandle {
    let path: String
    private let node: CrashingFileSystem.Node
    private let fileSystem: CrashingFileSystem

    init(_ path: String, _ node: CrashingFileSystem.Node, _ fileSystem: CrashingFileSystem) {
        self.path = path
        self.node = node
        self.fileSystem = fileSystem
    }

    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> [UInt8] {
        try fileSystem.state.withLock { (state) throws(FileSystemError) in
            guard !state.isDead else { throw FileSystemError("read", path, errno: 5) }
            let from = min(Int(offset), node.bytes.count)
            return Array(node.bytes[from..<min(from + count, node.bytes.count)])
        }
    }
    func write(_ bytes: [UInt8], at offset: UInt64) throws(FileSystemError) {
        try apply("write", .write(offset: Int(offset), bytes: bytes), grows: bytes.count)
    }
    func truncate(to size: UInt64) throws(FileSystemError) { try apply("truncate", .truncate(Int(size)), grows: 0) }
    func size() throws(FileSystemError) -> UInt64 {
        try fileSystem.state.withLock { (state) throws(FileSystemError) in
            guard !state.isDead else { throw FileSystemError("stat", path, errno: 5) }
            return UInt64(node.bytes.count)
        }
    }
    func sync() throws(FileSystemError) {
        try fileSystem.state.withLock { (state) throws(FileSystemError) in
            let dies = try CrashingFileSystem.step(&state, "sync", path)
            if dies { throw FileSystemError("sync", path, errno: 5) }
            state.syncs += 1
            if state.failSyncAt == state.syncs {
                node.pending = []
                throw FileSystemError("sync", path, errno: 5)
            }
            if state.ignoresSyncs { return }
            for change in node.pending { CrashingFileSystem.apply(change, to: &node.durable) }
            node.pending = []
        }
    }
    private func apply(_ what: String, _ change: CrashingFileSystem.Change, grows: Int) throws(FileSystemError) {
        try fileSystem.state.withLock { (state) throws(FileSystemError) in
            let dies = try CrashingFileSystem.step(&state, what, path)
            if grows > state.freeBytes { throw FileSystemError(what, path, errno: 28) }
            CrashingFileSystem.apply(change, to: &node.bytes)
            node.pending.append(change)
            if dies { throw FileSystemError(what, path, errno: 5) }
        }
    }
}
