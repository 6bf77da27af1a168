import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

/// What the search for orphans remembers from one time to the next.
struct OrphanRecord: Sendable {
    static let interval: UInt64 = 3_600 * 1_000_000_000
    /// Monotonic nanoseconds.
    var lastSearch: UInt64 = 0
    /// Removed by earlier claims, not yet collected: no snapshot of this process holds them.
    var inherited: Set<SSTID> = []
}

extension Region {
    /// Deletes objects of older claims that no manifest names: at the opening, and every hour, because a writer that was
    /// fenced may have put one since. What earlier claims removed goes, too, once its grace is over. Objects of this claim
    /// are the collector's, those of newer claims somebody else's; names that we do not give are nobody's.
    ///
    /// What cannot be deleted stays for the next time: it harms nobody, so it does not keep the region from opening.
    func collectOrphans(isFirst: Bool) async throws {
        // Who only reads collects nothing, and what appears while it looks is no orphan.
        if options.isReadOnly { return }
        try await StorePurpose.during(.garbage) { () async throws in try await search(isFirst: isFirst) }
    }

    private func search(isFirst: Bool) async throws {
        let current = manifest.manifest
        let storeNow = try await timeOfStore()
        let inherited = orphans.withLock { record in
            record.lastSearch = environment.time.monotonic()
            if isFirst { record.inherited = Set(current.removed.keys) }
            return record.inherited
        }
        var waiting: Set<SSTID> = []
        var there: [SSTID: ObjectKey] = [:]
        for table in tables.values {
            let prefix = ObjectPaths.tablePrefix(table.name, region: options.name)
            if isFirst {
                // Uploads that older claims began and nobody will finish. What fails now goes at the next start.
                let claim = manifest.claim
                _ = try? await store.abandonUploads(under: prefix) { key in
                    ObjectPaths.sstID(of: key).map { $0.claim < claim } ?? false
                }
            }
            for object in try await store.listAll(under: prefix) {
                guard manifest.stopped == nil else { return }
                guard let id = ObjectPaths.sstID(of: object.key) else { continue }
                switch OrphanSearch.verdict(on: object.key, manifest: current) {
                case .orphan:
                    do {
                        try await store.delete(object.key)
                        counts.orphansCollected.add(1, ordering: .relaxed)
                    } catch { continue }
                case .removed where inherited.contains(id):
                    there[id] = object.key
                    if isInGrace(current.removed[id], storeNow) { waiting.insert(id) }
                case .live: if isFirst, let metadata = current.live[id] { noteAddition(metadata, at: object.modified) }
                case .removed, .notOurs, .unknown: break
                }
            }
        }
        try await collectInherited(inherited.subtracting(waiting), there)
    }

    /// Deletes objects that earlier claims removed, and tells the manifest of those that are gone.
    private func collectInherited(_ due: Set<SSTID>, _ there: [SSTID: ObjectKey]) async throws {
        var gone: [SSTID] = []
        for id in due.sorted() {
            guard let key = there[id] else {
                gone.append(id)
                continue
            }
            do {
                try await store.delete(key)
                gone.append(id)
            } catch { continue }
        }
        guard !gone.isEmpty else { return }
        var change = ManifestChange()
        change.collected = gone
        try await commit(change)
        let collected = gone
        orphans.withLock { $0.inherited.subtract(collected) }
    }

    private func isInGrace(_ removed: RemovedSST?, _ storeNow: Int64?) -> Bool {
        guard let removed, options.garbageGrace > .zero else { return false }
        guard let storeNow else { return true }
        let grace = Int64(clamping: options.garbageGrace.components.seconds).multipliedReportingOverflow(by: 1_000)
        return storeNow < removed.removedAt.addingSaturating(grace.overflow ? .max : grace.partialValue)
    }

    /// By the store's clock, a time that has passed: when the head was written last. Asked only where a grace needs it.
    private func timeOfStore() async throws -> Int64? {
        guard options.garbageGrace > .zero else { return nil }
        let head = ObjectKey(trusted: ObjectPaths.manifestPrefix(region: options.name) + "head")
        return try await store.metadata(of: head).modified
    }

    /// A segment that got an object just before the last process ended is not a quiet one.
    private func noteAddition(_ metadata: SSTMetadata, at time: Int64) {
        let place = TableSegment(table: metadata.table, segment: metadata.segment)
        lastAddition.withLock { $0[place] = max($0[place] ?? .min, time) }
    }

    func collectOrphansWhenDue() async {
        let now = environment.time.monotonic()
        let isDue = orphans.withLock { now >= $0.lastSearch.saturating(OrphanRecord.interval) }
        guard isDue, !writer.isClosed, doubt.withLock({ $0 == nil }) else { return }
        do {
            try await collectOrphans(isFirst: false)
        } catch {
            // The next hour is early enough.
            return
        }
    }
}
