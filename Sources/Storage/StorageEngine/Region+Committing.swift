import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

/// Changes of the manifest, one at a time, and what each leaves to do.
///
/// - A change whose outcome is unknown is kept with what it would leave to do. Before anything else is begun the head
///   is asked again; once it shows the change, the rest is done: neither objects nor rows are ever doubled by doubt.
/// - While in doubt nothing is deleted and no log is released. Once fenced, writes are refused: what the log would
///   take would never reach a reader.
extension Region {
    struct InDoubt: Sendable {
        let change: ManifestChange
        let finish: @Sendable () async -> Void
    }

    /// - Parameter finish: what has to happen once the change is durable, now or when doubt is settled. May not fail.
    func commit(_ wanted: ManifestChange, finish: @escaping @Sendable () async -> Void = {}) async throws(StorageError)
    {
        try await commitLock.withLock { () async throws(StorageError) in
            try await settle()
            var change = wanted
            let collected = garbage.takeCollected()
            change.collected += collected
            do throws(ManifestError) {
                _ = try await manifest.commit(change)
            } catch {
                switch error {
                #if PLANTED_BUGS
                    case .unknown where PlantedBug.current == .unknownIsLost: garbage.putBack(collected)
                #endif
                case .unknown:
                    garbage.stop()
                    doubt.withLock { $0 = InDoubt(change: change, finish: finish) }
                case .fenced: noteFenced(StorageError(error))
                case .damaged, .unsupportedVersion, .store, .invalid: garbage.putBack(collected)
                }
                throw StorageError(error)
            }
            await finish()
        }
    }

    /// Asks again what became of a change in doubt, and does what it left to do. Nothing in doubt: nothing happens.
    func settleDoubt() async throws(StorageError) {
        try await commitLock.withLock { () async throws(StorageError) in try await settle() }
    }

    private func settle() async throws(StorageError) {
        guard let pending = doubt.withLock({ $0 }) else { return }
        let now: Manifest
        do throws(ManifestError) {
            now = try await manifest.resolveDoubt()
        } catch {
            if case .fenced = error { noteFenced(StorageError(error)) }
            throw StorageError(error)
        }
        doubt.withLock { $0 = nil }
        if now.holds(pending.change) {
            await pending.finish()
        } else {
            garbage.putBack(pending.change.collected)
            discard(pending.change.added)
        }
        garbage.resume()
    }

    /// Why nothing can be committed any more, ever: another has claimed the region. nil while this one writes.
    public var fencing: StorageError? {
        guard case .fenced = manifest.stopped else { return nil }
        return manifest.stopped.map { StorageError($0) }
    }

    private func noteFenced(_ error: StorageError) {
        garbage.stop()
        writer.refuse(error)
    }

    /// Deletes objects of ours that did not come to be named; not while that is in doubt.
    func discard(_ made: [SSTMetadata]) {
        let ids = Set(made.map(\.id))
        let isInDoubt = doubt.withLock { $0?.change.added.contains { ids.contains($0.id) } ?? false }
        guard !isInDoubt else { return }
        garbage.discard(
            made.compactMap { metadata in
                guard let table = tables[metadata.table] else { return nil }
                let key = ObjectPaths.sst(
                    metadata.id, table: table.name, region: options.name, segment: metadata.segment)
                return (metadata.id, key)
            })
    }

    /// Objects of `place` in the place of others, in the part list; the others go when nobody reads them.
    func replace(_ removed: [SSTID], by added: [SSTMetadata], in place: TableSegment) {
        guard let table = tables[place.table] else { return }
        for id in removed {
            garbage.expect(
                id, at: ObjectPaths.sst(id, table: table.name, region: options.name, segment: place.segment))
        }
        let made = added.map { part($0, table) }
        var gone: [SSTPart] = []
        let old = introducer.introduce { parts in
            gone = parts.remove(Set(removed))
            for part in made { parts.add(part) }
            return true
        }
        for part in gone { part.markRemoved() }
        gone = []
        withExtendedLifetime(old) {}
    }
}

extension Manifest {
    /// Whether a change, once tried, is part of it.
    fileprivate func holds(_ change: ManifestChange) -> Bool {
        change.added.allSatisfy { live[$0.id] != nil || removed[$0.id] != nil }
            && change.removed.allSatisfy { live[$0] == nil } && change.collected.allSatisfy { removed[$0] == nil }
            && change.cut.map { cut >= $0 } ?? true
            && change.counters.allSatisfy { counters[$0.key, default: 0] >= $0.value }
    }
}
