import MetricModel
import Platform
import PromQL
import Synchronization
import Varve
import VarveServer

/// A database in a bucket that a command serves: closed as a whole, its follower and its directory's lock with it.
final class ServedBucket: OpenedDatabase {
    private let inner: BucketDatabase
    private let following: Task<Void, Never>?
    private let lock: Mutex<(any FileLock)?>

    /// - Parameter lock: of the directory, where nothing else holds it.
    init(_ inner: BucketDatabase, lock: (any FileLock)?) {
        self.inner = inner
        self.lock = Mutex(lock)
        following = inner.follower.map { follower in Task { await follower.run() } }
    }

    func close() async throws {
        following?.cancel()
        await following?.value
        defer { lock.withLock { $0 = nil } }
        try await inner.database.close()
    }

    var fencing: String? { inner.database.fencing }

    // MARK: as they are

    func query(_ expression: String, at time: Int64, options: QueryOptions) async throws(QueryError) -> QueryResult {
        try await inner.query(expression, at: time, options: options)
    }
    func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult {
        try await inner.queryRange(expression, start: start, end: end, step: step, options: options)
    }
    func labelNames(matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int) async throws -> LimitedNames {
        try await inner.labelNames(matchers: matchers, start: start, end: end, limit: limit)
    }
    func labelValues(
        _ name: String, matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames {
        try await inner.labelValues(name, matchers: matchers, start: start, end: end, limit: limit)
    }
    func series(matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int) async throws -> LimitedSeries {
        try await inner.series(matchers: matchers, start: start, end: end, limit: limit)
    }
    func metadata(
        metric: String?, limit: Int, limitPerMetric: Int
    ) async throws -> [String: [VarveServer.MetricMetadata]] {
        try await inner.metadata(metric: metric, limit: limit, limitPerMetric: limitPerMetric)
    }
    func remoteWrite(_ body: [UInt8], _ answer: @escaping @Sendable (Result<WriteOutcome, WriteRefusal>) -> Void) {
        inner.remoteWrite(body, answer)
    }
    func cardinality(limit: Int, matchers: [[LabelMatcher]], focus: String?) async throws -> DatabaseCardinality {
        try await inner.cardinality(limit: limit, matchers: matchers, focus: focus)
    }
    func flush() async throws { try await inner.flush() }
    func compact() async throws { try await inner.compact() }
    func collectGarbage() async throws { try await inner.collectGarbage() }
    var statistics: [DatabaseStatistic] { inner.statistics }
    var isReady: Bool { inner.isReady }
}
