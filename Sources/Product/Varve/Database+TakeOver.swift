import ObjectStorage
public import Platform
import StorageEngine

extension Database {
    /// Takes the directory's lock, making what is missing: for whoever keeps more than a database in it.
    /// - Throws: `VarveError`: `.taken`, `.foreign`.
    public static func lock(_ path: String, _ environment: Environment = .live) async throws -> any FileLock {
        let holder = "process \(ProcessIdentity.current)"
        return try await environment.blocking.run {
            try DataDirectory(path).open(holder: holder, in: environment.fileSystem)
        }
    }

    /// Moves a log whose claim another node has superseded out of the way, so that this node can claim anew. It is kept,
    /// whole: `varve wal replay` brings in what no object has. A log that is this node's own stays where it is.
    ///
    /// The caller holds the directory's lock.
    /// - Returns: what a person should read; empty when nothing was moved.
    static func setForeignLogAside(
        _ directory: DataDirectory, _ objects: any ObjectStore, _ environment: Environment
    ) async throws -> [String] {
        let log = directory.log + "/main"
        let files = environment.fileSystem
        guard try await environment.blocking.run({ try files.status(of: log) }) != nil else { return [] }
        let isForeign: Bool
        do throws(StorageError) {
            isForeign = try await LogOwnership.isSuperseded(
                log: log, region: "main", store: objects, environment: environment)
        } catch { throw VarveError(error) }
        guard isForeign else { return [] }
        let aside = try await environment.blocking.run { () throws -> String in
            var number = 1
            while try files.status(of: "\(log).superseded-\(number)") != nil { number += 1 }
            let aside = "\(log).superseded-\(number)"
            try files.rename(log, ifAbsent: aside)
            if try files.status(of: log + ".claimant") != nil {
                try files.rename(log + ".claimant", ifAbsent: aside + ".claimant")
            }
            try files.syncDirectory(directory.log)
            return aside
        }
        return [
            "another node had claimed the bucket; the log of this node's earlier claim is kept in \(aside)",
            "`varve wal replay --data \(aside) --object-store … --url http://…` brings in what no object has",
        ]
    }
}
