import MetricEngine
public import ObjectStorage
public import Platform
import StorageEngine

extension Database {
    /// Opens a directory for questions only: beside a process that writes it, or with nobody there.
    ///
    /// - Nothing in it is changed, no lock is taken: the log is replayed in memory, whatever the engine would write goes
    ///   to memory too.
    /// - The answers are those of the moment of opening. A merge in the writing process may delete objects that this value
    ///   has not read yet: then a question fails, and a fresh open answers it.
    /// - Throws: `VarveError`: `.foreign` when there is no database, `.damaged`.
    public static func openReadOnly(
        at path: String, options: DatabaseOptions = DatabaseOptions(), environment: Environment = .live
    ) async throws -> Database {
        let directory = DataDirectory(path)
        try await environment.blocking.run { try directory.checkExisting(in: environment.fileSystem) }
        var options = options
        options.isReadOnly = true
        options.runsInBackground = false
        // Nothing is flushed: the log, which its writer keeps to a few flushes, is held whole.
        options.flushSize = .mebibytes(4_096)
        options.memoryLimit = .mebibytes(16_384)
        let objects = OverlayStore(over: directoryStore(directory, environment), time: environment.time)
        return try await open(
            objects: objects, logDirectory: directory.log + "/main", directory: directory, lock: nil, options: options,
            environment: environment)
    }

    /// Opens what a database has in `objects`, for questions only, beside the process that writes it; what that one has not
    /// flushed is not seen. Nothing is changed. `follow` brings the value up to date, and must be called now and then: the
    /// writer deletes replaced objects some minutes after their replacement.
    /// - Throws: `VarveError`: `.foreign` when there is no database, `.damaged`.
    public static func openReadOnly(
        objects: any ObjectStore, options: DatabaseOptions = DatabaseOptions(), environment: Environment = .live
    ) async throws -> Database {
        do throws(StorageError) {
            guard try await ObjectCheck.isDatabase(store: objects, region: "main") else {
                throw StorageError(
                    .foreign, "there is no database there: a server that writes it makes one (`varve serve`)")
            }
        } catch { throw VarveError(error) }
        var options = options
        options.isReadOnly = true
        options.runsInBackground = false
        let database = try await open(
            objects: OverlayStore(over: objects, time: environment.time), logDirectory: nil, directory: nil, lock: nil,
            options: options, environment: environment)
        _ = try await database.follow(objects)
        return database
    }

    /// Of a database that is open for reading only: shows what was flushed, merged and expired in `objects` since.
    /// - Returns: whether anything is new.
    public func follow(_ objects: any ObjectStore) async throws -> Bool {
        guard options.isReadOnly else { throw VarveError(.refused, "a database that is written follows nobody") }
        do throws(StorageError) { return try await store.follow(objects) } catch { throw VarveError(error) }
    }

    /// The version of the writer's manifest that is shown.
    public var followedVersion: UInt64? { store.region.followedVersion }
}
