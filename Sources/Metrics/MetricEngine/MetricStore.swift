import Columnar
import ManifestLog
public import MetricModel
public import ObjectStorage
public import Platform
public import StorageEngine
import Synchronization

/// Settings of a metric store.
public struct MetricStoreOptions: Sendable {
    public var region = RegionOptions()
    public var limits = MetricLimits()
    /// Length of a time segment in milliseconds. For ever: it stands in object names. Default 1 day.
    public var segmentLength: Int64 = 86_400_000
    /// Series indexes of older segments kept in memory. Default 128 MiB.
    public var indexCacheSize = ByteCount.mebibytes(128)
    /// Last samples of series in objects kept in memory: 16 bytes each. Default 64 MiB.
    public var tailCacheSize = ByteCount.mebibytes(64)
    /// Scans that one query runs at a time. Default 2.
    public var queryParallelism = 2

    public init() {}

    /// Another process writes what is read here, and there is no log to be had.
    var isFollowing: Bool { region.isReadOnly && region.logDirectory == nil }
}

/// Metrics on a storage region: series by their labels, samples by series and time.
///
/// - A sample is never there without its labels, in memory or at rest: both share one write, and one change of the manifest.
/// - `append` returns once the samples are durable and visible to every later `select`.
public final class MetricStore: Sendable {
    public let region: Region
    let registry: SeriesRegistry
    let environment: Environment
    let options: MetricStoreOptions
    let indexes: SegmentIndexCache
    let tails: TailCache
    /// Where it is ours: what it keeps is counted.
    let samplesLayout: SamplesLayout?
    let metadataCache: MetadataCache
    let reserver: NumberReserver
    /// One batch of new series at a time, from its look-up to its staging.
    let registration = Mutex(())
    private let counts = Mutex(AppendOutcome())

    /// Opens the region, loads the series of the two newest segments and replays the log.
    /// - Throws: `StorageError`.
    public static func open(
        _ options: MetricStoreOptions, store: any ObjectStore, layouts: MetricLayouts, environment: Environment
    ) async throws(StorageError) -> MetricStore {
        var options = options
        let problems = options.limits.problems()
        guard problems.isEmpty else { throw StorageError(.refused, problems.joined(separator: "; ")) }
        guard (60_000...(366 * 86_400_000)).contains(options.segmentLength), options.queryParallelism > 0 else {
            throw StorageError(.refused, "segment-length is \(options.segmentLength) ms; use 1 min … 366 d")
        }
        if let retention = options.region.retention {
            options.limits.retention = Int64(clamping: retention.components.seconds).clampedToDuration
        }
        let names = MetricNames()
        let registry = SeriesRegistry(
            segmentLength: options.segmentLength, limits: options.limits, names: names, random: environment.random)
        let materialiser = SeriesMaterialiser(
            registry: registry, time: environment.time, isFollowing: options.isFollowing)
        let samples = layouts.samples(names)
        let region = try await Region.open(
            options.region,
            tables: [
                SamplesTable.definition(segmentLength: options.segmentLength, layout: samples),
                SeriesTable.definition(segmentLength: options.segmentLength, layout: layouts.series),
                MetadataTable.definition(layout: layouts.metadata),
            ],
            contributor: materialiser, store: store, environment: environment)
        materialiser.didOpen()
        do throws(StorageError) {
            let metadata = try await MetadataCache(loading: region.snapshot)
            return MetricStore(region, registry, metadata, environment, options, samples as? SamplesLayout)
        } catch {
            // The reason for the failure is worth more than one of the closing.
            try? await region.close()
            throw error
        }
    }

    private init(
        _ region: Region, _ registry: SeriesRegistry, _ metadata: MetadataCache, _ environment: Environment,
        _ options: MetricStoreOptions, _ samplesLayout: SamplesLayout?
    ) {
        self.region = region
        self.registry = registry
        self.environment = environment
        self.options = options
        self.samplesLayout = samplesLayout
        metadataCache = metadata
        indexes = SegmentIndexCache(
            limit: options.indexCacheSize, hash: registry.hash, isFollowing: options.isFollowing)
        tails = TailCache(limit: options.tailCacheSize)
        reserver = NumberReserver(region: region, registry: registry)
    }

