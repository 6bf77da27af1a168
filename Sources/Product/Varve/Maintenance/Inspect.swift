import ManifestLog
import MetricEngine
import ObjectStorage
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
}

/// A log as it lies there.
public struct StoredLog: Sendable, Equatable {
    public var segments: [StoredLogSegment]
    /// Names file, offset and remedy; nil when nothing is damaged.
    public var damage: String?
}

extension Database {
    /// The live objects in order of table, segment and age. Changes nothing; the directory may be in use.
    public static func storedObjects(
        at path: String, environment: Environment = .live
    ) async throws -> [StoredObject] {
        try await checkDirectory(path, environment: environment)
        let store = DirectoryStore(root: DataDirectory(path).objects, environment: environment)
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
    public static func storedLog(at path: String, environment: Environment = .live) async throws -> StoredLog {
        try await checkDirectory(path, environment: environment)
        do throws(WALError) {
            let log = try await readLog(DataDirectory(path), environment)
            return StoredLog(
                segments: log.segments.map {
                    StoredLogSegment(
                        path: $0.path, bytes: $0.fileBytes, batches: $0.batches, records: $0.records,
                        first: $0.sequences?.lowerBound.rawValue, last: $0.sequences?.upperBound.rawValue,
                        state: $0.state)
                }, damage: log.damage)
        } catch { throw VarveError(.failed, error.description) }
    }

    static func readLog(
        _ directory: DataDirectory, _ environment: Environment
    ) async throws(WALError) -> LogInspection {
        try await LogInspection.read(
            directory: directory.log + "/main", options: WALOptions(), environment: environment)
    }

    /// Throws `VarveError` unless there is a database in the directory.
    public static func checkDirectory(_ path: String, environment: Environment = .live) async throws {
        try await environment.blocking.run { try DataDirectory(path).checkExisting(in: environment.fileSystem) }
    }
}
