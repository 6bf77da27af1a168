import Platform
import Synchronization

/// The queries that ended lately, for `status/top_queries`: which are asked most, and which cost most time.
///
/// The last `capacity` of them are kept, each with the beginning of its text.
final class TopQueries: Sendable {
    static let capacity = 4_096
    /// Bytes of a query's text that are kept.
    static let shownLength = 512

    struct Ended: Sendable {
        var text: String
        /// Of the range; 0 for an instant query.
        var rangeSeconds: Int64
        var seconds: Double
        /// Monotonic nanoseconds.
        var at: UInt64
    }

    /// All runs of one query over ranges of one length.
    struct Summary: Sendable {
        var text: String
        var rangeSeconds: Int64
        var count = 0
        var sumSeconds = 0.0
        var averageSeconds: Double { count > 0 ? sumSeconds / Double(count) : 0 }
    }

    private struct State {
        var ended: [Ended] = []
        /// Where the next one goes once the room is used up: over the oldest.
        var next = 0
    }
    private let state = Mutex(State())

    func note(_ question: Question, seconds: Double, at moment: UInt64) {
        let ended = Ended(
            text: String(decoding: question.text.utf8.prefix(Self.shownLength), as: UTF8.self),
            rangeSeconds: question.step > 0 ? (question.end &- question.start) / 1_000 : 0, seconds: seconds, at: moment
        )
        state.withLock { state in
            if state.ended.count < Self.capacity {
                state.ended.append(ended)
            } else {
                state.ended[state.next] = ended
                state.next = (state.next + 1) % Self.capacity
            }
        }
    }

    /// - Parameter oldest: queries that ended before do not count.
    func summaries(since oldest: UInt64) -> [Summary] {
        struct Key: Hashable {
            var text: String
            var rangeSeconds: Int64
        }
        var summaries: [Key: Summary] = [:]
        for ended in state.withLock({ $0.ended }) where ended.at >= oldest {
            let key = Key(text: ended.text, rangeSeconds: ended.rangeSeconds)
            var summary = summaries[key] ?? Summary(text: ended.text, rangeSeconds: ended.rangeSeconds)
            summary.count += 1
            summary.sumSeconds += ended.seconds
            summaries[key] = summary
        }
        return summaries.values.sorted { ($0.text, $0.rangeSeconds) < ($1.text, $1.rangeSeconds) }
    }
}

extension PrometheusAPI {
    /// VictoriaMetrics's shape: the `topN` (default 20) queries by count, by average and by summed time among those that
    /// ended within `maxLifetime` (default 10 min).
    func topQueries(_ form: FormParameters) throws(APIError) -> APIAnswer {
        var count = 20
        if let text = form["topN"] {
            guard let number = Int(text), (1...1_000).contains(number) else {
                throw .badParameter("topN", "use 1 … 1000")
            }
            count = number
        }
        let lifetime = try form.duration("maxLifetime") ?? 600_000
        guard lifetime > 0 else { throw .badParameter("maxLifetime", "must be more than zero") }
        let now = environment.time.monotonic()
        let (age, overflow) = UInt64(lifetime).multipliedReportingOverflow(by: 1_000_000)
        let summaries = state.topQueries.summaries(since: overflow || age > now ? 0 : now - age)
        func list(
            _ precedes: (TopQueries.Summary, TopQueries.Summary) -> Bool,
            _ members: (TopQueries.Summary) -> [(String, JSONValue)]
        ) -> JSONValue {
            .array(
                summaries.sorted(by: precedes).prefix(count).map { summary in
                    .object(
                        [("query", .string(summary.text)), ("timeRangeSeconds", .integer(summary.rangeSeconds))]
                            + members(summary))
                })
        }
        let ofCount: (TopQueries.Summary) -> (String, JSONValue) = { ("count", .integer(Int64($0.count))) }
        return .json(
            .object([
                ("status", .string("success")), ("topN", .string("\(count)")),
                ("maxLifetime", .string("\(Double(lifetime) / 1_000)s")),
                ("topByCount", list({ $0.count > $1.count }, { [ofCount($0)] })),
                (
                    "topByAvgDuration",
                    list(
                        { $0.averageSeconds > $1.averageSeconds },
                        { [("avgDurationSeconds", .number($0.averageSeconds)), ofCount($0)] })
                ),
                (
                    "topBySumDuration",
                    list(
                        { $0.sumSeconds > $1.sumSeconds },
                        { [("sumDurationSeconds", .number($0.sumSeconds)), ofCount($0)] })
                ),
            ]))
    }
}
