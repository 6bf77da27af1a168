/// The samples of one series that one step of a range function sees.
///
/// Only valid while the kernel runs: the pointers belong to the driver's arrays. Stale markers are gone.
struct Window {
    let timestamps: UnsafeBufferPointer<Int64>
    let values: UnsafeBufferPointer<Double>
    /// The window is (start, end], milliseconds.
    let start: Int64
    let end: Int64
    /// The evaluation time of the step.
    let time: Int64
    /// The function's scalar arguments at this step, in order; 0 where there is none.
    let first: Double
    let second: Double
    /// Since when each sample counts, 0 for unknown; empty when none says.
    var starts = UnsafeBufferPointer<Int64>(start: nil, count: 0)

    @inline(__always) var count: Int { values.count }
}

/// One value for one window; `Absent.value` for none. Never called with an empty window.
typealias WindowKernel = @Sendable (Window) throws(QueryError) -> Double

/// A function over range vectors.
struct RangeFunction: Sendable {
    enum Kernel: Sendable {
        /// `rate`, `increase`, `delta`.
        case extrapolated(isCounter: Bool, isRate: Bool)
        case window(WindowKernel)
    }
    let kernel: Kernel
    /// `last_over_time` and `first_over_time` act like an offset: the name stays.
    var keepsName = false
    /// `changes` and `resets`: what to count from the anchor on when the range is `anchored`.
    var anchoredCount: (@Sendable (Window) -> Double)?
    /// The first scalar is a quantile: remarked on when outside 0 … 1.
    var takesQuantile = false
    /// Says something about counters: a name that is not one's is remarked on.
    var expectsCounter = false
    var isAbsence = false
}
