import Platform

/// What becomes of changes that were not synced when the power goes.
public enum CrashOutcome: Sendable, Hashable, CaseIterable {
    /// All are lost.
    case none
    /// The first ones of each file, and the first ones among names, are kept.
    case prefix
    /// Any of them are kept.
    case subset
    /// Any sectors of 512 bytes of any writes are kept.
    case torn
}

/// A disk as a value: what processes see (`live`), what is safe (`durable`), and the changes between, in order.
struct SimulatedDisk {
    struct FileNumber: Hashable { let rawValue: Int }
    struct DirectoryNumber: Hashable { let rawValue: Int }
    enum Node: Hashable {
        case file(FileNumber)
        case directory(DirectoryNumber)
    }

    struct File {
        var live: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [Change] = []
        var modified: Int64 = 0
    }
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)

        func apply(to bytes: inout [UInt8]) {
            switch self {
            case .truncate(let size):
                if size < bytes.count {
                    bytes.removeLast(bytes.count - size)
                } else {
                    bytes += [UInt8](repeating: 0, count: size - bytes.count)
                }
            case .write(let offset, let new):
                if bytes.count < offset + new.count {
                    bytes += [UInt8](repeating: 0, count: offset + new.count - bytes.count)
                }
                // As memory, not element by element: unoptimised builds spend most of a crash test here otherwise.
                bytes.withUnsafeMutableBytes { target in
                    new.withUnsafeBytes {
                        UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: $0)
                    }
                }
            }
        }

        /// The change in pieces that a disk writes whole.
        var sectors: [Change] {
            guard case .write(let offset, let bytes) = self else { return [self] }
            var pieces: [Change] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, ((offset + start) / 512 + 1) * 512 - offset)
                pieces.append(.write(offset: offset + start, bytes: Array(bytes[start..<end])))
                start = end
            }
            return pieces
        }
    }

    struct Directory {
        var live: [String: Node] = [:]
        var durable: [String: Node] = [:]
    }
    /// A change of names that is not yet synced. A rename is one change of both its directories, as a journal makes it.
    struct NameChange {
        var sets: [(directory: DirectoryNumber, name: String, node: Node?)]
    }

    var files: [FileNumber: File] = [:]
    var directories: [DirectoryNumber: Directory] = [:]
    var pendingNames: [NameChange] = []
    var locked: Set<FileNumber> = []
    var capacity: UInt64
    private var nextNumber = 1
    private static let root = DirectoryNumber(rawValue: 0)

    init(capacity: UInt64) {
        self.capacity = capacity
        directories[Self.root] = Directory()
    }

    /// Files without a name count no longer, though a handle may still use them.
    var free: UInt64 {
        guard capacity < .max else { return .max }
        let named = reachable()
        let used = files.reduce(UInt64(0)) { $0 + (named.contains(.file($1.key)) ? UInt64($1.value.live.count) : 0) }
        return capacity - min(used, capacity)
    }

    // MARK: Paths

    private func parts(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    func find(_ path: String) -> Node? { find(parts(path)[...]) }

    private func find(_ parts: ArraySlice<String>) -> Node? {
        var node = Node.directory(Self.root)
        for part in parts {
            guard case .directory(let directory) = node, let next = directories[directory]?.live[part] else {
                return nil
            }
            node = next
        }
        return node
    }

    private func parent(_ path: String, _ operation: String) throws(FileSystemError) -> (DirectoryNumber, String) {
        let parts = parts(path)
        guard let name = parts.last, case .directory(let directory) = find(parts.dropLast()) else {
            throw FileSystemError(kind: .absent, operation: operation, path: path)
        }
        return (directory, name)
    }

    private mutating func change(_ sets: [(directory: DirectoryNumber, name: String, node: Node?)]) {
        for (directory, name, node) in sets { directories[directory]?.live[name] = node }
        pendingNames.append(NameChange(sets: sets))
    }

    // MARK: Files

    private mutating func takeNumber() -> Int {
        nextNumber += 1
        return nextNumber
    }

    mutating func open(_ path: String, _ mode: OpenMode, now: Int64) throws(FileSystemError) -> FileNumber {
        let (directory, name) = try parent(path, "open")
        switch (directories[directory]?.live[name], mode) {
        case (.directory?, _): throw FileSystemError(kind: .failed, operation: "open", path: path, code: 21)
        case (.file?, .createNew): throw FileSystemError(kind: .exists, operation: "open", path: path)
        case (.file(let file)?, _): return file
        case (nil, .createNew):
            let file = FileNumber(rawValue: takeNumber())
            files[file] = File(modified: now)
            change([(directory, name, .file(file))])
            return file
        case (nil, _): throw FileSystemError(kind: .absent, operation: "open", path: path)
        }
    }

    mutating func write(
        _ bytes: [UInt8], at offset: UInt64, of file: FileNumber, _ path: String, now: Int64
    ) throws(FileSystemError) {
        let end = Int(offset) + bytes.count
        let grown = max(end - (files[file]?.live.count ?? 0), 0)
        guard UInt64(grown) <= free else {
            throw FileSystemError(kind: .full, operation: "write", path: path, code: 28)
        }
        record(.write(offset: Int(offset), bytes: bytes), of: file, now)
    }

    mutating func truncate(
        _ file: FileNumber, to size: UInt64, _ path: String, now: Int64
    ) throws(FileSystemError) {
        let grown = max(Int(size) - (files[file]?.live.count ?? 0), 0)
        guard UInt64(grown) <= free else {
            throw FileSystemError(kind: .full, operation: "truncate", path: path, code: 28)
        }
        record(.truncate(size: Int(size)), of: file, now)
    }

    private mutating func record(_ change: Change, of file: FileNumber, _ now: Int64) {
        guard var content = files.removeValue(forKey: file) else { return }
        change.apply(to: &content.live)
        content.pending.append(change)
        content.modified = now
        files[file] = content
    }

    /// A failed sync drops what was pending: the page cache calls it clean, the disk never got it.
    mutating func sync(_ file: FileNumber, succeeds: Bool) {
        guard var content = files.removeValue(forKey: file) else { return }
        if succeeds { for change in content.pending { change.apply(to: &content.durable) } }
        content.pending = []
        files[file] = content
    }

    // MARK: Names

    mutating func createDirectory(_ path: String) throws(FileSystemError) {
        let all = parts(path)
        for end in 1...max(all.count, 1) where end <= all.count {
            switch find(all[..<end]) {
            case .directory?: continue
            case .file?: throw FileSystemError(kind: .exists, operation: "make directory", path: path)
            case nil:
                guard case .directory(let above) = find(all[..<(end - 1)]) else { continue }
                let directory = DirectoryNumber(rawValue: takeNumber())
                directories[directory] = Directory()
                change([(above, all[end - 1], .directory(directory))])
                syncNames(of: above)
            }
        }
    }

    mutating func rename(_ source: String, _ target: String, replacing: Bool) throws(FileSystemError) {
        let operation = "rename \(source) to"
        let (from, oldName) = try parent(source, operation)
        guard let node = directories[from]?.live[oldName] else {
            throw FileSystemError(kind: .absent, operation: operation, path: target)
        }
        let (to, newName) = try parent(target, operation)
        switch directories[to]?.live[newName] {
        case nil: break
        case .file? where replacing: break
        case .directory? where replacing:
            throw FileSystemError(kind: .failed, operation: operation, path: target, code: 21)
        default: throw FileSystemError(kind: .exists, operation: operation, path: target)
        }
        change([(from, oldName, nil), (to, newName, node)])
    }

    mutating func remove(_ path: String) throws(FileSystemError) {
        let all = parts(path)
        for end in all.indices {
            if case .file? = find(all[..<end]) {
                throw FileSystemError(kind: .failed, operation: "remove", path: path, code: 20)
            }
        }
        guard let node = find(path) else { return }
        if case .directory(let directory) = node, directories[directory]?.live.isEmpty == false {
            throw FileSystemError(kind: .failed, operation: "remove", path: path, code: 39)
        }
        let (above, name) = try parent(path, "remove")
        change([(above, name, nil)])
    }

    mutating func syncDirectory(_ path: String) throws(FileSystemError) {
        guard case .directory(let directory) = find(path) else {
            throw FileSystemError(kind: .absent, operation: "sync directory", path: path)
        }
        syncNames(of: directory)
    }

    private mutating func syncNames(of directory: DirectoryNumber) {
        var rest: [NameChange] = []
        for change in pendingNames {
            if change.sets.contains(where: { $0.directory == directory }) {
                apply(change)
            } else {
                rest.append(change)
            }
        }
        pendingNames = rest
    }

    private mutating func apply(_ change: NameChange) {
        for (directory, name, node) in change.sets { directories[directory]?.durable[name] = node }
    }

    mutating func lock(_ path: String, note: String, now: Int64) throws(FileSystemError) -> FileNumber {
        let file: FileNumber
        if case .file(let there) = find(path) { file = there } else { file = try open(path, .createNew, now: now) }
        guard locked.insert(file).inserted else {
            let text = String(decoding: files[file]?.live ?? [], as: UTF8.self)
            let holder = text.split(separator: "\n").first.map(String.init) ?? ""
            throw FileSystemError(kind: .locked(holder: holder), operation: "lock", path: path)
        }
        record(.truncate(size: 0), of: file, now)
        record(.write(offset: 0, bytes: Array("\(note)\n".utf8)), of: file, now)
        return file
    }

    // MARK: Crashes

    func unlocked() -> SimulatedDisk {
        var disk = self
        disk.locked = []
        return disk
    }

    func crashed(_ outcome: CrashOutcome, seed: UInt64) -> SimulatedDisk {
        var random = SeededGenerator(seed: seed)
        var disk = unlocked()
        for change in kept(pendingNames, outcome, &random) { disk.apply(change) }
        disk.pendingNames = []
        disk.directories = disk.directories.mapValues { Directory(live: $0.durable, durable: $0.durable) }
        // In order of number: a dictionary's order is no seed.
        for number in files.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard var file = files[number] else { continue }
            let pieces = outcome == .torn ? file.pending.flatMap(\.sectors) : file.pending
            for change in kept(pieces, outcome, &random) { change.apply(to: &file.durable) }
            file.live = file.durable
            file.pending = []
            disk.files[number] = file
        }
        let named = disk.reachable()
        disk.files = disk.files.filter { named.contains(.file($0.key)) }
        disk.directories = disk.directories.filter { named.contains(.directory($0.key)) }
        return disk
    }

    private func kept<Element>(
        _ pending: [Element], _ outcome: CrashOutcome, _ random: inout SeededGenerator
    ) -> [Element] {
        switch outcome {
        case .none: return []
        case .prefix: return Array(pending.prefix(Int.random(in: 0...pending.count, using: &random)))
        case .subset, .torn:
            var chosen: [Element] = []
            for change in pending where Bool.random(using: &random) { chosen.append(change) }
            return chosen
        }
    }

    private func reachable() -> Set<Node> {
        var found: Set<Node> = [.directory(Self.root)]
        var rest = [Self.root]
        while let directory = rest.popLast() {
            for node in (directories[directory]?.live ?? [:]).values where found.insert(node).inserted {
                if case .directory(let below) = node { rest.append(below) }
            }
        }
        return found
    }
}
