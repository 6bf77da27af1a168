import Platform
import PromQL

/// The ways that queries take: what looks at little does not wait behind what looks at everything.
///
/// - *Quick*: `QueryReach` says that it looks at few samples. Threads like those of everybody else.
/// - *Wide*: all others, and answers that are made piece by piece. Their threads make way (`SpareProcessors`), so that
///   ingest and small questions go on beside any number of them.
/// - *Labels*: questions about labels and series, federation. The threads of the wide lane.
/// - Each way has `query.max-concurrency` slots and a queue of its own.
struct QueryLanes: Sendable {
    enum Lane: String, CaseIterable, Sendable { case quick, wide, labels }

    /// A query of the quick lane looks at no more samples and steps: some 10 ms.
    static let quickReach = 500_000

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
        return reach <= quickReach ? .quick : .wide
    }

    func gate(_ lane: Lane) -> Gate {
        switch lane {
        case .quick: quick
        case .wide: wide
        case .labels: labels
        }
    }

    func executor(_ lane: Lane) -> (any TaskExecutor)? {
        switch lane {
        case .quick: executors.quick
        case .wide, .labels: executors.wide
        }
    }
}
