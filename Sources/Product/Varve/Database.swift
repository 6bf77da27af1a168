import Ingest
public import MetricEngine
import MetricModel
public import ObjectStorage
public import Platform
import PromQL
public import StorageEngine
import Synchronization

/// A database of metrics in a directory of its own: open, append, query, close.
///
///     let database = try await Database.open(at: "metrics")
///     try await database.append([.init("room_temperature", ["room": "attic"], 21.5, at: .now())])
///     let answer = try await database.query("max_over_time(room_temperature[1h])")
///     try await database.close()
///
/// - An append returns once the samples are durable and visible to every later query.
/// - One process at a time opens a directory; inside it the value is shared freely between tasks.
public final class Database: Sendable {
    let store: MetricStore
    let environment: Environment
    /// What it was opened with.
    public let options: DatabaseOptions
    let receiver: RemoteWriteReceiver
    let parsed = ParsedQueries()
    /// Let go of at close, and with the value at the latest.
    private let lock: Mutex<(any FileLock)?>

    init(store: MetricStore, lock: (any FileLock)?, options: DatabaseOptions, environment: Environment) {
        self.store = store
        receiver = RemoteWriteReceiver(store)
        self.lock = Mutex(lock)
        self.options = options
        self.environment = environment
    }

    /// Opens the directory, or makes it: objects below `objects/`, the log below `wal/`.
    /// - Throws: `VarveError`: `.taken` when another process has it, `.foreign` when it holds something else, `.damaged`.
    public static func open(
        at path: String, options: DatabaseOptions = DatabaseOptions(), environment: Environment = .live
    ) async throws -> Database {
        let directory = DataDirectory(path)
        let holder = "process \(ProcessIdentity.current)"
        let lock = try await environment.blocking.run {
            try directory.open(holder: holder, in: environment.fileSystem)
        }
        let objects = try await openObjects(directory, environment)
        return try await open(
            objects: objects, logDirectory: directory.log + "/main", directory: directory, lock: lock,
            options: options, environment: environment)
    }

    /// Opens a database whose objects lie in `objects`, a bucket say; the directory has the lock, the log and the
    /// quarantine. Who opened it elsewhere before can commit nothing more (it is fenced).
    /// - Throws: `VarveError`: `.taken` when another process has the directory, or another node has claimed the objects
    ///   since this directory's log was written.
    ///
    /// - Parameters:
    ///   - objects: asked for once the directory is known to be ours; a cache of theirs may lie in it, in `cache/`.
    ///   - takesOver: told what a person should know when a log whose claim is over was set aside; nil: such a log with
    ///     unflushed records keeps the database from being opened.
    public static func open(
        at path: String, objects: @Sendable () async throws -> any ObjectStore,
        options: DatabaseOptions = DatabaseOptions(), environment: Environment = .live,
        takesOver: (@Sendable ([String]) -> Void)? = nil
    ) async throws -> Database {
        let directory = DataDirectory(path)
        let holder = "process \(ProcessIdentity.current)"
        let lock = try await environment.blocking.run {
            try directory.open(holder: holder, in: environment.fileSystem)
        }
        let store = try await objects()
        if let takesOver { takesOver(try await setForeignLogAside(directory, store, environment)) }
        return try await open(
            objects: store, logDirectory: directory.log + "/main", directory: directory, lock: lock,
            options: options, environment: environment)
    }

    /// Opens a database whose objects lie in `objects`. The log stays in a local directory; nil: no log, and what is not
    /// flushed is lost with the process.
    public static func open(
        store objects: any ObjectStore, logDirectory: String?, options: DatabaseOptions = DatabaseOptions(),
        environment: Environment = .live
    ) async throws -> Database {
        try await open(
            objects: objects, logDirectory: logDirectory, directory: nil, lock: nil, options: options,
            environment: environment)
    }

    static func open(
        objects: any ObjectStore, logDirectory: String?, directory: DataDirectory?, lock: (any FileLock)?,
        options: DatabaseOptions, environment: Environment
    ) async throws -> Database {
        let problems = options.problems()
        guard problems.isEmpty else { throw VarveError(.refused, problems.joined(separator: "; ")) }
        do throws(StorageError) {
            let store = try await MetricStore.open(
                options.storeOptions(
                    logDirectory: logDirectory, directory: directory, isRemote: objects.isRemote),
                store: objects, layouts: options.layouts, environment: environment)
            return Database(store: store, lock: lock, options: options, environment: environment)
        } catch { throw VarveError(error) }
    }

    static func directoryStore(_ directory: DataDirectory, _ environment: Environment) -> DirectoryStore {
        DirectoryStore(root: directory.objects, environment: environment)
    }

    static func openObjects(_ directory: DataDirectory, _ environment: Environment) async throws -> any ObjectStore {
        let store = directoryStore(directory, environment)
        do throws(ObjectStoreError) { try await store.prepare() } catch { throw VarveError(.failed, error.description) }
        return store
    }

    // MARK: Maintenance

    /// Brings everything that was appended before the call into objects.
    public func flush() async throws {
        try requireWritable()
        do throws(StorageError) { try await store.flush() } catch { throw VarveError(error) }
    }

    /// Merges each segment to one run; replaced objects that nobody reads are gone when it returns.
    public func compact() async throws {
        try requireWritable()
        do throws(StorageError) { try await store.compact() } catch { throw VarveError(error) }
    }

    /// Flushes, closes and lets the directory go. What could not be flushed stays in the log and is there again at the
    /// next open.
    public func close() async throws {
        defer { lock.withLock { $0 = nil } }
        // It has nothing that anybody else could miss.
        if options.isReadOnly { return }
        do throws(StorageError) { try await store.close() } catch { throw VarveError(error) }
    }

    /// Why this value writes nothing any more: another node has opened the same objects for writing. What it acknowledged
    /// and had not flushed is in its log. nil while all is well.
    public var fencing: String? { store.region.fencing?.text }

    private func requireWritable() throws(VarveError) {
        if options.isReadOnly { throw VarveError(.refused, "the database is open for reading only") }
    }

    public var engineStatistics: EngineStatistics { store.region.statistics }
    public var metricStatistics: MetricStatistics { store.statistics }
}
