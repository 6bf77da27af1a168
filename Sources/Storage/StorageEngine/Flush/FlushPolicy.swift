import Platform

/// Whether mem parts go out now.
enum FlushPolicy {
    static func isDue(held: Int, age: Duration, options: RegionOptions) -> Bool {
        held > options.flushSize.bytes || (held > 0 && age >= options.flushAge)
    }

    /// How long to leave a store alone that has just failed so many flushes in a row: each writes its objects anew.
    /// Ten seconds after somebody has made room on a full disk, or a store is back, all must be well.
    static func pause(after failures: Int, isDiskFull: Bool = false) -> Duration {
        failures <= 0 ? .zero : .seconds(min(isDiskFull ? 4 : 8, 1 << min(failures - 1, 6)))
    }
}

/// Flushes that failed in a row, and when the next may begin by itself.
struct FlushTrouble: Sendable {
    private(set) var failures = 0
    /// Monotonic nanoseconds.
    private var quietUntil: UInt64 = 0

    func mayBegin(at now: UInt64) -> Bool { now >= quietUntil }

    mutating func note(failed: Bool, isDiskFull: Bool = false, at now: UInt64) {
        failures = failed ? failures + 1 : 0
        let pause = FlushPolicy.pause(after: failures, isDiskFull: isDiskFull)
        let seconds = UInt64(clamping: pause.components.seconds)
        quietUntil = failed ? now + seconds * 1_000_000_000 : 0
    }
}
