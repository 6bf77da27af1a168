import Columnar
import Platform

/// Who waits for which group commit: a state machine, no I/O.
///
/// - Records leave in the order in which they came.
/// - At most one committer works at a time: whoever is told to start it does, and it ends when `nextWork` is nil.
/// - After `breakDown` every waiter gets an error, now and later, and nothing more leaves, until `heal`. What was taken
///   in before is owed: it comes into the log before anything new does.
/// - A waiter is answered exactly once.
struct GroupCommit<Waiter> {
    enum Phase: Equatable {
        case open, closing, closed
        /// A write or sync failed; the log is being repaired.
        case broken(String)
        /// It will not be written any more.
        case poisoned(String)
    }

    enum Work: Equatable {
        /// Take the pending batches, write them, acknowledge them.
        case write
        case sync, seal, close
    }

    enum Chore { case sync, seal }

    private(set) var phase = Phase.open
    private(set) var isCommitting = false
    /// Highest number ever in the log, and the highest that was acknowledged.
    private(set) var lastEnqueued: SequenceNumber?
    private(set) var acknowledged: SequenceNumber?

    private var pending: [LogBatch] = []
    private var waiters: [(sequence: SequenceNumber, waiter: Waiter)] = []
    private var closers: [Waiter] = []
    private var wantsSync = false
    private var wantsSeal = false
    private var spareBuffer: Bytes = []

    /// Bytes of records: most that one can have, and where a batch of several ends.
    let recordBytesLimit: Int
    let batchBytesTarget: Int

    init(last: SequenceNumber?, recordBytesLimit: Int, batchBytesTarget: Int = 8 << 20) {
        lastEnqueued = last
        acknowledged = last
        self.recordBytesLimit = recordBytesLimit
        self.batchBytesTarget = min(batchBytesTarget, recordBytesLimit)
    }

    private func refusal() -> WALError? {
        switch phase {
        case .open: nil
        case .closing, .closed: .closed
        case .broken(let reason), .poisoned(let reason): .poisoned(reason: reason)
        }
    }

    /// - Returns: whether the caller must start the committer.
    mutating func enqueue(_ record: LogRecord) throws(WALError) -> Bool {
        if let refusal = refusal() { throw refusal }
        guard let size = RecordEncoding.size(of: record), size <= recordBytesLimit else {
            throw .recordTooLarge(
                bytes: record.entries.reduce(0) { $0 + $1.payload.count }, limit: recordBytesLimit)
        }
        if let last = lastEnqueued { precondition(last < record.sequence, "sequence numbers must rise") }
        lastEnqueued = record.sequence
        if pending.isEmpty || pending[pending.count - 1].length + size > batchBytesTarget {
            pending.append(LogBatch(record.sequence, buffer: spareBuffer))
            spareBuffer = []
        }
        pending[pending.count - 1].append(record, size: size)
        return start()
    }

    /// Background work for the committer. - Returns: whether the caller must start it.
    mutating func request(_ chore: Chore) -> Bool {
        guard phase == .open else { return false }
        switch chore {
        case .sync: wantsSync = true
        case .seal: wantsSeal = true
        }
        return start()
    }

    private mutating func start() -> Bool {
        if isCommitting { return false }
        isCommitting = true
        return true
    }

    /// The answer, or nil when the waiter was taken and is answered later.
    mutating func wait(for sequence: SequenceNumber, _ waiter: Waiter) -> Result<Void, WALError>? {
        if let acknowledged, sequence <= acknowledged { return .success(()) }
        switch phase {
        case .open: break
        case .closing: if lastEnqueued.map({ $0 < sequence }) ?? true { return .failure(.closed) }
        case .closed: return .failure(.closed)
        case .broken(let reason), .poisoned(let reason): return .failure(.poisoned(reason: reason))
        }
        waiters.append((sequence, waiter))
        return nil
    }

