import ObjectStorage
import Platform
import PromQL
import S3Storage
import Synchronization
import Varve
import VarveServer
import WAL

/// A database that a command has opened.
protocol OpenedDatabase: MetricDatabase {
    /// Seals the log and lets the lock go. What is in memory only is in the log.
    func close() async throws
    /// Why it writes nothing any more; nil while it does.
    var fencing: String? { get }
}

/// What `varve verify` found in a sound database. Damage is thrown: `DamagedFile`, or `CommandFailure(.damage, …)`.
struct VerifiedData: Sendable {
    var objects: Int
    var bytes: Int
    var rows: Int
    /// Remarks that are no damage: unknown names, quarantined bytes.
    var remarks: [String] = []
}

/// What `varve rebuild` did.
struct RebuiltData: Sendable {
    var wasNeeded: Bool
    var objects: Int
    var rows: Int
    var quarantine: String
    var remarks: [String]
    var damaged: [String]
}

/// What `varve inspect` shows.
struct DataInspection: Sendable {
    struct Table: Sendable {
        var name: String
        var segments: Int
        var objects: Int
        var rows: Int
        var bytes: Int
    }
    struct File: Sendable {
        var key: String
        var table: String
        /// Milliseconds since the epoch.
        var segmentStart: Int64
        var rows: Int
        var bytes: Int
    }
    /// Name and value: claim, manifest version, …
    var facts: [(name: String, value: String)]
    var tables: [Table]
    /// The live objects.
    var files: [File]
}

/// The seam between the commands and the libraries: the only file here that knows how a database is opened.
enum OpenDatabase {
    /// For writing and serving; takes the directory's lock, replays the log, starts flushing and compaction.
    static func forServing(
        _ settings: ServeSettings, _ plan: MemoryPlan, _ environment: Environment
    ) async throws -> any OpenedDatabase {
        let options = options(settings, plan)
        guard let bucket = try BucketOpening.store(settings.objectStore, environment) else {
            return try await open(settings.dataDirectory, options, environment)
        }
        return try await translating {
            try await openBucket(bucket, settings, options, environment)
        }
    }

    static func options(_ settings: ServeSettings, _ plan: MemoryPlan) -> DatabaseOptions {
        var options = DatabaseOptions()
        options.flushAge = settings.flushAge
        options.flushSize = plan.flushSize(wanted: settings.flushSize)
        options.durability = WAL.Durability(rawValue: settings.durability.rawValue) ?? .always
        options.memoryLimit = plan.rows
        options.mergeMemory = plan.merges
        options.cacheMemory = plan.caches
        options.diskReserve = settings.diskReserve
        options.limits = settings.bounds.limits
        if settings.retention > .zero { options.retention = settings.retention }
        return options
    }

    private static func openBucket(
        _ bucket: S3Store, _ settings: ServeSettings, _ options: DatabaseOptions, _ environment: Environment
    ) async throws -> any OpenedDatabase {
        let directory = settings.dataDirectory
        if settings.objectStore.isReadOnly {
            let lock = try await Database.lock(directory, environment)
            let store = await BucketOpening.cached(bucket, settings.objectStore, directory: directory, environment)
            let database = try await Database.openReadOnly(objects: store, options: options, environment: environment)
            let follower = BucketFollower(
                database, objects: store, staleness: settings.objectStore.staleness, environment: environment)
            return BucketDatabase(
                database, tally: bucket.tally, cache: store.cache, follower: follower, lock: lock)
        }
        let report: @Sendable ([String]) -> Void = { lines in
            for line in lines { Terminal.printError("varve: \(line)") }
        }
        // Where `open` has seen that the directory is ours; by then, and not before, a cache may lie in it.
        let opened = Mutex<CachedStore?>(nil)
        let database = try await Database.open(
            at: directory,
            objects: {
                do throws(ObjectStoreError) { try await bucket.prepare() } catch {
                    throw VarveError(.failed, error.description)
                }
                let store = await BucketOpening.cached(bucket, settings.objectStore, directory: directory, environment)
                opened.withLock { $0 = store }
                return store
            }, options: options, environment: environment,
            takesOver: settings.objectStore.takesOver ? report : nil)
        let cache = opened.withLock { $0?.cache }
        return BucketDatabase(database, tally: bucket.tally, cache: cache, follower: nil, lock: nil)
    }

    /// For questions asked of a directory, whether a server has it or not: nothing in it is changed.
    static func forReading(_ place: LocationOption, _ environment: Environment) async throws -> any OpenedDatabase {
        let store = try place.store(environment)
        return try await translating {
            if let store { return try await Database.openReadOnly(objects: store, environment: environment) }
            return try await Database.openReadOnly(at: place.directory, environment: environment)
        }
    }

