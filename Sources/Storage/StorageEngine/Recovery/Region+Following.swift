import Columnar
public import ManifestLog
public import ObjectStorage
import Platform
import Synchronization

/// A region that is open for reading only and keeps up with the one that writes it.
extension Region {
    /// What was last seen of the writer's manifest.
    struct Followed: Sendable {
        var tag: ObjectTag?
        var version: ManifestVersion?
    }

    /// Takes over what the manifest in `store` says by now, in one step: a snapshot shows all of a change or nothing of it.
    /// Queries under way keep the snapshot that they have.
    ///
    /// - Parameters:
    ///   - store: the one that the writer writes, not what this region was opened over.
    ///   - willShow: told of all live objects before any snapshot shows them.
    /// - Returns: whether anything is new.
    public func follow(
        _ store: any ObjectStore, willShow: @Sendable ([SSTMetadata]) -> Void = { _ in }
    ) async throws(StorageError) -> Bool {
        try await commitLock.withLock { () async throws(StorageError) in
            do {
                return try await StorePurpose.during(.manifest) { () async throws in try await look(store, willShow) }
            } catch { throw StorageError(wrapping: error) }
        }
    }

    private func look(
        _ store: any ObjectStore, _ willShow: @Sendable ([SSTMetadata]) -> Void
    ) async throws -> Bool {
        precondition(options.isReadOnly, "a region that writes follows nobody")
        updateRetention()
        let manifestStore = PrefixedStore(store, prefix: ObjectPaths.manifestPrefix(region: options.name))
        let known = followed.withLock { $0.tag }
        guard let (manifest, tag) = try await ManifestReader.load(store: manifestStore, unless: known) else {
            return false
        }
        let held = Set(snapshot.objects.map(\.id))
        var added: [SSTPart] = []
        for metadata in manifest.live.values where !held.contains(metadata.id) {
            guard let table = tables[metadata.table] else {
                throw StorageError(
                    .foreign,
                    "the manifest of region \(options.name) names table number \(metadata.table), which this version "
                        + "does not know; read it with the version that writes it")
            }
            added.append(part(metadata, table))
        }
        willShow(Array(manifest.live.values))
        let removed = held.subtracting(manifest.live.keys)
        var gone: [SSTPart] = []
        let old = introducer.introduce { parts in
            guard !added.isEmpty || !removed.isEmpty else { return false }
            gone = parts.remove(removed)
            for part in added { parts.add(part) }
            return true
        }
        // Released here, outside every lock; nothing of theirs is deleted by a reader.
        for part in gone { objects.forget(part.key) }
        gone = []
        withExtendedLifetime(old) {}
        followed.withLock { $0 = Followed(tag: tag, version: manifest.version) }
        return true
    }

    /// The last version of the writer's manifest that was taken over; nil before the first.
    public var followedVersion: UInt64? { followed.withLock { $0.version?.rawValue } }
}
