import CPlatform
import Synchronization

/// How much the threads of a pool work, all of them together, by what the rest of the process needs: as they like while
/// processors are free, down to a twentieth of the machine while others are at work and none is.
///
/// - The pool has one account: what any of its threads works is owed by all, so that their number is of no account.
/// - Threads rest at points that they choose (`RestingPoint.pass`), with no lock in their hands. A low priority instead
///   stops them where they stand, and whoever wants the allocator's lock, or the address space's, waits for them.
/// - A stretch without such a point is made up for at the next, however long it was.
final class SpareProcessors: Sendable {
    /// Others are at work from this share of the processors on.
    static let busyShare = 0.03
    /// Free processors that are left to others, as a share of all: a thread that is woken shall find a whole one free. Where two
    /// are one core's threads, a pool that takes what is left of the second slows the first.
    static func freeShare(of processors: Double) -> Double { max(0.15, min(1, processors / 2) / processors) }
    /// Of the processors. No less: a question must end some day.
    static let least = 0.05
    /// Between looks.
    private static let interval: UInt64 = 100_000_000

    private struct State {
        /// CPU clocks of the pool's own threads.
        var clocks: [Int32] = []
        var lookedAt: UInt64 = 0
        var own: UInt64 = 0
        var others: UInt64 = 0
        var idle: UInt64 = 0
        var account: Account
    }
    private let processors: Int
    private let state: Mutex<State>

    init(processors: Int) {
        self.processors = max(processors, 1)
        state = Mutex(State(account: Account(processors: max(processors, 1))))
    }

    /// The share of the processors that the pool has from now on.
    /// - Parameters:
    ///   - share: until now, above 0, at most 1.
    ///   - own: processors that the pool kept busy.
    ///   - others: processors that the process's other threads kept busy.
    ///   - idle: processors that nobody needed; nil: not known.
    static func share(after share: Double, own: Double, others: Double, idle: Double?, processors: Int) -> Double {
        let all = Double(processors)
        guard let idle, others >= busyShare * all else { return 1 }
        let free = freeShare(of: all)
        let spare = idle / all - free
        // Where nothing is free the pool goes down to half within a look; what is left over may be a moment's.
        if spare < 0 { return max(least, min(share, own / all) * (1 + spare / free / 2)) }
        return min(1, share + spare / 2)
    }

    func add(clock: Int32) { state.withLock { $0.clocks.append(clock) } }

    /// Enters what a thread has worked.
    /// - Parameters: as those of `Account.rest`.
    /// - Returns: nanoseconds for it to rest, after which it asks again with no work.
    func rest(after work: Int64, ahead: UInt64 = 0, at now: UInt64) -> UInt64 {
        state.withLock { state in
            if now &- state.lookedAt >= Self.interval { look(&state, now) }
            return state.account.rest(after: work, ahead: ahead, at: now)
        }
    }

    private func look(_ state: inout State, _ now: UInt64) {
        let own = state.clocks.reduce(UInt64(0)) { $0 &+ varve_clock_nanoseconds($1) }
        let all = varve_process_cpu_nanoseconds()
        let others = all > own ? all - own : 0
        let idle = varve_idle_nanoseconds()
        let length = Double(now &- state.lookedAt)
        func processors(_ before: UInt64, _ after: UInt64) -> Double {
            Double(after > before ? after - before : 0) / length
        }
        // After a rest of its own a pool begins as it may: the next look is soon.
        if state.lookedAt > 0, now &- state.lookedAt < 10 * Self.interval {
            state.account.share = Self.share(
                after: state.account.share, own: processors(state.own, own),
                others: processors(state.others, others), idle: idle > 0 ? processors(state.idle, idle) : nil,
                processors: self.processors)
        }
        (state.lookedAt, state.own, state.others, state.idle) = (now, own, others, idle)
    }

    /// What a pool owes: its work, which its share of the processors pays off.
    struct Account {
        /// Nobody rests longer at a time: others may be done long before.
        static let longest: UInt64 = 50_000_000
        private let processors: Double
        var share = 1.0
        /// Nanoseconds of CPU time, at `paidAt`.
        private var debt = 0.0
        private var paidAt: UInt64 = 0

        init(processors: Int) { self.processors = Double(processors) }

        /// - Parameters:
        ///   - work: nanoseconds of CPU time that were not entered yet; below 0: fewer were worked than entered.
        ///   - ahead: what the thread is about to work, entered if it may: else all that rest would go on at once.
        ///   - now: nanoseconds, never less than before.
        /// - Returns: nanoseconds until the debt is paid, or the longest rest.
        mutating func rest(after work: Int64, ahead: UInt64 = 0, at now: UInt64) -> UInt64 {
            let rate = share * processors
            debt = max(0, debt - Double(now > paidAt ? now - paidAt : 0) * rate)
            paidAt = max(paidAt, now)
            guard share < 1 else {
                debt = 0
                return 0
            }
            debt = max(0, debt + Double(work))
            let rest = UInt64(min(debt / rate, Double(Self.longest)))
            if rest == 0 { debt += Double(ahead) }
            return rest
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
    /// Between looks at the clocks. A write passes through five threads, one after the other: one of them that finds its
    /// processor taken for 2 ms holds up as many writes as there are senders.
    private static let stretch: UInt64 = 250_000

    private let pool: SpareProcessors
    private let clock: Int32
    private var lookedAt: UInt64 = 0
    private var worked: UInt64
    /// Entered before it was worked.
    private var ahead: UInt64 = 0

    init(_ pool: SpareProcessors, clock: Int32) {
        self.pool = pool
        self.clock = clock
        worked = varve_clock_nanoseconds(clock)
        pool.add(clock: clock)
    }

    func pass() {
        var now = varve_monotonic_nanoseconds()
        guard now &- lookedAt >= Self.stretch else { return }
        let before = worked
        worked = varve_clock_nanoseconds(clock)
        var rest = pool.rest(after: Int64(clamping: worked &- before) - Int64(ahead), at: now)
        ahead = 0
        // Who was told to stop does so at once: it holds memory.
        while rest > 0, !Task.isCancelled {
            varve_rest(rest)
            now = varve_monotonic_nanoseconds()
            rest = pool.rest(after: 0, ahead: Self.stretch, at: now)
            if rest == 0 { ahead = Self.stretch }
        }
        lookedAt = now
    }
}
