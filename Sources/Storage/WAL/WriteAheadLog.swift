public import Columnar
public import Platform

/// What one write leaves in the log: one sequence number, rows of one or several tables, one fate.
public struct LogRecord: Sendable, Equatable {
    public var sequence: SequenceNumber
    public var entries: [LogEntry]
    public init(sequence: SequenceNumber, entries: [LogEntry]) {
        self.sequence = sequence
        self.entries = entries
    }
}

/// Rows of one table in a record, encoded by the engine.
public struct LogEntry: Sendable, Equatable {
    /// The table's number within its region: 0 … 65,535.
    public var table: UInt16
    public var payload: Bytes
    public init(table: UInt16, payload: Bytes) {
        self.table = table
        self.payload = payload
    }
}

/// A region's log of what is not yet in objects. A local directory by default; a do-nothing or remote log can stand in.
///
/// - Records are durable in the order of their `enqueue` calls: what survives a crash is a prefix of it.
/// - After a failed write or sync every wait and enqueue throws `.poisoned`, until the log has repaired itself: then what
///   was enqueued before the failure is in it, wholly and in order, before anything new.
public protocol WriteAheadLog: Sendable {
    /// Puts the record into the next group commit and returns at once. Call order is log order, so sequence numbers must
    /// rise from call to call; the caller holds a lock round it.
    /// - Throws: `WALError.recordTooLarge`, `.poisoned`, `.closed`.
    func enqueue(_ record: LogRecord) throws(WALError)

    /// Returns when every record up to `sequence` is as durable as the durability setting promises.
    func waitUntilDurable(_ sequence: SequenceNumber) async throws(WALError)

    /// The same for whoever has no task that could wait: `answer` is called exactly once, at once or on a thread of the
    /// log's. It holds up the next commit: it must be short and must not block.
    func whenDurable(_ sequence: SequenceNumber, _ answer: @escaping @Sendable (Result<Void, WALError>) -> Void)

    /// Records up to `sequence`, of every table, are needed no more: log segments wholly below it may go, and what of them
    /// a broken log still owes to the disk is forgotten. Idempotent.
    func release(upTo sequence: SequenceNumber) async throws(WALError)

    /// The same of one table: a log segment goes once all tables in it are past it. For as long as the log is open, reads
    /// of the table no longer show what was marked.
    func markDeleted(table: UInt16, upTo sequence: SequenceNumber) async throws(WALError)

    /// The records that `request` wants, in order, in batches. Reads what was durable at the time of the call; no side
    /// effects. Each batch is handed to `body` in turn, none of them empty.
    func read(_ request: LogReadRequest, _ body: @Sendable ([LogRecord]) async throws -> Void) async throws

    /// The highest sequence number that was ever in this log, deleted records included; nil in a fresh one.
    var lastSequence: SequenceNumber? { get }

    /// Bytes of log kept, released segments not counted.
    var statistics: LogStatistics { get }

    /// Seals and closes. Waits for what was enqueued.
    func close() async throws(WALError)
}

public struct LogStatistics: Sendable, Equatable {
    public var segments = 0
    public var bytes: UInt64 = 0
    /// Group commits since open, and the records in them.
    public var commits: UInt64 = 0
    public var records: UInt64 = 0
    public var syncs: UInt64 = 0
    /// Why the next log segment could not be made ahead, when it could not: writes will stop when this one is full.
    public var spareFailure: String?
    /// Why nothing is taken at this moment; nil when all is well.
    public var failure: LogFailure?
    /// Times that a write or sync failed, and that the log repaired itself.
    public var failures: UInt64 = 0
    public var repairs: UInt64 = 0
    public init() {}
}

/// What broke the log, until it is repaired.
public struct LogFailure: Sendable, Equatable {
    public var reason: String
    /// Room on the disk is what it needs.
    public var isDiskFull: Bool
    public init(reason: String, isDiskFull: Bool) {
        self.reason = reason
        self.isDiskFull = isDiskFull
    }
}

public enum Durability: String, Sendable, CaseIterable {
    /// Acknowledge after fdatasync.
    case always
    /// Acknowledge after write; fdatasync every second.
    case interval
    /// Acknowledge after write; the operating system syncs.
    case os
}
