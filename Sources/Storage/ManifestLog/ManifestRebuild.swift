public import Columnar
public import ObjectStorage
public import Platform

/// Makes a manifest anew where the old one is lost or damaged. Takes no part in deciding what lives: that is said by the
/// caller, who has looked at the objects.
///
/// 1. Every object of the old manifest is copied to quarantine, durably.
/// 2. Two snapshots of the new manifest are put, under names that were never used: a head without a second one would stand
///    for an empty manifest and the deltas since, should the first be damaged.
/// 3. The head is swapped from exactly what was there: a writer that is still at work loses or wins, but never both.
///
/// A crash between the steps leaves the old manifest as it was, and the next try begins again. Nothing is deleted; what
/// the new head does not name is tidied up by the next claim.
public enum ManifestRebuild {
    /// - Parameters:
    ///   - content: what lives, the cut and the counters; version and claim are found here.
    ///   - claim: at least this one: of the newest name or sequence number that the caller has met.
    ///   - claimant: whose log may go on after it; nil: nobody's.
    ///   - store: begins at `regions/<region>/manifest/`.
    ///   - quarantine: where the old objects go, below `name`.
    /// - Returns: the manifest as it now is, and the keys in quarantine.
    public static func write(
        _ content: Manifest, claim: ClaimNumber, claimant: UInt64?, store: any ObjectStore,
        quarantine: any ObjectStore, name: String
    ) async throws(ManifestError) -> (manifest: Manifest, kept: [ObjectKey]) {
        do throws(ObjectStoreError) {
            let old = try await objects(of: store)
            var kept: [ObjectKey] = []
            for (key, bytes) in old.bytes {
                guard let copy = ObjectKey("\(name)/\(key.path)") else { continue }
                try await quarantine.put(bytes, at: copy, .always)
                kept.append(copy)
            }
            let known = old.bytes[ManifestPaths.head].flatMap { try? Head($0) }
            var manifest = content
            manifest.claim = max(claim, old.claim, known?.claim ?? .zero)
            guard let first = max(old.version, known?.version ?? .zero).next, let version = first.next else {
                throw ObjectStoreError(.refused, "rebuild", ManifestPaths.head.path, "versions are spent")
            }
            manifest.version = first
            let previous = manifest.encodedSnapshot()
            try await store.put(previous, at: ManifestPaths.snapshot(first, manifest.claim), .ifAbsent)
            manifest.version = version
            let snapshot = manifest.encodedSnapshot()
            try await store.put(snapshot, at: ManifestPaths.snapshot(version, manifest.claim), .ifAbsent)
            // A head that can be read says whose claim it was. A new one is of whoever has the log here.
            let owner = known.flatMap { $0.claim == manifest.claim ? $0.claimant : nil } ?? claimant ?? 0
            var head = Head(version: version, claim: manifest.claim, claimant: owner)
            head.earlierClaims = known.map { $0.claim == manifest.claim ? $0.earlierClaims : [] } ?? []
            head.previous = ObjectReference(version: first, claim: manifest.claim, bytes: previous, written: 0)
            head.current = ObjectReference(version: version, claim: manifest.claim, bytes: snapshot, written: 0)
            try await store.put(
                head.encoded(), at: ManifestPaths.head, old.headTag.map { .ifMatches($0) } ?? .ifAbsent)
            return (manifest, kept.sorted())
        } catch { throw .store(error) }
    }

    private struct OldObjects {
        var bytes: [ObjectKey: Bytes] = [:]
        var headTag: ObjectTag?
        /// The highest in any name.
        var version = ManifestVersion.zero
        var claim = ClaimNumber.zero
    }

    private static func objects(of store: any ObjectStore) async throws(ObjectStoreError) -> OldObjects {
        var old = OldObjects()
        var keys = [ManifestPaths.head]
        for prefix in [ManifestPaths.deltas, ManifestPaths.snapshots] {
            keys += try await store.listAll(under: prefix).map(\.key)
        }
        for key in keys {
            if let (version, claim) = ManifestPaths.parse(key) {
                old.version = max(old.version, version)
                old.claim = max(old.claim, claim)
            }
            do throws(ObjectStoreError) {
                let found = try await store.get(key)
                old.bytes[key] = found.bytes
                if key == ManifestPaths.head { old.headTag = found.tag }
            } catch { guard error.kind == .absent else { throw error } }
        }
        return old
    }
}

extension ManifestReader {
    /// What is wrong with the manifest, every object of it: also the second snapshot and the deltas that only it needs,
    /// which no ordinary start reads. Empty: all is well, or there is none.
    public static func problems(in store: any ObjectStore) async throws(ManifestError) -> [String] {
        var found: [String] = []
        do throws(ManifestError) {
            guard let loaded = try await LoadedManifest.load(store) else { return [] }
            found += loaded.notes + loaded.manifest.problems()
            if loaded.head.current != nil {
                // The long way must lead to the same manifest.
                switch await LoadedManifest.manifest(of: loaded.head, since: loaded.head.previous, in: store) {
                case .success(let other):
                    if other != loaded.manifest {
                        found.append(
                            "the snapshot before the current one, with the deltas after it, tells another story")
                    }
                case .failure(let failure): found.append(failure.error.description)
                }
            }
        } catch {
            switch error {
            case .damaged, .unsupportedVersion: found.append(error.description)
            case .fenced, .unknown, .store, .invalid: throw error
            }
        }
        return found
    }
}