    /// Of a store that is open for reading only, without a log: takes over what the writer has made durable since.
    /// - Parameter store: the one that the writer writes.
    /// - Returns: whether anything is new.
    public func follow(_ store: any ObjectStore) async throws(StorageError) -> Bool {
        let before = metadataObjects
        let isNew = try await region.follow(store) { [registry] live in
            // A segment is asked for before a query meets it.
            let segments = live.filter { $0.table == SeriesTable.number }.map(\.segment.lowerBound)
            registry.state.withLock { $0.unloaded.formUnion(segments) }
        }
        guard isNew else { return false }
        if metadataObjects != before { try await metadataCache.reload(region.snapshot) }
        return true
    }

    private var metadataObjects: Set<SSTID> {
        Set(region.snapshot.objects.filter { $0.table == MetadataTable.number }.map(\.id))
    }

    public func flush() async throws(StorageError) { try await region.flush() }
    public func compact() async throws(StorageError) { try await region.compact() }
    public func close() async throws(StorageError) { try await region.close() }

    // MARK: Append

    private enum Staging {
        case staged(StagedWrite)
        /// Every sample was refused: nothing to write.
        case nothing
        case lacks(NumbersNeeded)
    }

    /// See `SeriesResolver.append`.
    public func append(_ columns: SampleColumns) async throws(AppendError) -> AppendOutcome {
        var outcome = AppendOutcome()
        let accepted = accept(columns, &outcome)
        guard accepted.count > 0 else {
            count(outcome)
            return outcome
        }
        do throws(StorageError) {
            if accepted.newSeries.count == 0, let ids = registry.prepareKnown(accepted) {
                let batch = WriteBatch([samples(ids, accepted.timestamps, accepted.values)])
                let staged = try await region.whenAdmitted(bytes: accepted.count * 24) {
                    () throws(StorageError) in try region.stage(batch)
                }
                try await region.commit(staged)
                outcome.samplesStored += accepted.count
            } else {
                outcome.add(try await register(accepted))
            }
        } catch { throw AppendError(error) }
        count(outcome)
        return outcome
    }

    /// See `SeriesResolver.appendAtOnce`.
    public func appendAtOnce(
        _ columns: SampleColumns, _ answer: @escaping @Sendable (Result<AppendOutcome, AppendError>) -> Void
    ) -> Bool {
        guard columns.newSeries.count == 0 else { return false }
        var outcome = AppendOutcome()
        let accepted = accept(columns, &outcome)
        guard accepted.count > 0, region.isRoomy(for: accepted.count * 24), let ids = registry.prepareKnown(accepted)
        else { return false }
        let staged: StagedWrite
        do throws(StorageError) {
            staged = try region.stage(WriteBatch([samples(ids, accepted.timestamps, accepted.values)]))
        } catch {
            // Whoever may wait hears of it, if it is still so.
            return false
        }
        outcome.samplesStored += accepted.count
        region.commit(staged) { [outcome] error in
            if let error { return answer(.failure(AppendError(error))) }
            self.count(outcome)
            answer(.success(outcome))
        }
        return true
    }

    /// Samples with new series, or with series that are new in their segment.
    private func register(_ columns: SampleColumns) async throws(StorageError) -> AppendOutcome {
        let prepared = registry.prepare(columns.newSeries)
        while true {
            var outcome = AppendOutcome()
            try await region.admit(bytes: columns.count * 24)
            let staging = try registration.withLock { _ throws(StorageError) -> Staging in
                switch registry.register(columns, prepared) {
                case .lacks(let needed): return .lacks(needed)
                case .ready(let registration):
                    outcome = registration.outcome
                    guard !registration.ids.isEmpty else { return .nothing }
                    var rows = [samples(registration.ids, registration.timestamps, registration.values)]
                    if let series = registry.seriesRows(registration, columns.newSeries) {
                        rows.append(TableRows(table: SeriesTable.number, batch: series))
                    }
                    let staged = try region.stage(WriteBatch(rows))
                    registry.publish(registration)
                    return .staged(staged)
                }
            }
            switch staging {
            case .staged(let staged):
                try await region.commit(staged)
                return outcome
            case .nothing: return outcome
            case .lacks(let needed): try await reserver.reserve(needed)
            }
        }
    }

