import MetricModel
import Platform
import PromQL

/// The ways that queries take: what looks at little does not wait behind what looks at everything.
///
/// - *Here*: so little that waking another thread would cost as much: whoever read the question answers it, unless it turns out
///   that storage must be read (`LoopExecutor`). Shares the slots of the quick lane.
/// - *Quick*: `QueryReach` says that it looks at few samples. Threads like those of everybody else.
/// - *Wide*: all others, and answers that are made piece by piece. Their threads make way (`SpareProcessors`), so that
///   ingest and small questions go on beside any number of them.
/// - *Labels*: questions about labels and series, federation. The threads of the wide lane.
/// - Each other way has `query.max-concurrency` slots and a queue of its own.
struct QueryLanes: Sendable {
    enum Lane: String, Sendable { case here, quick, wide, labels }
    /// Those with slots of their own.
    static let withSlots = [Lane.quick, .wide, .labels]

    /// A query of the quick lane looks at no more samples and steps: some 10 ms.
    static let quickReach = 500_000
    /// A question here looks at no more: a millisecond.
    static let reachHere = 100_000
    /// Writing a series into an answer costs as much as looking at so many.
    private static let seriesWritten = 32

    private let quick: Gate
    private let wide: Gate
    private let labels: Gate
    /// Where the work of each lane is done; nil: where its caller is.
    let executors: Executors

    struct Executors: Sendable {
        var quick: (any TaskExecutor)?
        var wide: (any TaskExecutor)?

        init() {}

        /// - Parameter wide: queries of the wide lane at once. Some threads more are for questions about labels, which would
        ///   wait for a whole query otherwise.
        init(wide slots: Int, processors: Int) {
            quick = ThreadTaskExecutor(name: "quick queries", threads: max(processors, 2))
            wide = ThreadTaskExecutor(name: "wide queries", threads: slots + 2, makesWayOn: processors)
        }
    }

    init(slots: Int, patience: Duration, time: any TimeSource, executors: Executors) {
        quick = Gate(slots: slots, patience: patience, time: time)
        wide = Gate(slots: slots, patience: patience, time: time)
        labels = Gate(slots: slots, patience: patience, time: time)
        self.executors = executors
    }

    /// - Parameter reach: of `QueryReach`.
    static func lane(reach: Int?) -> Lane {
        guard let reach else { return .wide }
        if reach <= reachHere { return .here }
        return reach <= quickReach ? .quick : .wide
    }

    /// The lane of a question about labels or series.
    /// - Parameters:
    ///   - bound: of the series that it looks at; nil: not known.
    ///   - isWritten: whether the answer has each of them.
    static func lane(labelsOf bound: SelectionBound?, isWritten: Bool) -> Lane {
        guard let bound else { return .labels }
        let (written, isOver) = bound.series.multipliedReportingOverflow(by: isWritten ? seriesWritten : 1)
        return !isOver && written <= reachHere && bound.looks <= reachHere ? .here : .labels
    }

    func gate(_ lane: Lane) -> Gate {
        switch lane {
        case .here, .quick: quick
        case .wide: wide
        case .labels: labels
        }
    }

    func executor(_ lane: Lane) -> (any TaskExecutor)? {
        switch lane {
        case .here: nil
        case .quick: executors.quick
        case .wide, .labels: executors.wide
        }
    }
}
