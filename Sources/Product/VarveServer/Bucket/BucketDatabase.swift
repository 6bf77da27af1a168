public import MetricModel
public import ObjectStorage
public import Platform
public import PromQL
import Synchronization
public import Varve

/// A database whose objects lie in a bucket, as the HTTP API sees it: it writes there, or follows who does.
///
/// - A question whose object was merged away by the writer meanwhile is asked again of the newer state, once.
/// - A follower takes no writes: 503, so that a sender keeps what it has and somebody notices.
public final class BucketDatabase: MetricDatabase {
    public let database: Database
    public let follower: BucketFollower?
    private let tally: StoreTally
    private let cache: RangeCache?
    private let following: Task<Void, Never>?
    private let lock: Mutex<(any FileLock)?>

    /// - Parameters:
    ///   - follower: nil: it writes. Looks from now on, until `close`.
    ///   - lock: of the directory, where nothing else holds it.
    public init(
        _ database: Database, tally: StoreTally, cache: RangeCache?, follower: BucketFollower?, lock: (any FileLock)?
    ) {
        self.database = database
        self.tally = tally
        self.cache = cache
        self.follower = follower
        self.lock = Mutex(lock)
        following = follower.map { follower in Task { await follower.run() } }
    }

    /// As a whole: follower, database, lock.
    public func close() async throws {
        following?.cancel()
        await following?.value
        defer { lock.withLock { $0 = nil } }
        try await database.close()
    }

    /// Why it writes nothing any more; nil while it does.
    public var fencing: String? { database.fencing }

    public func query(
        _ expression: String, at time: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult {
        try await asking { () async throws(QueryError) in
            try await database.query(expression, at: time, options: options)
        }
    }

    public func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult {
        try await asking { () async throws(QueryError) in
            try await database.queryRange(expression, start: start, end: end, step: step, options: options)
        }
    }

    public func reach(of expression: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions) -> Int? {
        database.reach(of: expression, start: start, end: end, step: step, options: .some(options))
    }

    public var unsortedSamples: Int { database.unsortedSamples }

    public func labelReach(matchers: [[LabelMatcher]], start: Int64, end: Int64) -> SelectionBound? {
        database.labelReach(matching: matchers, start: start, end: end)
    }

    private func asking(
        _ work: () async throws(QueryError) -> QueryResult
    ) async throws(QueryError) -> QueryResult {
        var result: QueryResult
        do throws(QueryError) { result = try await work() } catch {
            guard case .storage = error, let follower, await follower.look() else { throw error }
            result = try await work()
        }
        if let warning = follower?.warning { result.warnings.append(warning) }
        return result
    }

    private func retrying<Answer>(_ work: () async throws -> Answer) async throws -> Answer {
        do { return try await work() } catch {
            guard let follower, await follower.look() else { throw error }
            return try await work()
        }
    }

    public func labelNames(
        matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames {
        try await retrying { try await database.labelNames(matchers: matchers, start: start, end: end, limit: limit) }
    }

    public func labelValues(
        _ name: String, matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames {
        try await retrying {
            try await database.labelValues(name, matchers: matchers, start: start, end: end, limit: limit)
        }
    }

    public func series(
        matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedSeries {
        try await retrying { try await database.series(matchers: matchers, start: start, end: end, limit: limit) }
    }

    public func metadata(
        metric: String?, limit: Int, limitPerMetric: Int
    ) async throws -> [String: [VarveServer.MetricMetadata]] {
        try await database.metadata(metric: metric, limit: limit, limitPerMetric: limitPerMetric)
    }

    public func remoteWrite(_ body: [UInt8], _ answer: @escaping @Sendable (Result<WriteOutcome, WriteRefusal>) -> Void)
    {
        guard follower == nil else {
            let refusal = "this server was started with --read-only: send to the one that writes the bucket"
            return answer(.failure(.unavailable(refusal)))
        }
        database.remoteWrite(body, answer)
    }

    public func cut(ofLogOf claimants: [UInt64]) -> UInt64? {
        follower == nil ? database.cut(ofLogOf: claimants) : nil
    }
    public func bringIn(
        _ body: [UInt8], numbered sequences: ClosedRange<UInt64>
    ) async -> Result<WriteOutcome, WriteRefusal> {
        await database.bringIn(body, numbered: sequences)
    }

    public func cardinality(
        limit: Int, matchers: [[LabelMatcher]], focus: String?
    ) async throws -> DatabaseCardinality {
        try await retrying { try await database.cardinality(limit: limit, matchers: matchers, focus: focus) }
    }

    public func flush() async throws { try await database.flush() }
    public func compact() async throws { try await database.compact() }
    public func collectGarbage() async throws { try await database.collectGarbage() }

    public var isReady: Bool { database.isReady }

    public var statistics: [DatabaseStatistic] {
        database.statistics + (follower?.statistics ?? []) + requests + (cache.map(Self.numbers) ?? [])
    }

    private var requests: [DatabaseStatistic] {
        let totals = tally.totals
        var found: [DatabaseStatistic] = []
        for (name, help, value) in [
            (
                "varve_object_store_requests_total", "Requests to the bucket, attempts that failed among them.",
                \StoreTally.Entry.requests
            ),
            ("varve_object_store_sent_bytes_total", "Bytes of bodies sent to the bucket.", \.bytesSent),
            ("varve_object_store_received_bytes_total", "Bytes of bodies received from the bucket.", \.bytesReceived),
        ] {
            for entry in totals.entries {
                found.append(
                    DatabaseStatistic(
                        name: name, help: help, kind: .counter,
                        labels: Labels([
                            ("class", entry.kind.isPutClass ? "put" : entry.kind.isFree ? "free" : "get"),
                            ("operation", entry.kind.name), ("purpose", entry.purpose.rawValue),
                        ]), value: Double(entry[keyPath: value])))
            }
        }
        for (name, help, value) in [
            ("varve_object_store_retries_total", "Requests that were repeated.", totals.retries),
            ("varve_object_store_throttles_total", "Answers that asked for fewer requests.", totals.throttles),
            ("varve_object_store_failures_total", "Operations that ended without an answer.", totals.failures),
        ] {
            found.append(DatabaseStatistic(name: name, help: help, kind: .counter, value: Double(value)))
        }
        return found
    }

    private static func numbers(_ cache: RangeCache) -> [DatabaseStatistic] {
        let state = cache.statistics
        func counter(_ name: String, _ help: String, _ value: UInt64) -> DatabaseStatistic {
            DatabaseStatistic(name: "varve_cache_\(name)_total", help: help, kind: .counter, value: Double(value))
        }
        func gauge(_ name: String, _ help: String, _ value: Int) -> DatabaseStatistic {
            DatabaseStatistic(name: "varve_cache_\(name)", help: help, kind: .gauge, value: Double(value))
        }
        return [
            gauge("memory_bytes", "Ranges of objects kept in memory.", state.memoryBytes),
            gauge("disk_bytes", "Ranges of objects kept on disk.", state.diskBytes),
            counter("memory_hits", "Ranges found in memory.", state.memoryHits),
            counter("disk_hits", "Ranges found on disk.", state.diskHits),
            counter("misses", "Ranges fetched from the bucket.", state.misses),
            counter("damaged", "Files of the cache that did not hold what they should.", state.damaged),
            counter("failures", "Files of the cache that could not be read or written.", state.failures),
        ]
    }
}