    func samples(_ ids: [Int64], _ timestamps: [Int64], _ values: [Double]) -> TableRows {
        TableRows(
            table: SamplesTable.number,
            batch: RecordBatch(trusted: SamplesTable.schema, [.int64(ids), .int64(timestamps), .float64(values)]))
    }

    /// The samples whose times are within the limits.
    func accept(_ columns: SampleColumns, _ outcome: inout AppendOutcome) -> SampleColumns {
        precondition(columns.timestamps.count == columns.count && columns.values.count == columns.count)
        let now = min(max(environment.time.now(), MetricLimits.earliest), MetricLimits.latest)
        let latest = min(now + registry.limits.futureSkew, MetricLimits.latest)
        let earliest =
            registry.limits.retention > 0
            ? max(now - registry.limits.retention, MetricLimits.earliest) : MetricLimits.earliest
        guard let first = columns.timestamps.min(), let last = columns.timestamps.max() else { return columns }
        if first >= earliest, last <= latest { return columns }
        var accepted = SampleColumns()
        accepted.newSeries = columns.newSeries
        for i in 0..<columns.count {
            let time = columns.timestamps[i]
            if time < earliest {
                outcome.refuse(
                    .tooOld, samples: 1,
                    "\(describe(columns, i)) has a sample at \(time) ms, which is before \(earliest) ms, the oldest time "
                        + "kept (retention)")
            } else if time > latest {
                outcome.refuse(
                    .tooFarAhead, samples: 1,
                    "\(describe(columns, i)) has a sample at \(time) ms, which is after \(latest) ms: more than "
                        + "\(registry.limits.futureSkew) ms ahead of this node's clock (limit-future-skew)")
            } else {
                accepted.append(columns.series[i], time, columns.values[i])
            }
        }
        return accepted
    }

    private func describe(_ columns: SampleColumns, _ i: Int) -> String {
        let series = columns.series[i]
        guard series & SampleColumns.newSeriesFlag != 0 else { return registry.describe(series) }
        let index = Int(series & ~SampleColumns.newSeriesFlag)
        return SeriesText.describe(metric: columns.newSeries.metrics[index], labels: columns.newSeries.labels[index])
    }

    func count(_ outcome: AppendOutcome) { counts.withLock { $0.add(outcome) } }

    /// Samples stored and refused since the start.
    var appendTotals: AppendOutcome { counts.withLock { $0 } }
}

extension MetricStore: SeriesResolver {
    public var spellingHash: KeyedHash128 { registry.hash }
    public func resolve(_ spellings: [Hash128], into ordinals: inout [UInt32]) {
        registry.spellings.resolve(spellings, into: &ordinals)
    }
}

extension AppendError {
    init(_ error: StorageError) {
        switch error.kind {
        case .refused: self.init(.refused, error.text)
        case .overloaded, .unavailable, .fenced, .damaged, .foreign, .closed: self.init(.retryLater, error.text)
        }
    }
}

extension Int64 {
    /// Seconds as milliseconds, within what limits allow.
    fileprivate var clampedToDuration: Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: 1_000)
        return overflow ? MetricLimits.latest : Swift.min(Swift.max(product, 0), MetricLimits.latest)
    }
}

/// Reserves blocks of numbers in the manifest, one at a time.
actor NumberReserver {
    private let region: Region
    private let registry: SeriesRegistry
    private var isReserving = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(region: Region, registry: SeriesRegistry) {
        self.region = region
        self.registry = registry
    }

    func reserve(_ needed: NumbersNeeded) async throws(StorageError) {
        // Whoever waited looks again: there may be enough then.
        while isReserving { await withCheckedContinuation { waiting.append($0) } }
        guard let reservations = registry.reservation(for: needed) else { return }
        isReserving = true
        defer {
            isReserving = false
            for waiter in waiting { waiter.resume() }
            waiting = []
        }
        for reservation in reservations {
            try await region.reserve(counter: reservation.counter, upTo: reservation.upTo)
        }
        registry.didReserve(reservations)
    }
}
