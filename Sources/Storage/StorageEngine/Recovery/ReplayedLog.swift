import Columnar
import Platform
import WAL

/// The log of a region that is only read: it is replayed, and nothing of it ever changes. Another process may be writing
/// it meanwhile.
struct ReplayedLog: WriteAheadLog {
    let log: any WriteAheadLog

    func enqueue(_ record: LogRecord) throws(WALError) { throw .closed }
    func waitUntilDurable(_ sequence: SequenceNumber) async throws(WALError) { throw .closed }
    func whenDurable(_ sequence: SequenceNumber, _ answer: @escaping @Sendable (Result<Void, WALError>) -> Void) {
        answer(.failure(.closed))
    }
    /// The log files belong to whoever writes them.
    func release(upTo sequence: SequenceNumber) async throws(WALError) {}
    func markDeleted(table: UInt16, upTo sequence: SequenceNumber) async throws(WALError) {}
    func read(_ request: LogReadRequest, _ body: @Sendable ([LogRecord]) async throws -> Void) async throws {
        try await log.read(request, body)
    }
    var lastSequence: SequenceNumber? { log.lastSequence }
    var statistics: LogStatistics { log.statistics }
    func close() async throws(WALError) {}
}
