public import Columnar
import ManifestLog
public import ObjectStorage
public import Platform

/// Whose log it is that lies beside a store.
public enum LogOwnership {
    /// Whether another claim was made since the log was written. Changes nothing.
    public static func isSuperseded(
        log directory: String, region: String, store: any ObjectStore, environment: Environment
    ) async throws(StorageError) -> Bool {
        do {
            let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
            guard let head = try await ManifestWriter.readHead(store: manifestStore) else { return false }
            let path = directory + ".claimant"
            let claimant = try await environment.blocking.run { try Claimant.read(path, in: environment.fileSystem) }
            return !claimant.mayClaim(after: head.claimant, hasUnflushedRecords: true)
        } catch { throw StorageError(wrapping: error) }
    }

    /// Under which numbers the log's node claimed; empty where the file beside it is gone. Changes nothing.
    public static func claimants(of directory: String, in fileSystem: any FileSystem) throws -> [UInt64] {
        try Claimant.read(directory + ".claimant", in: fileSystem).known
    }

    /// The record up to which the log's own node has brought it into objects; nil when another claim has superseded it, or
    /// when there is no manifest: then nothing of it is known to be stored. Changes nothing.
    public static func flushed(
        log directory: String, region: String, store: any ObjectStore, environment: Environment
    ) async throws -> SequenceNumber? {
        let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: region))
        guard let head = try await ManifestWriter.readHead(store: manifestStore),
            let manifest = try await ManifestReader.load(store: manifestStore)
        else { return nil }
        let path = directory + ".claimant"
        let claimant = try await environment.blocking.run { try Claimant.read(path, in: environment.fileSystem) }
        return claimant.mayClaim(after: head.claimant, hasUnflushedRecords: true) ? manifest.cut : nil
    }
}
