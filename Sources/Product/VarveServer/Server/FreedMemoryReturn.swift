import Platform
import ServiceLifecycle

/// Gives free memory back to the system, so that what a server holds is what it uses: a busy hour of the past is not paid for
/// ever, and answers that were sent do not count against `--memory-limit`.
struct FreedMemoryReturn: Service {
    let memory: MemoryGauge
    let environment: Platform.Environment

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var pace = MemoryReturnPace(limit: memory.limit, start: environment.time.monotonic())
            while true {
                try await environment.time.sleep(for: .seconds(1))
                let before = try await environment.blocking.run { memory.measure() }
                guard pace.isDue(at: environment.time.monotonic(), resident: before) else { continue }
                let after = try await environment.blocking.run {
                    FreedMemory.returnAll()
                    return memory.measure()
                }
                pace.note(from: before, to: after, at: environment.time.monotonic())
            }
        }
    }
}

/// When free memory goes back: twice a minute; from half of the limit on every second as long as it helps; above the limit every
/// second in any case, as no query begins there.
///
/// - A return walks all that is free, returned before or not: where a sixteenth does not come back, the next waits twice as long.
struct MemoryReturnPace {
    static let longest: UInt64 = 30_000_000_000
    static let shortest: UInt64 = 1_000_000_000

    /// Bytes; 0: no bound.
    private let limit: Int
    /// Monotonic nanoseconds.
    private var last: UInt64
    private var wait = Self.shortest

    init(limit: Int, start: UInt64) {
        self.limit = limit
        last = start
    }

    func isDue(at now: UInt64, resident: Int) -> Bool {
        guard limit > 0, resident > limit / 2 else { return now &- last >= Self.longest }
        return now &- last >= (resident > limit ? Self.shortest : wait)
    }

    mutating func note(from before: Int, to after: Int, at now: UInt64) {
        last = now
        wait = before - after >= before / 16 ? Self.shortest : min(wait * 2, Self.longest)
    }
}
