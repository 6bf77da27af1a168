import Ingest
import MetricEngine
public import MetricModel
import Platform
public import PromQL
import StorageEngine
public import Varve
import WAL

/// The library as the HTTP API sees it: limits become 'truncated', errors become what a sender should do.
extension Database: MetricDatabase {
    public func query(
        _ expression: String, at time: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult {
        try await query(expression, at: .some(time), options: .some(options))
    }

    public func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult {
        try await queryRange(expression, start: start, end: end, step: step, options: .some(options))
    }

    public func reach(of expression: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions) -> Int? {
        reach(of: expression, start: start, end: end, step: step, options: .some(options))
    }

    public func labelReach(matchers: [[LabelMatcher]], start: Int64, end: Int64) -> SelectionBound? {
        labelReach(matching: matchers, start: start, end: end)
    }

    public func labelNames(
        matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames {
        let names = try await labelNames(matching: matchers, start: start, end: end, limit: Self.oneMore(limit))
        return LimitedNames(names: Self.cut(names, limit), isTruncated: Self.isOver(names, limit))
    }

    public func labelValues(
        _ name: String, matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames {
        let values = try await labelValueTexts(
            of: name, matching: matchers, start: start, end: end, limit: Self.oneMore(limit))
        let isOver = limit > 0 && values.count > limit
        return LimitedNames(texts: isOver ? values.prefix(limit) : values, isTruncated: isOver)
    }

    public func series(
        matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedSeries {
        let found = try await series(matching: matchers, start: start, end: end, limit: Self.oneMore(limit))
        return LimitedSeries(series: Self.cut(found, limit), isTruncated: Self.isOver(found, limit))
    }

    /// One more than asked for tells whether there are more. 0 means no limit.
    private static func oneMore(_ limit: Int) -> Int? { limit > 0 && limit < .max ? limit + 1 : nil }
    private static func cut<Element>(_ found: [Element], _ limit: Int) -> [Element] {
        limit > 0 ? Array(found.prefix(limit)) : found
    }
    private static func isOver<Element>(_ found: [Element], _ limit: Int) -> Bool { limit > 0 && found.count > limit }

    public func metadata(
        metric: String?, limit: Int, limitPerMetric: Int
    ) async throws -> [String: [VarveServer.MetricMetadata]] {
        let families = Self.cut(metadata(of: metric).sorted { $0.family.precedesByBytes($1.family) }, limit)
        return Dictionary(
            families.map { ($0.family, [.init(type: $0.type, help: $0.help, unit: $0.unit)]) },
            uniquingKeysWith: { first, _ in first })
    }

    public func remoteWrite(_ body: [UInt8], _ answer: @escaping @Sendable (Result<WriteOutcome, WriteRefusal>) -> Void)
    {
        storeRemoteWrite(body) { result in
            switch result {
            case .success(let stored):
                answer(.success(Self.outcome(stored)))
            case .failure(let error) where error.kind == .refused: answer(.failure(.malformed(error.text)))
            case .failure(let error):
                answer(.failure(.overloaded(retryAfterSeconds: 1, text: error.text)))
            }
        }
    }

    public func bringIn(
        _ body: [UInt8], numbered sequences: ClosedRange<UInt64>
    ) async -> Result<WriteOutcome, WriteRefusal> {
        do throws(IngestError) {
            return .success(Self.outcome(try await bringIn(body, sequences)))
        } catch {
            return .failure(
                error.kind == .refused ? .malformed(error.text) : .overloaded(retryAfterSeconds: 1, text: error.text))
        }
    }

    private static func outcome(_ stored: RemoteWriteOutcome) -> WriteOutcome {
        WriteOutcome(
            samples: stored.samplesWritten, refused: stored.samplesRefused.values.reduce(0, +),
            refusal: stored.problem)
    }

    public func cardinality(
        limit: Int, matchers: [[LabelMatcher]], focus: String?
    ) async throws -> DatabaseCardinality {
        let counted: Cardinality = try await cardinality(limit: limit, matching: matchers, focus: focus)
        func entries(_ found: [Cardinality.Entry]) -> [DatabaseCardinality.Entry] {
            found.map { .init($0.name, $0.count) }
        }
        var found = DatabaseCardinality()
        found.series = counted.series
        found.labelPairs = counted.labelPairs
        found.objects = engineStatistics.objects
        (found.earliest, found.latest) = (counted.times?.lowerBound, counted.times?.upperBound)
        found.seriesByMetric = entries(counted.seriesByMetric)
        found.valuesByLabel = entries(counted.valuesByLabel)
        found.bytesByLabel = entries(counted.bytesByLabel)
        found.seriesByPair = entries(counted.seriesByPair)
        found.seriesByFocus = entries(counted.seriesByFocus)
        return found
    }

    public func collectGarbage() async throws {
        // Replaced objects go by themselves when the last reader lets go; a compaction waits for that.
        try await compact()
    }

    public var isReady: Bool { true }

    public var statistics: [DatabaseStatistic] {
        let engine = engineStatistics
        let metrics = metricStatistics
        var found: [DatabaseStatistic] = []
        func counter(_ name: String, _ help: String, _ value: UInt64) {
            found.append(DatabaseStatistic(name: name, help: help, kind: .counter, value: Double(value)))
        }
        func gauge(_ name: String, _ help: String, _ value: Double) {
            found.append(DatabaseStatistic(name: name, help: help, kind: .gauge, value: value))
        }
        counter("varve_samples_stored_total", "Samples acknowledged.", UInt64(metrics.samplesStored))
        for reason in SampleRefusal.allCases {
            found.append(
                DatabaseStatistic(
                    name: "varve_samples_refused_total", help: "Samples refused, by reason.", kind: .counter,
                    labels: Labels([("reason", reason.rawValue)]),
                    value: Double(metrics.samplesRefused[reason] ?? 0)))
        }
        gauge("varve_series", "Series known to this process.", Double(metrics.series))
        gauge("varve_series_limit", "Series that limit-series allows.", Double(options.limits.series))
        gauge("varve_series_live", "Series of the newest segment.", Double(metrics.liveSeries))
        gauge("varve_index_bytes", "Memory of the label index.", Double(metrics.indexBytes))
        for (cache, bytes) in [
            ("objects", engine.cachedBytes), ("tails", metrics.tailBytes), ("pages", metrics.pageBytes),
            ("row_indexes", metrics.rowIndexBytes),
            ("older_indexes", metrics.olderIndexBytes),
        ] {
            found.append(
                DatabaseStatistic(
                    name: "varve_cache_bytes", help: "Memory of caches, each of which has a bound.", kind: .gauge,
                    labels: Labels([("cache", cache)]), value: Double(bytes)))
        }
        counter("varve_writes_total", "Batches acknowledged.", engine.writes)
        counter("varve_writes_overloaded_total", "Batches refused for want of memory or disk.", engine.overloads)
        gauge("varve_writes_waiting", "Writers that wait for memory.", Double(engine.waitingWriters))
        gauge(
            "varve_disk_is_short", "1 while free disk is below the reserve and writes are refused.",
            engine.isDiskShort ? 1 : 0)
        counter("varve_flushes_total", "Flushes.", engine.flushes)
        counter("varve_flush_failures_total", "Flushes that failed and are tried again.", engine.flushFailures)
        counter("varve_flushed_rows_total", "Rows flushed to objects.", engine.rowsFlushed)
        counter("varve_flushed_bytes_total", "Bytes of flushed objects.", engine.bytesFlushed)
        counter("varve_compactions_total", "Merges of objects.", engine.compactions)
        counter(
            "varve_compaction_failures_total", "Merges that failed and are tried again.", engine.compactionFailures)
        counter(
            "varve_compactions_postponed_total", "Merges that waited for disk or memory.", engine.compactionsPostponed)
        gauge(
            "varve_compaction_quarantined_objects", "Objects that merges leave alone after three failures.",
            Double(engine.quarantined.count))
        gauge("varve_compaction_memory_bytes", "Memory reserved by merges.", Double(engine.compactionMemoryBytes))
        counter("varve_orphans_collected_total", "Objects of older claims deleted.", engine.orphansCollected)
        counter("varve_scan_parts_total", "Parts that scans met.", UInt64(engine.scans.parts))
        counter("varve_scan_parts_pruned_total", "Parts that scans passed over.", UInt64(engine.scans.partsPruned))
        counter(
            "varve_scan_row_groups_pruned_total", "Row groups that scans passed over.",
            UInt64(engine.scans.rowGroupsPruned))
        counter("varve_scan_pages_total", "Pages that scans read.", UInt64(engine.scans.pages))
        counter("varve_scan_bytes_total", "Stored bytes that scans read.", engine.scans.bytes)
        counter("varve_scan_rows_total", "Rows that scans read.", engine.scans.rowsRead)
        counter("varve_compacted_rows_total", "Rows written by merges.", engine.rowsCompacted)
        counter("varve_compacted_bytes_total", "Bytes written by merges.", engine.bytesCompacted)
        counter("varve_replayed_rows_total", "Rows replayed from the log at the start.", engine.rowsReplayed)
        gauge("varve_objects", "Live objects.", Double(engine.objects))
        gauge("varve_object_bytes", "Bytes of live objects.", Double(engine.objectBytes))
        gauge("varve_unflushed_bytes", "Memory of rows that are not in objects yet.", Double(engine.memoryBytes))
        gauge(
            "varve_unflushed_limit_bytes",
            "What rows that are not in objects may hold: beyond it writers wait, then get 503.",
            Double(options.memoryLimit.bytes))
        gauge("varve_epoch", "Version of the part list in memory.", Double(engine.epoch))
        gauge(
            "varve_manifest_version", "Number of the last durable change of the part list.",
            Double(engine.manifestVersion))
        gauge("varve_wal_segments", "Log segments kept.", Double(engine.log.segments))
        gauge("varve_wal_bytes", "Bytes of log kept.", Double(engine.log.bytes))
        counter("varve_wal_commits_total", "Group commits.", engine.log.commits)
        counter("varve_wal_records_total", "Records in the group commits.", engine.log.records)
        counter("varve_wal_syncs_total", "Syncs of the log.", engine.log.syncs)
        counter("varve_wal_failures_total", "Writes or syncs of the log that failed.", engine.log.failures)
        counter("varve_wal_repairs_total", "Times that the log repaired itself.", engine.log.repairs)
        gauge("varve_wal_broken", "1 while the log cannot be written.", engine.log.failure == nil ? 0 : 1)
        return found
    }
}
