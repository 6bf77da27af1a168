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
}
