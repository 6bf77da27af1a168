import Platform
import Synchronization

/// What the process holds, against `--memory-limit`: above it no new query begins.
///
/// Writes go on: rows have a share of their own and are refused by it. Looks at the kernel's number ten times a second at
/// most, and only while somebody asks.
final class MemoryGauge: Sendable {
    private static let interval: UInt64 = 100_000_000

    private struct State {
        var resident = 0
        /// Monotonic nanoseconds; nil: never.
        var lookedAt: UInt64?
    }

    /// 0: no bound.
    let limit: Int
    private let time: any TimeSource
    /// Resident bytes now.
    let measure: @Sendable () -> Int
    private let state = Mutex(State())

    init(
        limit: Int, time: any TimeSource,
        measure: @escaping @Sendable () -> Int = { ProcessStatistics.read().residentBytes ?? 0 }
    ) {
        self.limit = limit
        self.time = time
        self.measure = measure
    }

    /// What the process holds while that is over the limit; nil: there is room.
    var excess: Int? {
        guard limit > 0 else { return nil }
        let now = time.monotonic()
        return state.withLock { state in
            if let last = state.lookedAt, now &- last < Self.interval {
                return state.resident > limit ? state.resident : nil
            }
            state.lookedAt = now
            state.resident = measure()
            return state.resident > limit ? state.resident : nil
        }
    }
}
