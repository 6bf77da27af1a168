import Columnar
import Platform
import Synchronization
import WAL

/// The open mem parts of a region and the order of its writes.
///
/// - Under one lock a write takes its sequence number, goes into the log's queue and into the mem parts: so log order,
///   sequence order and arrival order are one order.
/// - Rows are visible when `publish` has passed their sequence number, which happens after they are durable: what is
///   published is always a prefix of the log.
final class RegionWriter: Sendable {
    private struct Pending {
        let sequence: SequenceNumber
        var lengths: [(part: MemPart, length: PublishedLength)]
    }

    private struct State: Sendable {
        /// The last number that a write has, replayed ones included.
        var last: SequenceNumber
        /// New numbers come after this one as well: the start of the claim.
        var floor: SequenceNumber
        var open: [TableSegment: MemPart] = [:]
        var frozen: [MemPart] = []
        var pending: [Pending] = []
        /// When the oldest open row was written; monotonic nanoseconds.
        var oldestOpen: UInt64?
        /// …and the oldest frozen one: a flush that failed still owes it.
        var oldestFrozen: UInt64?
        /// Bytes of open and of frozen parts, as reserved.
        var openBytes = 0
        var frozenBytes = 0
        /// Why no write is taken any more.
        var refusal: StorageError?
        var isClosed = false
    }

    private let state: Mutex<State>
    private let introducer: Introducer
    private let log: any WriteAheadLog
    private let environment: Environment
    let budget: MemoryBudget
    private let memory: ChunkMemory

    /// - Parameters:
    ///   - last: the cut: every record up to it is in objects.
    ///   - memory: of chunks that were flushed, for those to come.
    init(
        last: SequenceNumber, introducer: Introducer, log: any WriteAheadLog, budget: MemoryBudget, memory: ChunkMemory,
        environment: Environment
    ) {
        self.memory = memory
        state = Mutex(State(last: last, floor: last))
        self.introducer = introducer
        self.log = log
        self.budget = budget
        self.environment = environment
    }

    /// Takes a write into the log's queue and the mem parts. Not visible and not durable yet.
    func stage(_ rows: [PlacedRows], _ entries: [LogEntry], _ reservation: MemoryReservation) throws(StorageError)
        -> SequenceNumber
    {
        let now = environment.time.monotonic()
        let result = state.withLock { state -> Result<SequenceNumber, StorageError> in
            guard !state.isClosed else { return .failure(StorageError(.closed, "the database is closed")) }
            if let refusal = state.refusal { return .failure(refusal) }
            guard let sequence = max(state.last, state.floor).next else {
                return .failure(StorageError(.unavailable, "the sequence numbers of this claim are used up; reopen"))
            }
            do throws(WALError) {
                try log.enqueue(LogRecord(sequence: sequence, entries: entries))
            } catch { return .failure(StorageError(error)) }
            append(rows, sequence, reservation, &state, now)
            return .success(sequence)
        }
        return try result.get()
    }

    /// Takes a record of the log in again, under the sequence number that it has.
    func replay(_ rows: [PlacedRows], sequence: SequenceNumber, _ reservation: MemoryReservation) {
        let now = environment.time.monotonic()
        state.withLock { append(rows, sequence, reservation, &$0, now) }
    }

    /// Replay is over: new writes come after `sequence`, and after every record that was replayed. The number itself
    /// belongs to no write: a flush must not wait for it.
    func begin(after sequence: SequenceNumber) {
        state.withLock { $0.floor = max($0.floor, sequence) }
    }

    private func append(
        _ rows: [PlacedRows], _ sequence: SequenceNumber, _ reservation: MemoryReservation, _ state: inout State,
        _ now: UInt64
    ) {
        var touched: [MemPart] = []
        for placed in rows {
            let part: MemPart
            if let known = state.open[placed.place] {
                part = known
            } else {
                part = MemPart(
                    place: placed.place, schema: placed.batch.schema, reservation: budget.nothing(),
                    memory: memory)
                state.open[placed.place] = part
            }
            // Its last row is of this write already: it is among the touched.
            if part.maxSequence != sequence { touched.append(part) }
            part.append(placed.batch, placed.rows, sequence: sequence)
        }
        // One part answers for the memory of the whole write; all of them go at the same flush.
        state.openBytes += touched.isEmpty ? 0 : reservation.bytes
        touched.first?.reservation.absorb(reservation)
        state.pending.append(Pending(sequence: sequence, lengths: touched.map { ($0, $0.length) }))
        state.last = sequence
        if state.oldestOpen == nil { state.oldestOpen = now }
    }

