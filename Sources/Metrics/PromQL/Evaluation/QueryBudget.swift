import MetricModel
import Platform

/// What a query may use: samples held, memory, wall time, and whether anybody still waits.
///
/// `held` counts the samples loaded and one per series and step of every column that is alive; the evaluator restores
/// it when intermediate columns go.
struct QueryBudget {
    static let tooManySamples =
        "query processing would load too many samples into memory in query execution (query.max-samples)"

    private(set) var maximumSamples: Int
    private(set) var maximumMemory: Int
    let deadline: ContinuousClock.Instant
    private(set) var peak = 0
    /// Samples that kernels looked at.
    var looked = 0
    var held = 0
    /// Bytes beyond the eight of every sample held: times, labels.
    private var extraBytes = 0
    private var sinceCheck = 0
    private static let samplesPerCheck = 1 << 20

    init(options: QueryOptions) {
        maximumSamples = options.maximumSamples
        maximumMemory = options.maximumMemory
        deadline = .now.advanced(by: options.timeout)
    }

    /// - Throws: `.execution` above the bound.
    mutating func hold(_ samples: Int) throws(QueryError) {
        let (sum, overflow) = held.addingReportingOverflow(samples)
        if overflow || sum > maximumSamples { throw .execution(Self.tooManySamples) }
        try requireMemory(samples: sum)
        held = sum
        peak = max(peak, sum)
    }

    private func requireMemory(samples: Int) throws(QueryError) {
        let (bytes, overflow) = samples.multipliedReportingOverflow(by: MemoryLayout<Double>.size)
        guard overflow || bytes > maximumMemory - extraBytes else { return }
        let limit = maximumMemory >> 20 > 0 ? "\(maximumMemory >> 20) MiB" : "\(maximumMemory) bytes"
        throw .execution("the query needs more than \(limit) of memory (query.max-memory)")
    }

    /// What was read for the query. It stays until the end.
    mutating func load(_ fetched: Fetched) throws(QueryError) {
        if let vector = fetched.vector {
            extraBytes &+= vector.count &* 4
            return try hold(vector.count)
        }
        let runs = fetched.runs
        var samples = 0
        var labels = 0
        for run in runs {
            samples &+= run.timestamps.count
            labels &+= run.labels.count
        }
        // A series: two arrays and a label set; a label: two strings.
        extraBytes &+= samples &* 8 &+ runs.count &* 128 &+ labels &* 32
        try hold(samples)
    }

    /// A label value made by the query. It stays until the end.
    mutating func hold(text: String) throws(QueryError) {
        extraBytes &+= text.utf8.count
        try requireMemory(samples: held)
    }

    /// The budget of one of several evaluators that work side by side: an equal share of what is left.
    func share(of evaluators: Int) -> QueryBudget {
        var share = self
        share.maximumSamples = held + (maximumSamples - held) / evaluators
        let used = extraBytes + held * MemoryLayout<Double>.size
        share.maximumMemory = used + (maximumMemory - used) / evaluators
        return share
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
        RestingPoint.pass()
        if Task.isCancelled { throw .canceled }
        if ContinuousClock.now > deadline { throw .timeout("query timed out in expression evaluation") }
    }
}
