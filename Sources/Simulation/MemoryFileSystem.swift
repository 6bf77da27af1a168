public import Platform
import Synchronization

/// Files in memory with explicit durability: `crash` shows what a power cut would leave.
///
/// - Bytes are durable after `sync` of their file, names after `syncDirectory` of their directory, as POSIX promises and
///   no better: a new file's sync does not sync its name.
/// - Operations can be made to fail by their number (`fail`), and everything can fail from a number on (`cutPower`).
/// - Locks last as long as their value; a crashed copy has none.
public final class MemoryFileSystem: FileSystem {
    let disk: Mutex<SimulatedDisk>
    private let faults = Mutex(FaultPlan())
    private let lies: Mutex<[DiskLie]>
    let time: any TimeSource

    /// - Parameter capacity: bytes that all files together may hold; more is "no space left".
    public init(time: any TimeSource = SimulatedTime(), capacity: UInt64 = .max) {
        disk = Mutex(SimulatedDisk(capacity: capacity))
        lies = Mutex([])
        self.time = time
    }

    private init(_ disk: SimulatedDisk, of other: MemoryFileSystem) {
        self.disk = Mutex(disk)
        time = other.time
        lies = Mutex(other.lies.withLock { $0 })
    }

    /// What a power cut at this moment would leave, as a file system of its own; this one goes on as if nothing was.
    public func crash(_ outcome: CrashOutcome, seed: UInt64) -> MemoryFileSystem {
        MemoryFileSystem(disk.withLock { $0.crashed(outcome, seed: seed) }, of: self)
    }

    /// What a killed process leaves: everything that was written, whether synced or not.
    public func killed() -> MemoryFileSystem { MemoryFileSystem(disk.withLock { $0.unlocked() }, of: self) }

    /// This disk with everything unsynced still pending: what crashes of this moment are made from later.
    public func copy() -> MemoryFileSystem { MemoryFileSystem(disk.withLock { $0.unlocked() }, of: self) }

    // MARK: Faults

    private struct FaultPlan {
        var operations = 0
        var planned: [Int: FileSystemError.Kind] = [:]
        var rules: [FaultRule] = []
        var powerEnds = Int.max
        var observer: (@Sendable (Int) -> Void)?
    }

    /// How one operation ends that does not succeed.
    struct PlannedFault {
        var error: FileSystemError
        /// How much of it happens all the same.
        var effect: Effect
        enum Effect { case none, half, whole }
    }

    /// Operations so far that could fail: all but reads of names and sizes.
    public var operationCount: Int { faults.withLock { $0.operations } }

    /// Lets the operation of that number (1 is the first ever) fail with `kind`. A write that fails writes half of its
    /// bytes; a sync that fails drops what was pending, while reads still see it.
    public func fail(operation number: Int, _ kind: FileSystemError.Kind = .failed) {
        faults.withLock { $0.planned[number] = kind }
    }

    /// Lets operations fail by rule, until `heal`. The first rule that fits counts.
    public func fail(_ rule: FaultRule) { faults.withLock { $0.rules.append(rule) } }

    /// Takes all rules and planned faults away; a cut power stays cut.
    public func heal() {
        faults.withLock {
            $0.rules = []
            $0.planned = [:]
        }
    }

    /// From operation `number` on everything fails: the moment to take a `crash` from. A write that is number `number`
    /// is under way and may land; nothing after it changes the disk.
    public func cutPower(atOperation number: Int) { faults.withLock { $0.powerEnds = number } }

    /// Whether the power has ended.
    public var isPowerCut: Bool { faults.withLock { $0.operations >= $0.powerEnds } }

    /// Calls `observer` before each operation, with its number: the place to take a `copy` from.
    public func observe(_ observer: (@Sendable (Int) -> Void)?) { faults.withLock { $0.observer = observer } }

    /// From now on the disk promises what it does not keep, and so do its crashed copies.
    public func lie(_ lie: DiskLie) { lies.withLock { $0.append(lie) } }

    func lies(_ isMeant: (DiskLie) -> Bool) -> Bool { lies.withLock { $0.contains(where: isMeant) } }

    /// Counts one operation and says how it fails, if it shall.
    func plannedFault(_ operation: FileOperation, _ words: String, _ path: String) -> PlannedFault? {
        let (number, observer) = faults.withLock { plan in
            plan.operations += 1
            return (plan.operations, plan.observer)
        }
        observer?(number)
        let fault = faults.withLock { plan -> (FileSystemError.Kind, PlannedFault.Effect)? in
            if number >= plan.powerEnds { return (.failed, number == plan.powerEnds ? .whole : .none) }
            if let kind = plan.planned[number] { return (kind, .half) }
            for i in plan.rules.indices where plan.rules[i].takes(operation, path) {
                return (plan.rules[i].kind, .half)
            }
            return nil
        }
        return fault.map { kind, effect in
            let error = FileSystemError(kind: kind, operation: words, path: path, code: kind == .full ? 28 : 5)
            return PlannedFault(error: error, effect: effect)
        }
    }

    func count(_ operation: FileOperation, _ words: String, _ path: String) throws(FileSystemError) {
        if let fault = plannedFault(operation, words, path) { throw fault.error }
    }

    // MARK: FileSystem

