import Columnar
import ManifestLog
import ObjectStorage
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

    /// What the background does by itself: merges what is worth merging now. For those who turned the background off.
    public func mergeWhereDue() async { await compactWhereDue() }

    /// Merges what the picker finds worth merging, until it finds nothing. Failures wait for the next chance. What is
    /// damaged, or does not fit the disk or the memory now, is passed over, so that one bad or large input does not keep
    /// all others from being merged.
    func compactWhereDue() async {
        var passedOver: Set<SSTID> = []
        while !Task.isCancelled {
            let task: CompactionPicker.Task?
            do {
                task = try await compactionLock.withLock { () async throws(MergeFailure) -> CompactionPicker.Task? in
                    guard !writer.isClosed else { return nil }
                    let task = CompactionPicker.pick(
                        from: snapshot.objects, busy: passedOver.union(setAside), now: environment.time.now(),
                        lastAddition: lastAddition.withLock { $0 }, takeovers: takeovers.map(\.end),
                        options: options.compaction)
                    guard let task else { return nil }
                    do {
                        return try await merge(task) ? task : nil
                    } catch { throw MergeFailure(task: task, cause: error) }
                }
                guard let task else { return }
                compactionTrouble.withLock { $0.forget(task.inputs) }
            } catch {
                if let refusal = error.cause as? WorkLedger.Refusal {
                    counts.compactionsPostponed.add(1, ordering: .relaxed)
                    compactionTrouble.withLock { $0.hindrance = refusal.text(of: error.task.inputs.count) }
                    passedOver.formUnion(error.task.inputs)
                    continue
                }
                let cause = StorageError(wrapping: error.cause)
                counts.compactionFailures.add(1, ordering: .relaxed)
                guard cause.kind == .damaged || cause.kind == .foreign else { return }
                noteTrouble(error.task.inputs, cause)
                passedOver.formUnion(error.task.inputs)
            }
        }
    }

    /// Inputs of merges under way, and those in quarantine.
    private var setAside: Set<SSTID> {
        let now = environment.time.monotonic()
        return compactionTrouble.withLock { $0.quarantined(at: now) }.union(ledger.busy)
    }

    private func noteTrouble(_ inputs: [SSTID], _ cause: StorageError) {
        let now = environment.time.monotonic()
        compactionTrouble.withLock { $0.note(inputs, cause, at: now, for: options.compaction.quarantineTime) }
    }

    /// Merges every segment of every table to one run, or one on either side of a takeover. Returns when replaced objects that nobody reads are gone; readers
    /// are waited for, but not for ever.
    /// - Throws: where a merge fails, or does not fit the free disk or the memory of merges: the rest stays as it is.
    public func compact() async throws(StorageError) {
        do {
            try await compactionLock.withLock {
                try await settleDoubt()
                let places = Set(snapshot.objects.map { TableSegment(table: $0.table, segment: $0.segment) })
                for place in places.sorted(by: { $0.segment.lowerBound > $1.segment.lowerBound }) {
                    while let task = CompactionPicker.everything(
                        of: place, from: snapshot.objects, busy: ledger.busy, takeovers: takeovers.map(\.end),
                        options: options.compaction)
                    {
                        guard !writer.isClosed else { throw StorageError(.closed, "the database is closed") }
                        do {
                            guard try await merge(task) else { break }
                        } catch let refusal as WorkLedger.Refusal {
                            throw StorageError(.unavailable, refusal.text(of: task.inputs.count))
                        }
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

    /// Reads the inputs, writes one run, and swaps them in one change of the manifest; false: there was nothing to do.
    /// - Throws: `WorkLedger.Refusal` before anything is begun, when it does not fit.
    private func merge(_ task: CompactionPicker.Task) async throws -> Bool {
        try await StorePurpose.during(.compaction) { () async throws in try await mergeOnce(task) }
    }

    private func mergeOnce(_ task: CompactionPicker.Task) async throws -> Bool {
        // An earlier merge may have been committed without our knowing: then the inputs are others.
        try await settleDoubt()
        guard let table = tables[task.place.table] else { return false }
        let wanted = Set(task.inputs)
        let runs = snapshot.parts.runs(of: task.place).filter { run in run.contains { wanted.contains($0.metadata.id) }
        }
        let inputs = runs.joined().map(\.metadata)
        // Pieces of a run go together, and no run between others stays.
        guard inputs.count == wanted.count else { return false }
        let estimate = MergeEstimate(inputs: inputs, runs: runs.count, table: table, options: options.compaction)
        let reservation = try ledger.reserve(task.inputs, estimate, free: try await store.freeBytes())
        defer { reservation.release() }
        return try await withTaskExecutorPreference(environment.mergeExecutor) {
            try await mergeHeavily(task, table)
        }
    }

    private func mergeHeavily(_ task: CompactionPicker.Task, _ table: TableDefinition) async throws -> Bool {
        let wanted = Set(task.inputs)
        var change = ManifestChange()
        do {
            // The parts are let go of before they are replaced: they end with the last reader's snapshot.
            let runs = snapshot.parts.runs(of: task.place).map { run in
                run.filter { wanted.contains($0.metadata.id) }
            }.filter { !$0.isEmpty }
            let inputs = runs.flatMap { $0 }
            guard inputs.count == wanted.count, let least = inputs.first?.metadata.minSequence,
                let greatest = inputs.last?.metadata.maxSequence
            else { return false }
            let context = FileContext(
                table: table.name, schema: table.schema, updateMode: table.updateMode, segment: task.place.segment,
                sequences: least...greatest, replaces: task.inputs, purpose: .compaction,
                selectionColumn: table.selectionColumn)
            var scan = FileScan()
            scan.stepRows = FileScan.stepRows(of: runs.count)
            let rows = MergeCursor(
                runs.map { run in RunCursor(run.map { SSTCursor($0, scan) }) }, schema: table.schema,
                mode: table.updateMode)
            change.added = try await ObjectWriting.write(rows, context, table, in: self)
            change.removed = task.inputs
            try checkCounts(of: inputs.map(\.metadata), change.added, dropped: rows.duplicates, table)
        }
        let whole = change
        do {
            try await commit(whole) { [self] in
                replace(whole.removed, by: whole.added, in: task.place)
                counts.compactions.add(1, ordering: .relaxed)
                counts.rowsCompacted.add(whole.added.reduce(0) { $0 + $1.rows }, ordering: .relaxed)
                counts.bytesCompacted.add(whole.added.reduce(0) { $0 + $1.size }, ordering: .relaxed)
                compactionTrouble.withLock { $0.hindrance = nil }
            }
        } catch {
            discard(whole.added)
            throw error
        }
        return true
    }

    /// Rows in − repeated keys = rows out, or nothing is replaced.
    private func checkCounts(
        of inputs: [SSTMetadata], _ made: [SSTMetadata], dropped: Int, _ table: TableDefinition
    ) throws(StorageError) {
        let read = inputs.reduce(UInt64(0)) { $0 + $1.rows }
        let written = made.reduce(UInt64(0)) { $0 + $1.rows }
        guard written + UInt64(dropped) != read || made.isEmpty else { return }
        discard(made)
        throw StorageError(
            .damaged,
            "a merge of \(inputs.count) objects of table \(table.name) read \(read) rows, dropped \(dropped) repeated "
                + "keys and wrote \(written); nothing was replaced")
    }
}

/// A merge that failed, and on what.
private struct MergeFailure: Error {
    let task: CompactionPicker.Task
    let cause: any Error
}

extension WorkLedger.Refusal {
    /// - Parameter count: objects that the merge would read.
    func text(of count: Int) -> String {
        switch self {
        case .inputsAreBusy: "a merge of \(count) objects waits for another that reads one of them"
        case .memory(let wanted, let free):
            "a merge of \(count) objects needs \(ByteCount(wanted)) of memory and \(ByteCount(max(free, 0))) are free; "
                + "it waits for other merges to end"
        case .disk(let wanted, let free):
            "a merge of \(count) objects needs \(ByteCount(Int(clamping: wanted))) of free disk and "
                + "\(ByteCount(Int(clamping: free))) are there for it; free some space or add some"
        }
    }
}
