import Columnar
import ManifestLog
import Platform
import Synchronization

extension Region {
    /// Merges where due, in the background; one request at a time, the rest fall into it.
    func requestCompaction() {
        guard options.runsInBackground, !compactionIsRequested.exchange(true, ordering: .relaxed) else { return }
        environment.spawn { [self] in
            await compactWhereDue()
            compactionIsRequested.store(false, ordering: .relaxed)
        }
    }

    /// Merges what the picker finds worth merging, until it finds nothing. Failures wait for the next chance; what is
    /// damaged is passed over, so that one bad object does not keep all others from being merged.
    func compactWhereDue() async {
        var passedOver: Set<SSTID> = []
        while !Task.isCancelled {
            let task: CompactionPicker.Task?
            do {
                let avoided = passedOver.union(compactionTrouble.withLock { $0.given })
                task = try await compactionLock.withLock { () async throws(MergeFailure) -> CompactionPicker.Task? in
                    guard !writer.isClosed else { return nil }
                    let task = CompactionPicker.pick(
                        from: snapshot.objects, busy: avoided, now: environment.time.now(),
                        lastAddition: lastAddition.withLock { $0 }, options: options.compaction)
                    guard let task else { return nil }
                    do {
                        return try await merge(task) ? task : nil
                    } catch { throw MergeFailure(task: task, cause: StorageError(wrapping: error)) }
                }
                guard let task else { return }
                compactionTrouble.withLock { $0.forget(task.inputs) }
            } catch {
                counts.compactionFailures.add(1, ordering: .relaxed)
                guard error.cause.kind == .damaged || error.cause.kind == .foreign else { return }
                compactionTrouble.withLock { $0.note(error.task.inputs) }
                passedOver.formUnion(error.task.inputs)
            }
        }
    }

    /// Merges every segment of every table as far as the bound of an output allows, to one run where it does. Returns
    /// when replaced objects that nobody reads are gone; readers are waited for, but not for ever.
    public func compact() async throws(StorageError) {
        do {
            try await compactionLock.withLock {
                try await settleDoubt()
                let places = Set(snapshot.objects.map { TableSegment(table: $0.table, segment: $0.segment) })
                for place in places.sorted(by: { $0.segment.lowerBound > $1.segment.lowerBound }) {
                    while let task = CompactionPicker.everything(
                        of: place, from: snapshot.objects, options: options.compaction)
                    {
                        guard !writer.isClosed else { throw StorageError(.closed, "the database is closed") }
                        guard try await merge(task) else { break }
                    }
                }
            }
            garbage.retry()
            await garbage.waitUntilQuiet(readersFor: .seconds(10))
            if !garbage.isEmpty { try await commit(ManifestChange()) }
        } catch {
            counts.compactionFailures.add(1, ordering: .relaxed)
            throw StorageError(wrapping: error)
        }
    }

    /// Reads the inputs, writes one output, and swaps them in one change of the manifest; false: there was nothing to do.
    private func merge(_ task: CompactionPicker.Task) async throws -> Bool {
        // An earlier merge may have been committed without our knowing: then the inputs are others.
        try await settleDoubt()
        return try await withTaskExecutorPreference(environment.heavyExecutor) {
            try await mergeHeavily(task)
        }
    }

    private func mergeHeavily(_ task: CompactionPicker.Task) async throws -> Bool {
        let wanted = Set(task.inputs)
        var change = ManifestChange()
        do {
            // The parts are let go of before they are replaced: they end with the last reader's snapshot.
            let inputs = (snapshot.parts.ssts[task.place] ?? []).filter { wanted.contains($0.metadata.id) }
            guard inputs.count == wanted.count, let table = tables[task.place.table],
                let least = inputs.first?.metadata.minSequence, let greatest = inputs.last?.metadata.maxSequence
            else { return false }
            let context = FileContext(
                table: table.name, schema: table.schema, updateMode: table.updateMode, segment: task.place.segment,
                sequences: least...greatest, replaces: task.inputs, purpose: .compaction)
            let rows = MergeCursor(
                inputs.map { SSTCursor($0, FileScan()) }, schema: table.schema, mode: table.updateMode)
            guard let made = try await ObjectWriting.write(rows, context, table, in: self) else { return false }
            change.added = [made]
            change.removed = task.inputs
            let read = inputs.reduce(UInt64(0)) { $0 + $1.metadata.rows }
            guard made.rows + UInt64(rows.duplicates) == read else {
                discard(change.added)
                throw StorageError(
                    .damaged,
                    "a merge of \(inputs.count) objects of table \(table.name) read \(read) rows, dropped "
                        + "\(rows.duplicates) repeated keys and wrote \(made.rows); nothing was replaced")
            }
        }
        let whole = change
        do {
            try await commit(whole) { [self] in
                replace(whole.removed, by: whole.added, in: task.place)
                counts.compactions.add(1, ordering: .relaxed)
                counts.rowsCompacted.add(whole.added.reduce(0) { $0 + $1.rows }, ordering: .relaxed)
                counts.bytesCompacted.add(whole.added.reduce(0) { $0 + $1.size }, ordering: .relaxed)
            }
        } catch {
            discard(whole.added)
            throw error
        }
        return true
    }
}

/// A merge that failed, and on what.
private struct MergeFailure: Error {
    let task: CompactionPicker.Task
    let cause: StorageError
}

/// Inputs that merges have failed on because of their bytes.
struct CompactionTrouble: Sendable {
    /// So many failures and an input is left alone until the region is opened again.
    static let patience = 3
    private var failures: [SSTID: Int] = [:]

    mutating func note(_ inputs: [SSTID]) { for id in inputs { failures[id, default: 0] += 1 } }
    mutating func forget(_ inputs: [SSTID]) { for id in inputs { failures[id] = nil } }

    /// Those left alone.
    var given: Set<SSTID> { Set(failures.filter { $0.value >= Self.patience }.keys) }
}
