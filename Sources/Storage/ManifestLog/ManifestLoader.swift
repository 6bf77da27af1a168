import Columnar
import ObjectStorage
import Platform

/// A head and what it names, read and checked.
///
/// 1. Get the head, then the current snapshot and the deltas after it.
/// 2. A name that is gone: get the head again; if it has changed, a fold came in between: begin again.
/// 3. A snapshot that is damaged, or gone under an unchanged head: the previous one and all deltas make the same manifest;
///    `notes` says so. Else it is damage.
struct LoadedManifest {
    var head: Head
    var tag: ObjectTag
    var manifest: Manifest
    /// What a person should hear of although all went well.
    var notes: [String] = []

    /// How often a head may change under the reader: each time, a whole fold took place meanwhile.
    static let maximumReloads = 32

    /// nil when there is no manifest.
    static func load(_ store: any ObjectStore) async throws(ManifestError) -> LoadedManifest? {
        var suspect: ObjectTag?
        for _ in 0..<maximumReloads {
            guard let (head, tag) = try await head(of: store) else {
                guard let leftover = try await leftover(in: store) else { return nil }
                // Another may have made the first head, and a delta, since we looked.
                if try await Self.head(of: store) != nil { continue }
                throw .damaged(
                    store.wholeName(of: ManifestPaths.head),
                    "it is not there, although \(store.wholeName(of: leftover)) is")
            }
            switch await manifest(of: head, since: head.current, in: store) {
            case .success(let manifest):
                return LoadedManifest(head: head, tag: tag, manifest: manifest)
            case .failure(.gone) where suspect != tag:
                suspect = tag
            case .failure(let failure):
                guard failure.isDamage, head.current != nil,
                    case .success(let manifest) = await manifest(of: head, since: head.previous, in: store)
                else { throw failure.error }
                let note = "\(failure.error) The manifest was read from the snapshot before it: nothing is lost."
                return LoadedManifest(head: head, tag: tag, manifest: manifest, notes: [note])
            }
        }
        throw .store(
            ObjectStoreError(
                .unavailable, "get", store.wholeName(of: ManifestPaths.head).path,
                "it changed \(maximumReloads) times while it was read"))
    }

    static func head(of store: any ObjectStore) async throws(ManifestError) -> (Head, ObjectTag)? {
        let found: TaggedBytes
        do {
            found = try await store.get(ManifestPaths.head)
        } catch {
            if error.kind == .absent { return nil }
            throw .store(error)
        }
        return (try Head(found.bytes, at: store.wholeName(of: ManifestPaths.head)), found.tag)
    }

    /// Deltas without a head are no new region but one that lost its head.
    private static func leftover(in store: any ObjectStore) async throws(ManifestError) -> ObjectKey? {
        do {
            if let delta = try await store.list(under: ManifestPaths.deltas, after: nil).first { return delta.key }
            return try await store.list(under: ManifestPaths.snapshots, after: nil).first?.key
        } catch {
            throw .store(error)
        }
    }

    enum Failure: Error {
        case gone(ManifestError)
        case other(ManifestError)

        var error: ManifestError {
            switch self {
            case .gone(let error), .other(let error): error
            }
        }
        var isDamage: Bool {
            if case .damaged = error { return true }
            return false
        }
    }

    /// The snapshot, or an empty manifest, and the deltas after it.
    static func manifest(
        of head: Head, since snapshot: ObjectReference?, in store: any ObjectStore
    ) async -> Result<Manifest, Failure> {
        do throws(Failure) {
            var manifest = Manifest()
            if let snapshot {
                let key = ManifestPaths.snapshot(snapshot.version, snapshot.claim)
                let bytes = try await bytes(of: snapshot, at: key, in: store)
                manifest = try decoded { () throws(ManifestError) in
                    try Manifest(snapshot: bytes, at: store.wholeName(of: key))
                }
                try check(manifest.version, manifest.claim, against: snapshot, store.wholeName(of: key))
            }
            #if PLANTED_BUGS
                let isListed = PlantedBug.current == .takesDeltasAsListed
                let deltas = isListed ? try await listedDeltas(store) : head.deltas
            #else
                let deltas = head.deltas
            #endif
            for reference in deltas where reference.version > manifest.version {
                let key = ManifestPaths.delta(reference.version, reference.claim)
                let bytes = try await bytes(of: reference, at: key, in: store)
                let delta = try decoded { () throws(ManifestError) in
                    try ManifestDelta(bytes, at: store.wholeName(of: key))
                }
                try check(delta.version, delta.claim, against: reference, store.wholeName(of: key))
                do {
                    manifest = try manifest.applying(
                        delta.change, version: delta.version, removedAt: reference.written)
                } catch {
                    throw .other(.damaged(store.wholeName(of: key), error.description))
                }
            }
            manifest.version = head.version
            manifest.claim = head.claim
            return .success(manifest)
        } catch {
            return .failure(error)
        }
    }

    #if PLANTED_BUGS
        private static func listedDeltas(_ store: any ObjectStore) async throws(Failure) -> [ObjectReference] {
            do throws(ObjectStoreError) {
                var found: [ObjectReference] = []
                for object in try await store.listAll(under: ManifestPaths.deltas) {
                    guard let (version, claim) = ManifestPaths.parse(object.key) else { continue }
                    let bytes = try await store.get(object.key).bytes
                    found.append(ObjectReference(version: version, claim: claim, bytes: bytes, written: 0))
                }
                return found
            } catch { throw .other(.store(error)) }
        }
    #endif

    private static func decoded<Value>(_ decode: () throws(ManifestError) -> Value) throws(Failure) -> Value {
        do {
            return try decode()
        } catch {
            throw .other(error)
        }
    }

    /// The object, when it is the one that the head means.
    private static func bytes(
        of reference: ObjectReference, at key: ObjectKey, in store: any ObjectStore
    ) async throws(Failure) -> Bytes {
        let bytes: Bytes
        do {
            bytes = try await store.get(key).bytes
        } catch {
            guard error.kind == .absent else { throw .other(.store(error)) }
            throw .gone(.damaged(store.wholeName(of: key), "it is not there, although the head names it"))
        }
        guard UInt64(bytes.count) == reference.size else {
            throw .other(
                .damaged(
                    store.wholeName(of: key), at: bytes.count,
                    "it has \(bytes.count) bytes, the head says \(reference.size)"))
        }
        let checksum = CRC32C.checksum(bytes)
        guard checksum == reference.checksum else {
            throw .other(
                .damaged(
                    store.wholeName(of: key),
                    "CRC-32C is \(FramedFile.hex(checksum)), the head says \(FramedFile.hex(reference.checksum))"))
        }
        return bytes
    }

    private static func check(
        _ version: ManifestVersion, _ claim: ClaimNumber, against reference: ObjectReference, _ key: ObjectKey
    ) throws(Failure) {
        guard version == reference.version, claim == reference.claim else {
            throw .other(.damaged(key, "it says that it is version \(version) of claim \(claim)"))
        }
    }
}

extension ObjectStore {
    /// The key as a person finds it: with the prefixes of the stores around.
    func wholeName(of key: ObjectKey) -> ObjectKey {
        guard let inner = self as? PrefixedStore, let longer = ObjectKey(inner.prefix + key.path) else { return key }
        return inner.store.wholeName(of: longer)
    }
}
