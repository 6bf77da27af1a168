import Platform
import PromQL
import VarveServer

/// A database that a command has opened.
protocol OpenedDatabase: MetricDatabase {
    /// Seals the log and lets the lock go. What is in memory only is in the log.
    func close() async throws
}

/// What `varve verify` found in a sound database. Damage is thrown: `DamagedFile`, or `CommandFailure(.damage, …)`.
struct VerifiedData: Sendable {
    var objects: Int
    var bytes: Int
    var rows: Int
    /// Remarks that are no damage: unknown names, quarantined bytes.
    var remarks: [String] = []
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
        var level: String
    }
    /// Name and value: claim, manifest version, …
    var facts: [(name: String, value: String)]
    var tables: [Table]
    /// The live objects.
    var files: [File]
}

/// What `varve wal inspect` shows of one log segment.
struct LogSegmentInspection: Sendable {
    var file: String
    var bytes: Int
    var batches: Int
    var records: Int
    /// First and last, as the engine writes sequence numbers; empty without records.
    var sequences: String
    /// `sealed`, `open`, `torn at byte …`, or what is damaged.
    var state: String
}

/// The seam between the commands and the libraries: the only file here that knows how a database is opened.
enum OpenDatabase {
    /// For writing and serving; takes the directory's lock, replays the log, starts flushing and compaction.
    static func forServing(_ settings: ServeSettings, _ environment: Environment) async throws -> any OpenedDatabase {
        throw notWired
    }

    /// Reads a directory as it is now, the log included, and changes nothing. A running server does not hinder it.
    static func forReading(_ directory: String, _ environment: Environment) async throws -> any OpenedDatabase {
        throw notWired
    }

    /// Takes the lock, but flushes and compacts only when told.
    static func forMaintenance(_ directory: String, _ environment: Environment) async throws -> any OpenedDatabase {
        throw notWired
    }

    /// Reads every stored byte.
    static func verify(_ directory: String, _ environment: Environment) async throws -> VerifiedData {
        throw notWired
    }

    static func inspect(_ directory: String, _ environment: Environment) async throws -> DataInspection {
        throw notWired
    }

    static func inspectLog(_ directory: String, _ environment: Environment) async throws -> [LogSegmentInspection] {
        throw notWired
    }

    private static var notWired: CommandFailure {
        CommandFailure(.failed, "this build has no storage engine: OpenDatabase.swift is not wired to one")
    }
}
