import Columnar
import Platform
import Synchronization

@testable import WAL

/// Takes sequence numbers and enqueues under one lock, as the engine does.
final class Ordered: Sendable {
    private let log: RegionLog
    private let next = Mutex<UInt64>(1)
    private let failed = Mutex<Int>(0)
    init(_ log: RegionLog) { self.log = log }
    var failures: Int { failed.withLock { $0 } }

    func appendNext(bytes: Int = 100) async {
        do {
            let sequence = try next.withLock { next in
                try log.enqueue(record(next, bytes: bytes))
                next += 1
                return SequenceNumber(next - 1)
            }
            try await log.waitUntilDurable(sequence)
        } catch {
            failed.withLock { $0 += 1 }
        }
    }
}
