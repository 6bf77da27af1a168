public import Columnar
public import Platform
import Synchronization

/// A log that keeps nothing: for tests and for data that can be had again. A crash loses what was not flushed.
public final class NoLog: WriteAheadLog {
    private struct State {
        var last: SequenceNumber?
        var closed = false
    }
    private let state = Mutex(State())

    public init() {}

    public func enqueue(_ record: LogRecord) throws(WALError) {
        try state.withLock { (state) throws(WALError) in
            guard !state.closed else { throw .closed }
            if let last = state.last { precondition(last < record.sequence, "sequence numbers must rise") }
            state.last = record.sequence
        }
    }
    public func waitUntilDurable(_ sequence: SequenceNumber) async throws(WALError) {}
    public func whenDurable(
        _ sequence: SequenceNumber, _ answer: @escaping @Sendable (Result<Void, WALError>) -> Void
    ) { answer(.success(())) }
    public func release(upTo sequence: SequenceNumber) async throws(WALError) {}
    public func markDeleted(table: UInt16, upTo sequence: SequenceNumber) async throws(WALError) {}
    public func read(_ request: LogReadRequest, _ body: @Sendable ([LogRecord]) async throws -> Void) async throws {}
    public var lastSequence: SequenceNumber? { state.withLock { $0.last } }
    public var statistics: LogStatistics { LogStatistics() }
    public func close() async throws(WALError) { state.withLock { $0.closed = true } }
}