    public func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any FileHandle {
        try count(.open, "open", path)
        let now = time.now()
        let file = try disk.withLock { disk throws(FileSystemError) in try disk.open(path, mode, now: now) }
        return MemoryFileHandle(path: path, file: file, owner: self)
    }

    public func status(of path: String) throws(FileSystemError) -> FileStatus? {
        disk.withLock { disk in
            switch disk.find(path) {
            case nil: nil
            case .directory: FileStatus(kind: .directory, size: 0, modified: 0)
            case .file(let file):
                FileStatus(
                    kind: .file, size: UInt64(disk.files[file]?.live.count ?? 0),
                    modified: disk.files[file]?.modified ?? 0)
            }
        }
    }

    public func list(_ path: String) throws(FileSystemError) -> [String] {
        try disk.withLock { disk throws(FileSystemError) in
            guard case .directory(let directory) = disk.find(path) else {
                throw FileSystemError(kind: .absent, operation: "list", path: path)
            }
            return (disk.directories[directory]?.live ?? [:]).keys
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    public func createDirectory(_ path: String) throws(FileSystemError) {
        try count(.makeDirectory, "make directory", path)
        try disk.withLock { disk throws(FileSystemError) in try disk.createDirectory(path) }
    }

    public func rename(_ source: String, replacing target: String) throws(FileSystemError) {
        try count(.rename, "rename \(source) to", target)
        try disk.withLock { disk throws(FileSystemError) in try disk.rename(source, target, replacing: true) }
    }

    public func rename(_ source: String, ifAbsent target: String) throws(FileSystemError) {
        try count(.rename, "rename \(source) to", target)
        try disk.withLock { disk throws(FileSystemError) in try disk.rename(source, target, replacing: false) }
    }

    public func remove(_ path: String) throws(FileSystemError) {
        try count(.remove, "remove", path)
        try disk.withLock { disk throws(FileSystemError) in try disk.remove(path) }
    }

    public func syncDirectory(_ path: String) throws(FileSystemError) {
        try count(.syncDirectory, "sync directory", path)
        if lies({ $0.forgetsNames(of: path) }) { return }
        try disk.withLock { disk throws(FileSystemError) in try disk.syncDirectory(path) }
    }

    public func lock(_ path: String, note: String) throws(FileSystemError) -> any FileLock {
        try count(.lock, "lock", path)
        let now = time.now()
        let file = try disk.withLock { disk throws(FileSystemError) in try disk.lock(path, note: note, now: now) }
        return MemoryFileLock(file: file, owner: self)
    }

    public func freeBytes(at path: String) throws(FileSystemError) -> UInt64 { disk.withLock { $0.free } }
}

/// An open file: goes on existing when its name goes.
final class MemoryFileHandle: FileHandle {
    let path: String
    private let file: SimulatedDisk.FileNumber
    private let owner: MemoryFileSystem

    init(path: String, file: SimulatedDisk.FileNumber, owner: MemoryFileSystem) {
        self.path = path
        self.file = file
        self.owner = owner
    }

    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> [UInt8] {
        try owner.count(.read, "read", path)
        return owner.disk.withLock { disk in
            let bytes = disk.files[file]?.live ?? []
            guard count > 0, offset < UInt64(bytes.count) else { return [] }
            let start = Int(offset)
            return Array(bytes[start..<start + min(count, bytes.count - start)])
        }
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(FileSystemError) {
        let fault = owner.plannedFault(.write, "write", path)
        let now = owner.time.now()
        let isCutShort = bytes.count > 1 && owner.operationCount % 16 == 0 && owner.lies { $0 == .writesShort }
        let written: [UInt8] =
            switch fault?.effect {
            case nil where isCutShort: Array(bytes.prefix(bytes.count / 2))
            case nil, .whole: bytes
            case .half: Array(bytes.prefix(bytes.count / 2))
            case .some(.none): []
            }
        try owner.disk.withLock { disk throws(FileSystemError) in
            try disk.write(written, at: offset, of: file, path, now: now)
        }
        if let fault { throw fault.error }
    }

    func size() throws(FileSystemError) -> UInt64 {
        owner.disk.withLock { UInt64($0.files[file]?.live.count ?? 0) }
    }

    func truncate(to size: UInt64) throws(FileSystemError) {
        try owner.count(.truncate, "truncate", path)
        let now = owner.time.now()
        try owner.disk.withLock { disk throws(FileSystemError) in
            try disk.truncate(file, to: size, path, now: now)
        }
    }

    func sync() throws(FileSystemError) {
        let fault = owner.plannedFault(.sync, "sync", path)
        if fault == nil, owner.lies({ $0 == .forgetsBytes }) { return }
        // Without power nothing is dropped either: the crash decides over what is pending.
        if fault.map({ $0.effect == .half }) ?? true { owner.disk.withLock { $0.sync(file, succeeds: fault == nil) } }
        if let fault {
            // Nothing is pending any more: the second try succeeds.
            if fault.effect == .half, owner.lies({ $0 == .syncsAgain }) { return }
            throw fault.error
        }
    }
}

final class MemoryFileLock: FileLock {
    private let file: SimulatedDisk.FileNumber
    private let owner: MemoryFileSystem

    init(file: SimulatedDisk.FileNumber, owner: MemoryFileSystem) {
        self.file = file
        self.owner = owner
    }

    deinit { owner.disk.withLock { _ = $0.locked.remove(file) } }
}
