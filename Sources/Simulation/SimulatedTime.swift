public import Platform
import Synchronization

/// Clocks that stand still until they are moved by hand.
///
/// - Both clocks move together by `advance`; `jump` moves only the wall's.
/// - Sleepers wake in order of their deadlines, each seeing its own deadline as the time or later.
public final class SimulatedTime: TimeSource {
    fileprivate struct Sleeper {
        var id: UInt64
        /// Of the monotonic clock.
        var deadline: UInt64
        var continuation: CheckedContinuation<Void, any Error>
    }
    fileprivate struct State {
        var wall: Int64
        var monotonic: UInt64 = 0
        var nextSleeper: UInt64 = 0
        var sleepers: [Sleeper] = []
        /// Cancelled before they lay down.
        var cancelled: Set<UInt64> = []
    }
    private let state: Mutex<State>

    /// - Parameter start: milliseconds since the epoch; by default some day in 2026.
    public init(start: Int64 = 1_780_000_000_000) { state = Mutex(State(wall: start)) }

    public func now() -> Int64 { state.withLock { $0.wall } }
    public func monotonic() -> UInt64 { state.withLock { $0.monotonic } }

    public func sleep(for duration: Duration) async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    let nanoseconds = duration.nanoseconds
                    guard nanoseconds > 0 else { return .success(()) }
                    let (deadline, overflow) = state.monotonic.addingReportingOverflow(nanoseconds)
                    state.sleepers.append(
                        Sleeper(id: id, deadline: overflow ? .max : deadline, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: index).continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    /// How many sleep now.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves both clocks; whoever's time has come wakes.
    public func advance(by duration: Duration) {
        let target = state.withLock { $0.monotonic &+ duration.nanoseconds }
        while wakeNext(until: target) {}
        state.withLock { $0.move(to: target) }
    }

    /// Moves both clocks to the next deadline; false when nobody sleeps.
    @discardableResult
    public func advanceToNextSleeper() -> Bool { wakeNext(until: .max) }

    /// The wall clock alone jumps to `milliseconds` since the epoch.
    public func jump(to milliseconds: Int64) { state.withLock { $0.wall = milliseconds } }

    private func wakeNext(until limit: UInt64) -> Bool {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let next = state.sleepers.indices.min(by: { state.sleepers[$0].order < state.sleepers[$1].order }),
                state.sleepers[next].deadline <= limit
            else { return nil }
            state.move(to: state.sleepers[next].deadline)
            return state.sleepers.remove(at: next)
        }
        sleeper?.continuation.resume()
        return sleeper != nil
    }
}

extension SimulatedTime.State {
    fileprivate mutating func move(to target: UInt64) {
        guard target > monotonic else { return }
        // Whole milliseconds passed, so that many small steps do not lose time.
        wall += Int64(target / 1_000_000) - Int64(monotonic / 1_000_000)
        monotonic = target
    }
}

extension SimulatedTime.Sleeper {
    /// Deadline, then who lay down first.
    fileprivate var order: (UInt64, UInt64) { (deadline, id) }
}

extension Duration {
    /// Whole nanoseconds, 0 for negative ones.
    fileprivate var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return overflow || carry ? .max : sum
    }
}
