import NIOCore
import Synchronization

/// Closes the connection of a client that sends its body too slowly: less than 1 KiB/s over 10 s, or so slowly that the
/// whole would take more than about five minutes. Its memory is set aside from the beginning: who declares much must send
/// it.
final class BodyPace: Sendable {
    private static let interval = TimeAmount.seconds(10)
    private static let leastPerInterval = 10 << 10
    private static let intervals = 30

    private let bytesPerInterval: Int
    private let received = Atomic<Int>(0)
    private let seen = Atomic<Int>(0)

    /// - Parameter declared: bytes of the whole body; nil: not known.
    init(declared: Int?) { bytesPerInterval = max(Self.leastPerInterval, (declared ?? 0) / Self.intervals) }

    func note(_ bytes: Int) { received.add(bytes, ordering: .relaxed) }

    /// Cancel what it returns when the body is whole.
    func watch(_ channel: any Channel, _ tally: ConnectionTally) -> RepeatedTask {
        channel.eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { [self] _ in
            let now = received.load(ordering: .relaxed)
            let before = seen.exchange(now, ordering: .relaxed)
            if now - before < bytesPerInterval {
                tally.left(for: .body)
                channel.close(promise: nil)
            }
        }
    }
}
