/// The clocks, injected: the wall for what people read and retention, the monotonic one for waiting and measuring.
public protocol TimeSource: Sendable {
    /// Milliseconds since the Unix epoch, UTC. May jump either way.
    func now() -> Int64
    /// Nanoseconds from an arbitrary start; never goes back.
    func monotonic() -> UInt64
    /// Returns after `duration`, or throws `CancellationError` at once when the task is cancelled.
    func sleep(for duration: Duration) async throws
}
