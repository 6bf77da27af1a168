import CPlatform
import Synchronization

/// Which part of their time the threads of a pool work, by what the rest of the process needs: all of it while processors
/// are free, less and less while others are at work and none is.
///
/// - Threads rest at points that they choose (`RestingPoint.pass`), with no lock in their hands. A low priority instead
///   stops them where they stand, and whoever wants the allocator's lock, or the address space's, waits for them.
/// - What a pool did before is no excuse: a stretch without such a point is made up for at the next.
final class SpareProcessors: Sendable {
    /// Others are at work from this share of the processors on.
    static let busyShare = 0.03
    /// Free processors that are left to others, as a share of all.
    static let freeShare = 0.15
    /// No less: a question must end some day.
    static let least = 0.05
    /// Between looks.
    private static let interval: UInt64 = 200_000_000

    private struct State {
        /// CPU clocks of the pool's own threads.
        var clocks: [Int32] = []
        var lookedAt: UInt64 = 0
        var others: UInt64 = 0
        var idle: UInt64 = 0
        var part = 1.0
    }
    private let processors: Int
    private let state = Mutex(State())

    init(processors: Int) { self.processors = max(processors, 1) }

    /// The part of its time that a thread works from now on.
    /// - Parameters:
    ///   - part: until now, above 0, at most 1.
    ///   - busy: processors that the process's other threads keep busy.
    ///   - idle: processors that nobody needs; nil: not known.
    static func part(after part: Double, busy: Double, idle: Double?, processors: Int) -> Double {
        guard let idle, busy >= busyShare * Double(processors) else { return 1 }
        if idle < freeShare * Double(processors) { return max(least, part * 0.7) }
        return min(1, part * 1.15)
    }

    func add(clock: Int32) { state.withLock { $0.clocks.append(clock) } }

    /// The part of its time that a thread works now.
    func part(at now: UInt64) -> Double {
        state.withLock { state in
            guard now &- state.lookedAt >= Self.interval else { return state.part }
            let own = state.clocks.reduce(UInt64(0)) { $0 &+ varve_clock_nanoseconds($1) }
            let all = varve_process_cpu_nanoseconds()
            let others = all > own ? all - own : 0
            let idle = varve_idle_nanoseconds()
            let seconds = Double(now &- state.lookedAt)
            // After a rest of its own a pool begins anew.
            if state.lookedAt > 0, seconds < 4 * Double(Self.interval) {
                state.part = Self.part(
                    after: state.part, busy: Double(others > state.others ? others - state.others : 0) / seconds,
                    idle: idle > 0 ? Double(idle > state.idle ? idle - state.idle : 0) / seconds : nil,
                    processors: processors)
            } else {
                state.part = min(state.part * 2, 1)
            }
            (state.lookedAt, state.others, state.idle) = (now, others, idle)
            return state.part
        }
    }
}

/// Where a long computation may rest for the sake of others. Costs some 30 ns where nothing is to be done.
public enum RestingPoint {
    /// Rests if this thread belongs to a pool that makes way and its time is up. Call it with no lock held.
    public static func pass() {
        guard let context = varve_thread_context() else { return }
        Unmanaged<ThreadPace>.fromOpaque(context).takeUnretainedValue().pass()
    }
}

/// What one thread of a pool that makes way has worked. Used by that thread alone.
final class ThreadPace {
    /// Between looks at the clocks.
    private static let stretch: UInt64 = 2_000_000
    /// At a time: others may be done long before.
    private static let longest: UInt64 = 500_000_000

    private let pool: SpareProcessors
    private let clock: Int32
    private var lookedAt: UInt64 = 0
    private var worked: UInt64

    init(_ pool: SpareProcessors, clock: Int32) {
        self.pool = pool
        self.clock = clock
        worked = varve_clock_nanoseconds(clock)
        pool.add(clock: clock)
    }

    func pass() {
        let now = varve_monotonic_nanoseconds()
        guard now &- lookedAt >= Self.stretch else { return }
        let part = pool.part(at: now)
        let before = worked
        worked = varve_clock_nanoseconds(clock)
        let rest = Self.rest(after: worked &- before, part: part)
        if rest > 0 { varve_rest(rest) }
        lookedAt = varve_monotonic_nanoseconds()
    }

    /// Nanoseconds to rest after so many of work.
    static func rest(after work: UInt64, part: Double) -> UInt64 {
        guard part < 1, part > 0 else { return 0 }
        return min(UInt64(Double(min(work, longest)) * (1 - part) / part), longest)
    }
}