    /// The answer, or nil when the waiter was taken; then `mustStart` says whether to start the committer. A broken log
    /// is repaired once more, or given up, before its closers hear of it.
    mutating func close(_ waiter: Waiter) -> (answer: Result<Void, WALError>?, mustStart: Bool) {
        switch phase {
        case .closed: return (.success(()), false)
        case .poisoned(let reason): return (.failure(.poisoned(reason: reason)), false)
        case .broken:
            closers.append(waiter)
            return (nil, false)
        case .open, .closing:
            phase = .closing
            closers.append(waiter)
            return (nil, start())
        }
    }

    /// What the committer does next; nil ends it.
    mutating func nextWork() -> Work? {
        precondition(isCommitting)
        switch phase {
        case .broken, .poisoned, .closed: break
        case .open, .closing:
            if !pending.isEmpty { return .write }
            if wantsSync {
                wantsSync = false
                return .sync
            }
            if wantsSeal {
                wantsSeal = false
                return .seal
            }
            if phase == .closing { return .close }
        }
        isCommitting = false
        return nil
    }

    /// Records that are to be written.
    var pendingRecords: Int { pending.reduce(0) { $0 + Int($1.count) } }

    /// The batches to write, in order. Nobody else holds their bytes: they can be patched in place.
    mutating func takePending() -> [LogBatch] {
        defer { pending = [] }
        return pending
    }

    /// Keeps a buffer for the next batch.
    mutating func recycle(_ buffer: inout Bytes) {
        // A batch passes its target by a record at most, and its buffer grows by doubling.
        guard buffer.capacity > spareBuffer.capacity, buffer.capacity <= 2 * batchBytesTarget else { return }
        buffer.removeAll(keepingCapacity: true)
        swap(&buffer, &spareBuffer)
    }

    /// Everything up to `sequence` is as durable as promised. - Returns: whom to answer with success.
    mutating func acknowledge(_ sequence: SequenceNumber) -> [Waiter] {
        acknowledged = max(acknowledged ?? sequence, sequence)
        var ready: [Waiter] = []
        ready.reserveCapacity(waiters.count)
        waiters.removeAll { waiting in
            guard waiting.sequence <= sequence else { return false }
            ready.append(waiting.waiter)
            return true
        }
        return ready
    }

    // MARK: Failure

    /// A write or sync failed; the committer has ended. Who closes waits for one attempt to repair it.
    /// - Returns: whom to answer with `.poisoned(reason:)`, and the batches that were not taken yet.
    mutating func breakDown(_ reason: String) -> (failed: [Waiter], owed: [LogBatch]) {
        let owed = takePending()
        isCommitting = false
        switch phase {
        case .closed, .poisoned: return (fail(reason), owed)
        case .open, .closing, .broken:
            phase = .broken(reason)
            defer { waiters = [] }
            return (waiters.map(\.waiter), owed)
        }
    }

    /// The log is whole again, up to `last`. - Returns: whether the caller must start the committer.
    mutating func heal(upTo last: SequenceNumber?) -> Bool {
        guard case .broken = phase else { return false }
        acknowledged = [acknowledged, last].compactMap { $0 }.max()
        lastEnqueued = [lastEnqueued, last].compactMap { $0 }.max()
        phase = closers.isEmpty ? .open : .closing
        return phase == .closing && start()
    }

    /// Somebody wants to close the broken log: an attempt to repair it that fails is the last one.
    var isLeaving: Bool {
        if case .broken = phase { return !closers.isEmpty }
        return false
    }

    /// For good. - Returns: whom to answer with `.poisoned(reason:)`.
    mutating func fail(_ reason: String) -> [Waiter] {
        phase = .poisoned(reason)
        pending = []
        defer {
            waiters = []
            closers = []
        }
        return waiters.map(\.waiter) + closers
    }

    /// - Returns: closers, to be answered with success, and waiters for what never came, with `.closed`.
    mutating func finishClosing() -> (closers: [Waiter], late: [Waiter]) {
        precondition(phase == .closing && pending.isEmpty)
        phase = .closed
        defer {
            waiters = []
            closers = []
        }
        return (closers, waiters.map(\.waiter))
    }
}
