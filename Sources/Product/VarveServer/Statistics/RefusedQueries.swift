import MetricModel
import PromQL
import Synchronization

/// Queries that got no answer, by what stood in the way.
final class RefusedQueries: Sendable {
    enum Reason: String, CaseIterable, Sendable {
        /// The process held more than `memory-limit`.
        case memory
        /// No slot within `query.queue-timeout`.
        case queue
        /// No room for the answer within `query.queue-timeout`.
        case answers
        /// `query.timeout`.
        case time
        /// The client left.
        case gone
        /// A bound on samples, series or memory, or a query that cannot be answered.
        case execution
        case malformed
        case storage
    }

    private let counts = Mutex([UInt64](repeating: 0, count: Reason.allCases.count))

    func count(_ reason: Reason) {
        guard let at = Reason.allCases.firstIndex(of: reason) else { return }
        counts.withLock { $0[at] += 1 }
    }

    func count(_ error: QueryError) {
        switch error {
        case .parse, .badParameter: count(.malformed)
        case .execution: count(.execution)
        case .timeout: count(.time)
        case .canceled: count(.gone)
        case .storage: count(.storage)
        }
    }

    var statistics: [DatabaseStatistic] {
        let counts = counts.withLock { $0 }
        return zip(Reason.allCases, counts).map { reason, count in
            DatabaseStatistic(
                name: "varve_queries_refused_total", help: "Queries that got no answer, by what stood in the way.",
                kind: .counter, labels: .init([("reason", reason.rawValue)]), value: Double(count))
        }
    }
}
