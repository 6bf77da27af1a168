public import Columnar
import ManifestLog
import ObjectStorage
public import Platform
import Synchronization
import WAL

/// A group of tables with one log, one manifest, one claim and one snapshot over all of them: the unit of writing.
///
/// - `write` returns once the rows are durable in the log and visible to every later snapshot.
/// - A write that fails is wholly visible after recovery or wholly absent; its caller got an error either way.
/// - Nothing here reads a clock for order: ids, sequences and epochs are counters.
public final class Region: Sendable {
    let options: RegionOptions
    let tables: [UInt16: TableDefinition]
    let contributor: (any FlushContributor)?
    let store: any ObjectStore
    let environment: Environment
    let log: any WriteAheadLog
    let manifest: ManifestWriter
    let introducer: Introducer
    let writer: RegionWriter
    let objects: ObjectCache
    let garbage: GarbageCollector
    let flushLock = AsyncLock()
    let compactionLock = AsyncLock()
    let nextObject = Atomic<UInt64>(1)
    let counts = EngineCounts()
    let background = Mutex<[Task<Void, Never>]>([])
    let flushIsRequested = Atomic<Bool>(false)
    let compactionIsRequested = Atomic<Bool>(false)
    let flushTrouble = Mutex(FlushTrouble())
    let clockTrust = Mutex(ClockTrust())
    let compactionTrouble = Mutex(CompactionTrouble())
    let commitLock = AsyncLock()
    let doubt = Mutex<InDoubt?>(nil)
    let followed = Mutex(Followed())
    let closeLock = AsyncLock()
    let shutFlag = Atomic<Bool>(false)
    /// What closing came to, once it is done.
    let closing = Mutex<Result<Void, StorageError>?>(nil)
    /// What merges under way hold.
    let ledger: WorkLedger
    /// Writers that wait for room.
    let writers: WriterQueue
    let diskShortage = Mutex<DiskShortage?>(nil)
    let orphans = Mutex(OrphanRecord())
    /// Of the directory, where the region was opened in one; let go of at the end of closing.
    let directoryLock = Mutex<(any FileLock)?>(nil)
    let scanTotals: ScanCounters
    /// When a segment last got a part, in milliseconds: what the picker takes for 'nothing came since'.
    let lastAddition = Mutex<[TableSegment: Int64]>([:])

    init(_ parts: OpenedRegion) {
        options = parts.options
        tables = parts.tables
        contributor = parts.contributor
        store = parts.store
        environment = parts.environment
        log = parts.log
        manifest = parts.manifest
        introducer = parts.introducer
        writer = parts.writer
        objects = parts.objects
        garbage = parts.garbage
        writers = parts.writers
        scanTotals = parts.scanTotals
        ledger = WorkLedger(
            memory: parts.options.compaction.memoryLimit, setAside: ByteCount(parts.options.flushSize.bytes / 4))
    }

    /// What can be read at this moment; it does not change while it is held.
    public var snapshot: Snapshot { introducer.current }

    /// Checks the rows, gives them a sequence number and puts them into the log's queue: the order of calls is the order
    /// of writes. They are neither durable nor visible before `commit`. Does not wait.
    /// - Throws: `.refused` (the rows are wrong, or too many for the memory limit at any time), `.overloaded` (memory;
    ///   later), `.unavailable`, `.closed`.
    public func stage(_ batch: WriteBatch) throws(StorageError) -> StagedWrite {
        let placed = try BatchPlacement.place(batch.rows, tables)
        let size = try heldSize(of: batch)
        if let shortage = diskShortage.withLock({ $0 }) {
            counts.overloads.add(1, ordering: .relaxed)
            throw shortage.error
        }
        guard let reservation = writer.budget.reserve(size) else {
            requestFlush()
            counts.overloads.add(1, ordering: .relaxed)
            throw overloaded
        }
        let sequence = try writer.stage(placed, BatchPlacement.logEntries(batch.rows), reservation)
        return StagedWrite(sequence: sequence, rows: batch.rowCount)
    }

