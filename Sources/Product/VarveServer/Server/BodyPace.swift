import NIOCore
import Synchronization

/// Closes the connection of a client that sends its body too slowly: less than 1 KiB/s over 10 s.
final class BodyPace: Sendable {
    private static let interval = TimeAmount.seconds(10)
    private static let bytesPerInterval = 10 << 10

    private let received = Atomic<Int>(0)
    private let seen = Atomic<Int>(0)

    func note(_ bytes: Int) { received.add(bytes, ordering: .relaxed) }

    /// Cancel what it returns when the body is whole.
    func watch(_ channel: any Channel) -> RepeatedTask {
        channel.eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { [self] _ in
            let now = received.load(ordering: .relaxed)
            let before = seen.exchange(now, ordering: .relaxed)
            if now - before < Self.bytesPerInterval { channel.close(promise: nil) }
        }
    }
}
