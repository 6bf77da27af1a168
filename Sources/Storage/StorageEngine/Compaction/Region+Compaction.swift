import Columnar
import ManifestLog
import Platform
import Synchronization

extension Region {
    /// Merges what the picker finds worth merging, until it finds nothing. Failures wait for the next chance.
    func compactWhereDue() async {
        while !Task.isCancelled {
            do {
                let didMerge = try await compactionLock.withLock { () async throws -> Bool in
                    let live = snapshot.objects
                    let now = environment.time.now()
                    let task = CompactionPicker.pick(
                        from: live, busy: [], now: now, lastAddition: lastAddition.withLock { $0 },
                        options: options.compaction)
                    guard let task else { return false }
                    try await merge(task)
                    return true
                }
                if !didMerge { return }
            } catch {
                counts.compactionFailures.add(1, ordering: .relaxed)
                return
            }
        }
    }

    /// Merges every segment of every table to one run, and returns when replaced objects that nobody reads are gone.
    public func compact() async throws(StorageError) {
        do {
            try await compactionLock.withLock {
                let places = Set(snapshot.objects.map { TableSegment(table: $0.table, segment: $0.segment) })
                for place in places.sorted(by: { $0.segment.lowerBound > $1.segment.lowerBound }) {
                    guard let task = CompactionPicker.everything(of: place, from: snapshot.objects) else { continue }
                    try await merge(task)
                }
            }
            await garbage.waitUntilQuiet()
            if !garbage.isEmpty { try await commit(ManifestChange()) }
        } catch {
            counts.compactionFailures.add(1, ordering: .relaxed)
            throw StorageError(wrapping: error)
        }
    }

    /// Reads the inputs, writes one output, and swaps them in one change of the manifest.
    private func merge(_ task: CompactionPicker.Task) async throws {
        let change = try await withTaskExecutorPreference(environment.heavyExecutor) {
            try await writeMerged(task)
        }
        guard let change, let table = tables[task.place.table] else { return }
        for id in change.removed {
            garbage.expect(
                id,
                at: ObjectPaths.sst(id, table: table.name, region: options.name, segment: task.place.segment))
        }
        let added = change.added.map { part($0, table) }
        var removed: [SSTPart] = []
        let old = introducer.introduce { parts in
            removed = parts.remove(Set(change.removed))
            for part in added { parts.add(part) }
            return true
        }
        for part in removed { part.markRemoved() }
        removed = []
        withExtendedLifetime(old) {}
        counts.compactions.add(1, ordering: .relaxed)
        counts.rowsCompacted.add(change.added.reduce(0) { $0 + $1.rows }, ordering: .relaxed)
        counts.bytesCompacted.add(change.added.reduce(0) { $0 + $1.size }, ordering: .relaxed)
    }

    private func writeMerged(_ task: CompactionPicker.Task) async throws -> ManifestChange? {
        let wanted = Set(task.inputs)
        let inputs = (snapshot.parts.ssts[task.place] ?? []).filter { wanted.contains($0.metadata.id) }
        guard inputs.count == wanted.count, let table = tables[task.place.table],
            let least = inputs.first?.metadata.minSequence, let greatest = inputs.last?.metadata.maxSequence
        else { return nil }
        let context = FileContext(
            table: table.name, schema: table.schema, updateMode: table.updateMode, segment: task.place.segment,
            sequences: least...greatest, replaces: task.inputs, purpose: .compaction)
        let rows = MergeCursor(
            inputs.map { SSTCursor($0, FileScan()) }, schema: table.schema, mode: table.updateMode)
        guard let made = try await ObjectWriting.write(rows, context, table, in: self) else { return nil }
        let read = inputs.reduce(UInt64(0)) { $0 + $1.metadata.rows }
        guard made.rows + UInt64(rows.duplicates) == read else {
            throw StorageError(
                .damaged,
                "a merge of \(inputs.count) objects of table \(table.name) read \(read) rows, dropped "
                    + "\(rows.duplicates) repeated keys and wrote \(made.rows); nothing was replaced")
        }
        var change = ManifestChange()
        change.added = [made]
        change.removed = task.inputs
        try await commit(change)
        return change
    }
}
