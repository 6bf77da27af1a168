/// What a query may use: samples held, wall time, and whether anybody still waits.
///
/// `held` counts the samples loaded and one per series and step of every column that is alive; the evaluator restores
/// it when intermediate columns go.
struct QueryBudget {
    static let tooManySamples = "query processing would load too many samples into memory in query execution"

    let maximumSamples: Int
    let deadline: ContinuousClock.Instant
    private(set) var peak = 0
    /// Samples that kernels looked at.
    var looked = 0
    var held = 0
    private var sinceCheck = 0
    private static let samplesPerCheck = 1 << 20

    init(options: QueryOptions) {
        maximumSamples = options.maximumSamples
        deadline = .now.advanced(by: options.timeout)
    }

    /// - Throws: `.execution` above the bound.
    mutating func hold(_ samples: Int) throws(QueryError) {
        let (sum, overflow) = held.addingReportingOverflow(samples)
        if overflow || sum > maximumSamples { throw .execution(Self.tooManySamples) }
        held = sum
        peak = max(peak, sum)
    }

    /// Room for `series` columns of `steps`, before anything is allocated.
    mutating func hold(series: Int, steps: Int) throws(QueryError) {
        let (cells, overflow) = series.multipliedReportingOverflow(by: steps)
        if overflow { throw .execution(Self.tooManySamples) }
        try hold(cells)
    }

    /// Counts work within a series; looks at the clock about once in a million samples.
    @inline(__always)
    mutating func spend(_ samples: Int) throws(QueryError) {
        sinceCheck &+= samples
        if sinceCheck > Self.samplesPerCheck { try checkSpent() }
    }

    private mutating func checkSpent() throws(QueryError) {
        sinceCheck = 0
        try check()
    }

    /// Called between series: a query that is late or that nobody waits for ends here.
    func check() throws(QueryError) {
        if Task.isCancelled { throw .canceled }
        if ContinuousClock.now > deadline { throw .timeout("query timed out in expression evaluation") }
    }
}
