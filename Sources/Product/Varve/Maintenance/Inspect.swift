import ManifestLog
import MetricEngine
public import ObjectStorage
public import Platform
import StorageEngine
import WAL

/// A live object, as the newest manifest has it.
public struct StoredObject: Sendable, Equatable {
    /// Below the store's root: `samples/data/main/1700006400000/1-4.parquet`.
    public var key: String
    public var table: String
    /// Milliseconds since the epoch.
    public var segmentStart: Int64
    public var rows: UInt64
    public var bytes: UInt64
}

/// One file of the log.
public struct StoredLogSegment: Sendable, Equatable {
    public var path: String
    public var bytes: UInt64
    public var batches: Int
    public var records: UInt64
    /// Sequence numbers of its first and last record; nil without records.
    public var first: UInt64?
    public var last: UInt64?
    /// In words: `sound`, `empty`, or what is found where.
    public var state: String
    /// Entries and payload bytes by table number.
    public var tables: [UInt16: StoredLogTable] = [:]
}

/// What one file of the log holds of one table.
public struct StoredLogTable: Sendable, Equatable {
    public var entries: UInt64
    public var bytes: UInt64
}

/// A log as it lies there.
public struct StoredLog: Sendable, Equatable {
    public var segments: [StoredLogSegment]
    /// Names file, offset and remedy; nil when nothing is damaged.
    public var damage: String?
    /// Why it would not be opened though nothing is damaged: a strange name, another version.
    public var refusal: String?
    /// Bytes at its end that were perhaps never acknowledged: opening moves them to quarantine.
    public var tornBytes: UInt64 = 0
    /// Names in the log's directory that are not ours.
    public var foreignNames: [String] = []
}

extension Database {
    /// The live objects in order of table, segment and age. Changes nothing; the directory may be in use.
    public static func storedObjects(
        at path: String, environment: Environment = .live
    ) async throws -> [StoredObject] {
        try await checkDirectory(path, environment: environment)
        return try await storedObjects(
            in: DirectoryStore(root: DataDirectory(path).objects, environment: environment))
    }

    /// The live objects of a database in `store`.
    public static func storedObjects(in store: any ObjectStore) async throws -> [StoredObject] {
        do throws(StorageError) {
            let live = try await ObjectCheck.liveObjects(
                store: store, tables: MetricStore.tables(layouts: .standard), region: "main")
            return live.map {
                StoredObject(
                    key: $0.key.path, table: $0.table, segmentStart: $0.metadata.segment.lowerBound,
                    rows: $0.metadata.rows, bytes: $0.metadata.size)
            }
        } catch { throw VarveError(error) }
    }

    /// The log's files. Changes nothing; the directory may be in use.
    /// - Parameter path: a data directory, or the directory of a log.
    public static func storedLog(at path: String, environment: Environment = .live) async throws -> StoredLog {
        let place = try await environment.blocking.run { try StoredLogPlace.find(path, in: environment.fileSystem) }
        do throws(WALError) {
            let log = try await readLog(place.log, path, environment)
            return StoredLog(
                segments: log.segments.map {
                    StoredLogSegment(
                        path: $0.path, bytes: $0.fileBytes, batches: $0.batches, records: $0.records,
                        first: $0.sequences?.lowerBound.rawValue, last: $0.sequences?.upperBound.rawValue,
                        state: $0.state,
                        tables: $0.tables.mapValues { StoredLogTable(entries: $0.entries, bytes: $0.bytes) })
                }, damage: log.damage, refusal: log.refusal, tornBytes: log.tornBytes, foreignNames: log.foreignNames)
        } catch { throw VarveError(.failed, error.description) }
    }

    /// - Parameter given: the directory that the user named, as messages name it.
    static func readLog(
        _ log: String, _ given: String, _ environment: Environment
    ) async throws(WALError) -> LogInspection {
        var options = WALOptions()
        options.dataDirectory = given
        return try await LogInspection.read(directory: log, options: options, environment: environment)
    }

    /// Throws `VarveError` unless there is a database in the directory.
    public static func checkDirectory(_ path: String, environment: Environment = .live) async throws {
        try await environment.blocking.run { try DataDirectory(path).checkExisting(in: environment.fileSystem) }
    }
}