    /// Bytes that the rows will hold. What no flush makes room for is not a matter of later.
    private func heldSize(of batch: WriteBatch) throws(StorageError) -> Int {
        let size = BatchPlacement.memorySize(batch.rows, tables)
        guard size <= writer.budget.limit else {
            throw StorageError(
                .refused,
                "the rows of one write hold \(ByteCount(size)), and memory-limit is \(ByteCount(writer.budget.limit)): "
                    + "write them in parts, or raise memory-limit")
        }
        return size
    }

    /// Returns when the staged write is durable and visible.
    public func commit(_ staged: StagedWrite) async throws(StorageError) {
        do throws(WALError) {
            try await log.waitUntilDurable(staged.sequence)
        } catch {
            // It may be there all the same, later: whoever repeats it does no harm.
            throw StorageError(error)
        }
        publish(staged)
    }

    /// The same for whoever has no task that could wait: `answer` is called exactly once, at once or on a thread of the
    /// log's; it must be short and must not block. nil: durable and visible.
    public func commit(_ staged: StagedWrite, _ answer: @escaping @Sendable (StorageError?) -> Void) {
        log.whenDurable(staged.sequence) { result in
            switch result {
            case .success:
                self.publish(staged)
                answer(nil)
            case .failure(let error): answer(StorageError(error))
            }
        }
    }

    private func publish(_ staged: StagedWrite) {
        writer.publish(upTo: staged.sequence)
        counts.writes.add(1, ordering: .relaxed)
        counts.rowsWritten.add(UInt64(staged.rows), ordering: .relaxed)
        if writer.unflushedBytes > options.flushSize.bytes { requestFlush() }
    }

    /// Stages and commits; waits for room where memory is short (`admit`).
    public func write(_ batch: WriteBatch) async throws(StorageError) {
        let staged = try await whenAdmitted(bytes: try heldSize(of: batch)) {
            () throws(StorageError) in try stage(batch)
        }
        try await commit(staged)
    }

    /// The first snapshot that is newer than `epoch`: at once where there is one; nil when the region closes before.
    /// - Throws: `.unavailable` when the task is cancelled.
    public func snapshot(after epoch: Epoch) async throws(StorageError) -> Snapshot? {
        do throws(CancellationError) {
            return try await introducer.snapshot(after: epoch)
        } catch { throw StorageError(wrapping: error) }
    }

    /// Counters of the manifest: the values after the last reservation.
    public var counters: [String: UInt64] { manifest.manifest.counters }

    /// Raises a counter durably: after a crash nobody is given the values below `upTo` again.
    public func reserve(counter: String, upTo value: UInt64) async throws(StorageError) {
        var change = ManifestChange()
        change.counters[counter] = value
        try await commit(change)
    }

    func makeObjectID() -> SSTID {
        SSTID(
            claim: manifest.claim,
            counter: nextObject.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    func part(_ metadata: SSTMetadata, _ table: TableDefinition) -> SSTPart {
        SSTPart(
            metadata, definition: table, region: options.name, objects: objects,
            onLastRelease: { [garbage] id in garbage.wasReleased(id) })
    }

    /// Counters and gauges of this moment.
    public var statistics: EngineStatistics {
        let snapshot = snapshot
        var result = counts.read()
        result.objects = snapshot.objects.count
        result.objectBytes = snapshot.objects.reduce(0) { $0 + $1.size }
        result.memoryBytes = writer.budget.inUse
        result.epoch = snapshot.epoch.rawValue
        result.manifestVersion = manifest.manifest.version.rawValue
        result.waitingWriters = writers.count
        result.isDiskShort = diskShortage.withLock { $0 != nil }
        result.cachedBytes = objects.memory
        result.compactionMemoryBytes = ledger.memory.inUse
        let now = environment.time.monotonic()
        compactionTrouble.withLock {
            result.quarantined = $0.reports(at: now)
            result.compactionHindrance = $0.hindrance
        }
        result.scans = scanTotals.statistics
        result.log = log.statistics
        return result
    }
}

/// A write that has its place in the order of writes.
public struct StagedWrite: Sendable {
    public let sequence: SequenceNumber
    let rows: Int
}
