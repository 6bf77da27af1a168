/// The times at which an expression is evaluated: `start`, `start + step`, … , `count` of them.
///
/// - An instant query is a grid of one.
/// - Times are milliseconds, within ±2^60 (`QueryTime.clamped`), so that adding offsets and ranges never overflows.
struct StepGrid: Equatable, Sendable {
    let start: Int64
    let step: Int64
    let count: Int

    /// `end` is included when a step falls on it; `end` before `start` is an empty grid.
    ///
    /// - Precondition: `step` > 0.
    init(start: Int64, end: Int64, step: Int64) {
        precondition(step > 0)
        self.start = start
        self.step = step
        count = end < start ? 0 : Int((end - start) / step) + 1
    }

    init(instant time: Int64) {
        start = time
        step = 1
        count = 1
    }

    /// - Precondition: `index` within the grid (or one after it).
    @inline(__always)
    func time(_ index: Int) -> Int64 { start &+ Int64(truncatingIfNeeded: index) &* step }

    /// The first step at `time` or later; `count` where there is none.
    func firstStep(notBefore time: Int64) -> Int {
        guard time > start else { return 0 }
        let (gap, isFar) = time.subtractingReportingOverflow(start)
        if isFar { return count }
        return Int(min(gap / step + (gap % step > 0 ? 1 : 0), Int64(count)))
    }

    /// Some of the steps.
    ///
    /// - Precondition: `steps` within the grid.
    func part(_ steps: Range<Int>) -> StepGrid {
        precondition(steps.lowerBound >= 0 && steps.upperBound <= count)
        return steps.isEmpty
            ? StepGrid(start: start, end: start &- 1, step: step)
            : StepGrid(start: time(steps.lowerBound), end: time(steps.upperBound - 1), step: step)
    }

    /// The last step; `start` of an empty grid.
    var last: Int64 { count == 0 ? start : time(count - 1) }

    /// Only the first step: where a step-invariant expression is evaluated.
    var firstOnly: StepGrid { count <= 1 ? self : StepGrid(instant: start) }
}

/// Bounds on times and lengths, which come from outside.
enum QueryTime {
    /// ± 36 million years: sums of a time and every duration a query can nest stay far within 64 bits.
    static let bound: Int64 = 1 << 60
    /// 557 years; Prometheus's own bound is 292.
    static let longestDuration: Int64 = 1 << 44

    static func clamped(_ time: Int64) -> Int64 { min(max(time, -bound), bound) }
}

extension Duration {
    /// Whole milliseconds, saturating.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return seconds < 0 ? -QueryTime.bound : QueryTime.bound }
        return QueryTime.clamped(milliseconds).addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue
    }
}
