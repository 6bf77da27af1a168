import Logging
import MetricModel
import Platform
import PromQL
import Synchronization

@testable import VarveServer

/// A database in memory that answers what a test tells it and remembers what it was asked.
final class FakeDatabase: MetricDatabase {
    typealias Answer = @Sendable (String) async throws(QueryError) -> QueryResult

    struct State {
        var calls: [String] = []
        var series: [Labels] = []
        var metadata: [String: [VarveServer.MetricMetadata]] = [:]
        var write: Result<WriteOutcome, WriteRefusal> = .success(WriteOutcome(samples: 0))
        var bodies: [[UInt8]] = []
        var statistics: [DatabaseStatistic] = []
        var isReady = true
        var cardinality = DatabaseCardinality()
        var options: QueryOptions?
        var reach: @Sendable (String) -> Int? = { _ in nil }
        var unsorted = 0
        var answer: Answer = { (text) async throws(QueryError) in
            QueryResult(value: .scalar(timestamp: 0, value: Double(text) ?? 0))
        }
    }
    let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }

    func answering(_ answer: @escaping Answer) -> FakeDatabase {
        state.withLock { $0.answer = answer }
        return self
    }

    private func note(_ call: String) { state.withLock { $0.calls.append(call) } }

    func query(_ expression: String, at: Int64, options: QueryOptions) async throws(QueryError) -> QueryResult {
        note("query \(expression) at \(at)")
        state.withLock { $0.options = options }
        return try await state.withLock { $0.answer }(expression)
    }

    func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult {
        note("queryRange \(expression) \(start)…\(end) by \(step)")
        state.withLock { $0.options = options }
        return try await state.withLock { $0.answer }(expression)
    }

    var unsortedSamples: Int { state.withLock { $0.unsorted } }

    func reach(of expression: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions) -> Int? {
        state.withLock { $0.reach }(expression)
    }

    private func matching(_ matchers: [[LabelMatcher]]) -> [Labels] {
        state.withLock { $0.series }.filter { labels in
            matchers.isEmpty || matchers.contains { $0.allSatisfy { $0.matches(labels[$0.name] ?? "") } }
        }
    }

    private func limited(_ names: Set<String>, _ limit: Int) -> LimitedNames {
        let sorted = names.sorted { $0.precedesByBytes($1) }
        return limit > 0 && sorted.count > limit
            ? LimitedNames(names: Array(sorted.prefix(limit)), isTruncated: true) : LimitedNames(names: sorted)
    }

    func labelNames(matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int) async throws -> LimitedNames {
        note("labelNames \(start)…\(end)")
        return limited(Set(matching(matchers).flatMap { $0.labels.map(\.name) }), limit)
    }

    func labelValues(
        _ name: String, matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames {
        note("labelValues \(name)")
        return limited(Set(matching(matchers).compactMap { $0[name] }), limit)
    }

    func series(matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int) async throws -> LimitedSeries {
        note("series")
        let found = matching(matchers).sorted()
        return limit > 0 && found.count > limit
            ? LimitedSeries(series: Array(found.prefix(limit)), isTruncated: true) : LimitedSeries(series: found)
    }

    func metadata(metric: String?, limit: Int, limitPerMetric: Int) async throws -> [String: [VarveServer
        .MetricMetadata]]
    {
        note("metadata \(metric ?? "*") \(limit) \(limitPerMetric)")
        return state.withLock { $0.metadata }.filter { metric == nil || $0.key == metric }
    }

    func remoteWrite(_ body: [UInt8], _ answer: @escaping @Sendable (Result<WriteOutcome, WriteRefusal>) -> Void) {
        answer(
            state.withLock { state in
                state.bodies.append(body)
                return state.write
            })
    }

    func cardinality(
        limit: Int, matchers: [[LabelMatcher]], focus: String?
    ) async throws -> DatabaseCardinality {
        note("cardinality \(limit)\(matchers.isEmpty ? "" : " of \(matchers.count)")\(focus.map { " by \($0)" } ?? "")")
        return state.withLock { $0.cardinality }
    }
    func flush() async throws { note("flush") }
    func compact() async throws { note("compact") }
    func collectGarbage() async throws { note("collectGarbage") }
    var statistics: [DatabaseStatistic] { state.withLock { $0.statistics } }
    var isReady: Bool { state.withLock { $0.isReady } }
}

extension PrometheusAPI {
    /// An API over `database` with a quiet log.
    static func test(
        _ database: FakeDatabase, _ options: ServerOptions = .init(), executors: QueryLanes.Executors = .init()
    ) -> PrometheusAPI {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return PrometheusAPI(
            database: database, options: options, state: ServerState(startTime: 1_700_000_000_000),
            executors: executors, logger: logger)
    }

    func get(_ target: String) async -> APIAnswer { await answer(APIRequest(method: "GET", target: target)) }

    func post(
        _ target: String, form: String = "", headers: [String: String] = [:]
    ) async -> APIAnswer {
        var headers = headers
        headers["content-type"] = "application/x-www-form-urlencoded"
        return await answer(APIRequest(method: "POST", target: target, headers: headers, body: Array(form.utf8)))
    }
}

extension APIAnswer {
    var bodyText: String { String(decoding: wholeBody, as: UTF8.self) }
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