    /// Takes the lock, but flushes and compacts only when told.
    static func forMaintenance(_ place: LocationOption, _ environment: Environment) async throws -> any OpenedDatabase {
        var options = DatabaseOptions()
        options.runsInBackground = false
        if let bucket = try BucketOpening.store(try place.bucket.settings(), environment) {
            let opened = options
            return try await translating {
                try await Database.open(
                    at: place.directory,
                    objects: {
                        do throws(ObjectStoreError) { try await bucket.prepare() } catch {
                            throw VarveError(.failed, error.description)
                        }
                        return bucket
                    }, options: opened, environment: environment)
            }
        }
        try await translating {
            try await Database.checkDirectory(place.directory, environment: environment)
        }
        return try await open(place.directory, options, environment)
    }

    private static func open(
        _ directory: String, _ options: DatabaseOptions, _ environment: Environment
    ) async throws -> any OpenedDatabase {
        try await translating { try await Database.open(at: directory, options: options, environment: environment) }
    }

    /// Reads every stored byte.
    static func verify(_ place: LocationOption, _ environment: Environment) async throws -> VerifiedData {
        let store = try place.store(environment)
        let report = try await translating {
            try await Database.verify(at: place.directory, objects: store, environment: environment)
        }
        guard report.problems.isEmpty else {
            throw CommandFailure(
                .damage,
                (report.problems + ["\(report.problems.count) problems; nothing was changed."] + report.remedies)
                    .joined(separator: "\n"))
        }
        let awaiting =
            report.awaiting.isEmpty
            ? [] : ["\(report.awaiting.count) replaced objects await their collection; readers may still need them"]
        return VerifiedData(
            objects: report.objects, bytes: Int(clamping: report.bytes), rows: Int(clamping: report.rows),
            remarks: report.unnamed.map { "\($0) is named by no manifest; the next start collects it" } + awaiting)
    }

    /// Makes the manifest again.
    static func rebuild(
        _ place: LocationOption, force: Bool, _ environment: Environment
    ) async throws -> RebuiltData {
        let store = try place.store(environment)
        let report = try await translating {
            try await Database.rebuild(at: place.directory, objects: store, force: force, environment: environment)
        }
        return RebuiltData(
            wasNeeded: report.wasNeeded, objects: report.objects, rows: Int(clamping: report.rows),
            quarantine: report.quarantine,
            remarks: report.replaced.map { "\($0) was replaced by others; the next start removes it" }
                + report.unfinished.map { "\($0) was never finished; the next start removes it" }
                + report.unknown.map { "\($0) is no name of ours; it was left alone" },
            damaged: report.damaged)
    }

    static func inspect(_ place: LocationOption, _ environment: Environment) async throws -> DataInspection {
        let store = try place.store(environment)
        let live = try await translating {
            if let store { return try await Database.storedObjects(in: store) }
            return try await Database.storedObjects(at: place.directory, environment: environment)
        }
        let tables = Dictionary(grouping: live, by: \.table).map { name, objects in
            DataInspection.Table(
                name: name, segments: Set(objects.map(\.segmentStart)).count, objects: objects.count,
                rows: Int(clamping: objects.reduce(0) { $0 + $1.rows }),
                bytes: Int(clamping: objects.reduce(0) { $0 + $1.bytes }))
        }
        return DataInspection(
            facts: [], tables: tables.sorted { $0.name < $1.name },
            files: live.map {
                DataInspection.File(
                    key: $0.key, table: $0.table, segmentStart: $0.segmentStart, rows: Int(clamping: $0.rows),
                    bytes: Int(clamping: $0.bytes))
            })
    }

    static func inspectLog(_ directory: String, _ environment: Environment) async throws -> StoredLog {
        try await translating { try await Database.storedLog(at: directory, environment: environment) }
    }

    static func salvageLog(
        _ directory: String, into output: String?, _ environment: Environment
    ) async throws -> LogSalvageReport {
        try await translating { try await Database.salvageLog(at: directory, into: output, environment: environment) }
    }

    static func claimants(_ place: LocationOption, _ environment: Environment) async throws -> [UInt64] {
        try await translating {
            try await Database.claimants(ofLogAt: place.directory, environment: environment)
        }
    }

    static func readLog(
        _ place: LocationOption, after cut: UInt64?, _ environment: Environment,
        _ body: @escaping @Sendable ([LoggedSeries]) async throws -> Void
    ) async throws -> LogReadReport {
        let store = try place.store(environment)
        return try await translating {
            try await Database.readLog(
                at: place.directory, objects: store, after: cut, environment: environment, body)
        }
    }

    /// The library's errors as exit codes.
    private static func translating<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as VarveError {
            throw CommandFailure(
                error.kind == .damaged ? .damage : .failed, error.text)
        }
    }
}

extension Database: OpenedDatabase {}
extension BucketDatabase: OpenedDatabase {}
