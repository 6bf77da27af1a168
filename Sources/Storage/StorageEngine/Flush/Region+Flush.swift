import WAL
import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

extension Region {
    /// Brings everything that was written before the call into objects. One flush at a time.
    ///
    /// 1. Freeze the open mem parts: the cut is the last sequence number given out.
    /// 2. Wait until the cut is durable and published: the frozen parts are whole.
    /// 3. Ask the contributor for the rows that belong with them.
    /// 4. One sorted object per table and segment, durable before the manifest names it.
    /// 5. One change of the manifest: the objects and the cut.
    /// 6. Put the objects in the place of the mem parts, in one step.
    /// 7. Only then release the log up to the cut.
    ///
    /// A failure before 5 leaves mem parts and log as they are: the next flush takes them along.
    public func flush() async throws(StorageError) {
        do {
            try await flushLock.withLock { try await flushOnce() }
        } catch {
            counts.flushFailures.add(1, ordering: .relaxed)
            throw StorageError(wrapping: error)
        }
    }

    private func flushOnce() async throws {
        let (frozen, cut) = writer.freeze()
        guard !frozen.isEmpty else { return }
        try await log.waitUntilDurable(cut)
        writer.publish(upTo: cut)
        let change = try await withTaskExecutorPreference(environment.heavyExecutor) {
            try await writeObjects(of: frozen, cut: cut)
        }
        // From here on nothing may fail the flush: the manifest has it.
        let added = change.added.compactMap { metadata in
            tables[metadata.table].map { part(metadata, $0) }
        }
        let old = introducer.introduce { parts in
            parts.mems.removeAll { view in frozen.contains { $0 === view.part } }
            for part in added { parts.add(part) }
            return true
        }
        writer.discard(frozen)
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
        // A log that cannot shrink now shrinks at the next flush.
        try? await log.release(upTo: cut)
    }

    /// Objects of the frozen parts, and the change that names them, committed.
    private func writeObjects(of frozen: [MemPart], cut: SequenceNumber) async throws -> ManifestChange {
        let views = snapshot.parts.mems.filter { view in frozen.contains { $0 === view.part } }
        let contents = FlushContents(
            parts: views.compactMap { view in
                let place = view.part.place
                guard let column = tables[place.table]?.selectionColumn else { return nil }
                return .init(table: place.table, segment: place.segment, keys: view.distinctKeys(column))
            })
        let contributed = try await contributor?.rowsToFlush(contents) ?? []

        var places: [TableSegment: FlushInput] = [:]
        for view in views { places[view.part.place, default: FlushInput()].views.append(view) }
        for placed in try BatchPlacement.place(contributed, tables) {
            places[placed.place, default: FlushInput()].contributed.append(placed.batch.slice(placed.rows))
        }

        var change = ManifestChange()
        change.cut = cut
        let inOrder = places.sorted {
            ($0.key.table, $0.key.segment.lowerBound) < ($1.key.table, $1.key.segment.lowerBound)
        }
        for (place, input) in inOrder {
            guard let table = tables[place.table] else { continue }
            let least = input.views.compactMap(\.part.minSequence).min() ?? cut
            let context = FileContext(
                table: table.name, schema: table.schema, updateMode: table.updateMode, segment: place.segment,
                sequences: min(least, cut)...cut, replaces: [], purpose: .flush)
            let rows = MergeCursor(input.cursors(table), schema: table.schema, mode: table.updateMode)
            if let made = try await ObjectWriting.write(rows, context, table, in: self) { change.added.append(made) }
        }
        try await commit(change)
        await contributor?.didFlush(contents)
        return change
    }

    func requestFlush() {
        guard options.runsInBackground, !flushIsRequested.exchange(true, ordering: .relaxed) else { return }
        environment.spawn { [self] in
            defer { flushIsRequested.store(false, ordering: .relaxed) }
            try? await flush()
            await compactWhereDue()
        }
    }
}

/// What a flush has for one table and segment.
private struct FlushInput {
    var views: [MemPartView] = []
    /// Sorted here: the contributor gives rows in any order.
    var contributed: [RecordBatch] = []

    func cursors(_ table: TableDefinition) -> [any BatchCursor] {
        let derived = contributed.map { batch -> any BatchCursor in
            let chunk = MemChunk(schema: batch.schema, capacity: batch.rowCount, arenaCapacity: batch.widestColumn)
            _ = chunk.append(batch, 0..<batch.rowCount)
            return SingleBatchCursor(chunk.sortedRows(chunk.count, FileScan()))
        }
        return derived + views.flatMap { $0.cursors(FileScan()) }
    }
}

extension RecordBatch {
    /// Bytes of the largest column of byte strings.
    fileprivate var widestColumn: Int {
        var widest = 0
        for column in columns {
            if case .bytes(let strings) = column.values { widest = max(widest, strings.bytes.count) }
        }
        return widest
    }
}