    /// Makes every staged write up to `sequence` visible, in order. Call when they are durable.
    func publish(upTo sequence: SequenceNumber) {
        let old = state.withLock { state -> Snapshot? in
            let count = state.pending.firstIndex { $0.sequence > sequence } ?? state.pending.count
            guard count > 0 else { return nil }
            var views: [ObjectIdentifier: MemPartView] = [:]
            var order: [ObjectIdentifier] = []
            for write in state.pending[..<count].reversed() {
                for (part, length) in write.lengths where views[ObjectIdentifier(part)] == nil {
                    views[ObjectIdentifier(part)] = part.view(length)
                    order.append(ObjectIdentifier(part))
                }
            }
            state.pending.removeFirst(count)
            // Writes without rows change nothing: no epoch.
            guard !order.isEmpty else { return nil }
            return introducer.introduce { parts in
                for i in parts.mems.indices {
                    let id = ObjectIdentifier(parts.mems[i].part)
                    if let newer = views.removeValue(forKey: id) { parts.mems[i] = newer }
                }
                for id in order.reversed() { if let added = views[id] { parts.mems.append(added) } }
                return true
            }
        }
        withExtendedLifetime(old) {}
    }

    /// Closes the open mem parts to writes: new ones go into new parts. The parts to flush, older first, and the sequence
    /// number up to which they hold everything.
    func freeze() -> (parts: [MemPart], cut: SequenceNumber) {
        memory.didFreeze()
        return state.withLock { state in
            state.frozen += state.open.values
            state.open = [:]
            state.oldestFrozen = state.oldestFrozen ?? state.oldestOpen
            state.oldestOpen = nil
            state.frozenBytes += state.openBytes
            state.openBytes = 0
            return (state.frozen, state.last)
        }
    }

    /// All rows of frozen parts, published or not.
    func wholeViews(of parts: [MemPart]) -> [MemPartView] {
        state.withLock { _ in parts.map { $0.view($0.length) } }
    }

    /// The parts are in objects. `introduce` takes them out of the part list, in one step with this: what of them was not
    /// published yet is so with the objects, and never again by itself.
    func retire(_ parts: [MemPart], _ introduce: () -> Snapshot?) -> Snapshot? {
        let gone = Set(parts.map { ObjectIdentifier($0) })
        return state.withLock { state in
            for i in state.pending.indices {
                state.pending[i].lengths.removeAll { gone.contains(ObjectIdentifier($0.part)) }
            }
            let old = introduce()
            state.frozen.removeAll { gone.contains(ObjectIdentifier($0)) }
            // A flush takes all that is frozen, so this is the rule.
            if state.frozen.isEmpty {
                state.oldestFrozen = nil
                state.frozenBytes = 0
            }
            return old
        }
    }

    /// Bytes that a flush would bring into objects. Less than the budget holds while a reader keeps parts that were
    /// flushed already: those are no reason to flush again.
    var unflushedBytes: Int { state.withLock { $0.openBytes + $0.frozenBytes } }

    /// Bytes to flush, and how long the oldest unflushed row has waited.
    var pressure: (bytes: Int, age: Duration) {
        let now = environment.time.monotonic()
        let (bytes, oldest) = state.withLock { ($0.openBytes + $0.frozenBytes, $0.oldestFrozen ?? $0.oldestOpen) }
        return (bytes, .nanoseconds(Int64(clamping: now - min(oldest ?? now, now))))
    }

    /// Refuses further writes for a reason that stays.
    func refuse(_ reason: StorageError) { state.withLock { $0.refusal = $0.refusal ?? reason } }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Refuses further writes.
    func close() { state.withLock { $0.isClosed = true } }
}

/// A stretch of a batch that lies in one segment of its table.
struct PlacedRows: Sendable {
    let place: TableSegment
    let batch: RecordBatch
    let rows: Range<Int>
}
