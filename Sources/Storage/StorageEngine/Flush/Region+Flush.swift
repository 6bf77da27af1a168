import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization
import WAL

extension Region {
    /// Brings everything that was written before the call into objects. One flush at a time.
    ///
    /// 1. Freeze the open mem parts: the cut is the last sequence number given out.
    /// 2. Wait until the cut is durable and published: the frozen parts are whole. A broken log is not waited for: the
    ///    parts are taken whole, with rows that no reader sees yet (`Region+LogTrouble` says why that is right).
    /// 3. Ask the contributor for the rows that belong with them.
    /// 4. One sorted object per table and segment, durable before the manifest names it.
    /// 5. One change of the manifest: the objects and the cut.
    /// 6. Put the objects in the place of the mem parts, in one step.
    /// 7. Only then release the log up to the cut.
    ///
    /// A failure before 5 leaves mem parts and log as they are: the next flush takes them along.
    public func flush() async throws(StorageError) {
        do {
            try await StorePurpose.during(.flush) { () async throws in
                try await flushLock.withLock { try await flushOnce() }
            }
            flushTrouble.withLock { $0.note(failed: false, at: environment.time.monotonic()) }
        } catch {
            counts.flushFailures.add(1, ordering: .relaxed)
            let isFull = await isDiskFull
            // The next one finds the room that was kept back.
            if isFull { await freeBallast() }
            flushTrouble.withLock { $0.note(failed: true, isDiskFull: isFull, at: environment.time.monotonic()) }
            throw StorageError(wrapping: error)
        }
    }

    private func flushOnce() async throws {
        guard !isShut else { throw StorageError(.closed, "the database is closed") }
        // An earlier flush may have been committed without our knowing: its rows must not go out again.
        try await settleDoubt()
        let (frozen, cut) = writer.freeze()
        guard !frozen.isEmpty else { return }
        let views: [MemPartView]
        do throws(WALError) {
            try await log.waitUntilDurable(cut)
            writer.publish(upTo: cut)
            let flushed = Set(frozen.map { ObjectIdentifier($0) })
            views = snapshot.parts.mems.filter { view in flushed.contains(ObjectIdentifier(view.part)) }
        } catch {
            guard case .poisoned = error else { throw StorageError(error) }
            views = writer.wholeViews(of: frozen)
        }
        #if PLANTED_BUGS
            if PlantedBug.current == .releasesLogBeforeDelta { try? await log.release(upTo: cut) }
        #endif
        try await withTaskExecutorPreference(environment.flushExecutor) {
            try await writeObjects(of: frozen, views, cut: cut)
        }
        // A log that cannot shrink now shrinks at the next flush.
        try? await log.release(upTo: cut)
    }

    /// The manifest has the change: nothing may fail the flush any more.
    private func finishFlush(of frozen: [MemPart], _ change: ManifestChange, _ contents: FlushContents) async {
        let added = change.added.compactMap { metadata in
            tables[metadata.table].map { part(metadata, $0) }
        }
        let flushed = Set(frozen.map { ObjectIdentifier($0) })
        let old = writer.retire(frozen) {
            introducer.introduce { parts in
                parts.mems.removeAll { view in flushed.contains(ObjectIdentifier(view.part)) }
                for part in added { parts.add(part) }
                return true
            }
        }
        withExtendedLifetime(old) {}
        let now = environment.time.now()
        lastAddition.withLock { times in
            for part in added {
                times[TableSegment(table: part.metadata.table, segment: part.metadata.segment)] = now
            }
        }
        counts.flushes.add(1, ordering: .relaxed)
        counts.rowsFlushed.add(change.added.reduce(0) { $0 + $1.rows }, ordering: .relaxed)
        counts.bytesFlushed.add(change.added.reduce(0) { $0 + $1.size }, ordering: .relaxed)
        await contributor?.didFlush(contents)
    }

    /// Objects of the frozen parts, and the change that names them, committed.
    private func writeObjects(of frozen: [MemPart], _ views: [MemPartView], cut: SequenceNumber) async throws {
        let writing = FlushWriting(views, cut: cut, contributor, in: self)
        do {
            let contents = try await writing.write()
            var change = ManifestChange()
            change.cut = cut
            change.added = writing.added
            let whole = change
            try await commit(whole) { [self] in await finishFlush(of: frozen, whole, contents) }
        } catch {
            // The next flush writes the rows again, under other names.
            discard(writing.added)
            #if PLANTED_BUGS
                if PlantedBug.current == .failedFlushDropsMemPart { _ = writer.retire(frozen) { nil } }
            #endif
            throw error
        }
    }

    func requestFlush() {
        guard options.runsInBackground, flushTrouble.withLock({ $0.mayBegin(at: environment.time.monotonic()) }),
            !flushIsRequested.exchange(true, ordering: .relaxed)
        else { return }
        environment.spawn { [self] in
            try? await flush()
            // Before any merge: a flush must not wait until a long one is over.
            flushIsRequested.store(false, ordering: .relaxed)
            requestCompaction()
        }
    }
}
