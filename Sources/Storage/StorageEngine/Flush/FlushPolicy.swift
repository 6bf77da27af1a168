import Platform

/// Whether mem parts go out now.
enum FlushPolicy {
    static func isDue(held: Int, age: Duration, options: RegionOptions) -> Bool {
        held > options.flushSize.bytes || (held > 0 && age >= options.flushAge)
    }

    /// How long to leave a store alone that has just failed so many flushes in a row: each writes its objects anew.
    static func pause(after failures: Int) -> Duration {
        failures <= 0 ? .zero : .seconds(min(60, 1 << min(failures - 1, 6)))
    }
}

/// Flushes that failed in a row, and when the next may begin by itself.
struct FlushTrouble: Sendable {
    private(set) var failures = 0
    /// Monotonic nanoseconds.
    private var quietUntil: UInt64 = 0

    func mayBegin(at now: UInt64) -> Bool { now >= quietUntil }

    mutating func note(failed: Bool, at now: UInt64) {
        failures = failed ? failures + 1 : 0
        let seconds = UInt64(clamping: FlushPolicy.pause(after: failures).components.seconds)
        quietUntil = failed ? now + seconds * 1_000_000_000 : 0
    }
}
