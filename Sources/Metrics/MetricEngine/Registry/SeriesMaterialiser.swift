import Columnar
import MetricModel
import Platform
import StorageEngine
import Synchronization

/// Keeps the series table in step with the samples: loads it at the start, follows the log's replay, and adds the series
/// rows that a flush needs.
///
/// - A series is logged with its labels once. That it lives on in later segments is known from its samples: when they go
///   into objects, rows for the series that are not in an object of that segment go with them, in one change of the
///   manifest. So there is no burst when a new day begins, and never a sample without labels.
final class SeriesMaterialiser: FlushContributor {
    private let registry: SeriesRegistry
    private let time: any TimeSource
    /// The snapshot of the start, until the log is replayed: where labels of ids are looked up that the log does not say.
    private let loaded = Mutex<Snapshot?>(nil)

    private let isFollowing: Bool
    let leadingTable = SamplesTable.number

    /// - Parameter isFollowing: another process writes, and there is no log: series are not loaded but looked up.
    init(registry: SeriesRegistry, time: any TimeSource, isFollowing: Bool = false) {
        self.isFollowing = isFollowing
        self.registry = registry
        self.time = time
    }

    /// Replay is over.
    func didOpen() { loaded.withLock { $0 = nil } }

    /// Loads the series of the live and the previous segment; older ones are loaded when asked for.
    func regionDidLoad(_ snapshot: Snapshot, counters: [String: UInt64]) async throws {
        loaded.withLock { $0 = snapshot }
        let now = min(max(time.now(), MetricLimits.earliest), MetricLimits.latest)
        // Who follows another writer asks for every segment's series when a query does.
        let recent = isFollowing ? .max : registry.segment(of: now) - registry.segmentLength
        let all = snapshot.segments(of: SeriesTable.number, overlapping: Int64.min...Int64.max)
        registry.state.withLock { state in
            state.numbers = SeriesNumbers(counters: counters)
            state.unloaded = Set(all.map(\.lowerBound).filter { $0 < recent })
        }
        for segment in all where segment.lowerBound >= recent { try await load(snapshot, segment) }
    }

    /// All series of a segment, object by object: in no order, and those of several objects several times.
    private func load(_ snapshot: Snapshot, _ segment: TimeRange) async throws {
        let readers = try await snapshot.readers(of: SeriesTable.number, in: segment)
        let most = readers.reduce(0) { $0 + Int(clamping: $1.rowCount) }
        registry.state.withLock { $0.reserve(min(most, 1 << 24)) }
        guard let series = readers as? [SeriesFileReader] else { return try await loadRows(snapshot, segment) }
        for reader in series {
            let rows = reader.codedRows()
            var loading = CodedSeriesLoading()
            while let batch = try await rows.nextCoded() {
                try Task.checkCancellation()
                try registry.state.withLock { state throws(StorageError) in
                    let ordinals = try loading.insert(batch, into: &state, names: registry.names)
                    state.markPersisted(batch.ids[...], ordinals, in: segment.lowerBound)
                }
            }
        }
    }

    /// The same for a table in another layout.
    private func loadRows(_ snapshot: Snapshot, _ segment: TimeRange) async throws {
        let scan = snapshot.scan(ScanRequest(table: SeriesTable.number, segment: segment))
        while let batch = try await scan.next() {
            let rows = try SeriesRows(batch)
            insert(rows) { ordinals, state in
                state.markPersisted(rows.ids[...], ordinals, in: segment.lowerBound)
            }
        }
    }

    /// Series by id, from a segment that is not loaded: what they are says nothing of the others there.
    private func load(_ snapshot: Snapshot, _ segment: TimeRange, keys: [Int64]) async throws {
        let scan = snapshot.scan(ScanRequest(table: SeriesTable.number, segment: segment, keys: keys))
        while let batch = try await scan.next() { insert(try SeriesRows(batch)) { _, _ in } }
    }

    /// Series into the registry; then `note` is given their ordinals, row by row.
    private func insert(_ rows: SeriesRows, _ note: ([UInt32], inout RegistryState) -> Void) {
        rows.metrics.withRows { metrics in
            rows.labels.withRows { labels in
                registry.state.withLock { state in
                    var ordinals: [UInt32] = []
                    ordinals.reserveCapacity(rows.count)
                    for row in 0..<rows.count {
                        ordinals.append(
                            state.insert(
                                metric: metrics[row], labels: labels[row], id: rows.ids[row], names: registry.names))
                    }
                    note(ordinals, &state)
                }
            }
        }
    }

    func didReplay(_ rows: [TableRows]) async throws {
        for part in rows where part.table == SeriesTable.number {
            let series = try SeriesRows(part.batch)
            insert(series) { ordinals, state in
                state.makeAlive(
                    zip(series.segments, ordinals).map { SeriesInSegment(segment: $0, ordinal: $1) })
            }
        }
        for part in rows where part.table == SamplesTable.number {
            let ids = part.batch.columns[0].int64s
            let times = part.batch.columns[1].int64s
            var unknown = markAlive(ids, times)
            guard !unknown.isEmpty else { continue }
            try await lookUp(&unknown)
            unknown = markAlive(ids, times)
            if let id = unknown.min() {
                throw StorageError(
                    .damaged,
                    "the log holds samples of series \(id), whose labels are neither in the log nor in any object; "
                        + "`varve verify` lists what is missing")
            }
        }
    }

    /// - Returns: ids that no series has.
    private func markAlive(_ ids: [Int64], _ times: [Int64]) -> Set<Int64> {
        registry.state.withLock { state in
            var unknown: Set<Int64> = []
            var pairs: [SeriesInSegment] = []
            for (id, time) in zip(ids, times) {
                guard let ordinal = state.ordinal(of: id) else {
                    unknown.insert(id)
                    continue
                }
                let inBounds = min(max(time, MetricLimits.earliest), MetricLimits.latest)
                pairs.append(SeriesInSegment(segment: registry.segment(of: inBounds), ordinal: ordinal))
            }
            state.makeAlive(pairs)
            return unknown
        }
    }

    /// Looks for the rows of ids in older segments, newest first.
    private func lookUp(_ unknown: inout Set<Int64>) async throws {
        guard let snapshot = loaded.withLock({ $0 }) else { return }
        let segments = snapshot.segments(of: SeriesTable.number, overlapping: Int64.min...Int64.max)
        for segment in segments.sorted(by: { $0.lowerBound > $1.lowerBound }) where !unknown.isEmpty {
            try await load(snapshot, segment, keys: unknown.sorted())
            let rest = unknown
            unknown = registry.state.withLock { state in rest.filter { state.ordinal(of: $0) == nil } }
        }
    }

    func rowsToFlush(_ contents: FlushContents) async throws -> [TableRows] {
        var found: [TableRows] = []
        for part in contents.parts where part.table == SamplesTable.number {
            let own = contents.parts.first { $0.table == SeriesTable.number && $0.segment == part.segment }
            if let rows = try missingRows(part, besides: own?.keys ?? []) {
                found.append(TableRows(table: SeriesTable.number, batch: rows))
            }
        }
        return found
    }

    /// Series rows of the ids in `part` that are not in an object of its segment.
    /// - Parameter flushing: ascending ids whose rows are being flushed anyway.
    private func missingRows(_ part: FlushContents.Part, besides flushing: [Int64]) throws -> RecordBatch? {
        let start = part.segment.lowerBound
        var missing: [(id: Int64, ordinal: UInt32)] = []
        var at = 0
        var unknown: Int64?
        // In slices, so that writers wait for one slice at most.
        for slice in stride(from: 0, to: part.keys.count, by: 8_192) {
            registry.state.withLock { state in
                let segment = state.segments[start]
                for id in part.keys[slice..<min(slice + 8_192, part.keys.count)] {
                    while at < flushing.count, flushing[at] < id { at += 1 }
                    if at < flushing.count, flushing[at] == id { continue }
                    guard let ordinal = state.ordinal(of: id) else {
                        unknown = unknown ?? id
                        continue
                    }
                    let isPersisted =
                        state.isPrimary(id, of: ordinal)
                        ? segment?.persisted.contains(ordinal) : segment?.persistedExtras.contains(id)
                    if isPersisted != true { missing.append((id, ordinal)) }
                }
            }
        }
        if let unknown {
            throw StorageError(.damaged, "samples of series \(unknown) have no labels in memory; they stay in the log")
        }
        guard !missing.isEmpty else { return nil }
        let view = registry.state.withLock { $0.index.view() }
        return SeriesRows.batch(missing.map { (segment: start, id: $0.id, ordinal: $0.ordinal) }, view)
    }

    func didFlush(_ contents: FlushContents) async {
        for part in contents.parts {
            let start = part.segment.lowerBound
            for slice in stride(from: 0, to: part.keys.count, by: 8_192) {
                let ids = part.keys[slice..<min(slice + 8_192, part.keys.count)]
                registry.state.withLock { state in
                    let ordinals = ids.map { state.ordinal(of: $0) ?? SeriesOrdinal.unknown }
                    state.markPersisted(ids, ordinals, in: start)
                }
            }
        }
    }
}

extension SeriesMaterialiser {
    /// Series are not alive there any more: one that comes back has its row logged again.
    func willExpire(before time: Int64) {
        registry.state.withLock { state in
            for start in state.segments.keys where start + registry.segmentLength <= time {
                state.segments[start] = nil
                state.unloaded.remove(start)
            }
        }
    }
}

/// Rows of the series table that came from a file or from the log, checked.
struct SeriesRows {
    let segments: [Int64]
    let ids: [Int64]
    let metrics: BytesColumn
    let labels: BytesColumn
    var count: Int { ids.count }

    /// - Throws: `StorageError` when a row is not what this engine writes.
    init(_ batch: RecordBatch) throws(StorageError) {
        segments = batch.columns[0].int64s
        ids = batch.columns[1].int64s
        metrics = batch.columns[2].byteStrings
        labels = batch.columns[3].byteStrings
        for row in 0..<batch.rowCount {
            guard ids[row] >= 0 else {
                throw StorageError(.damaged, "the series table holds the id \(ids[row]); `varve verify` finds the file")
            }
            do throws(MalformedBytes) {
                try LabelEncoding.validate(labels[row])
            } catch { throw Self.malformed(ids[row], error) }
        }
    }

    /// Rows for series of the index, in the order given.
    static func batch(
        _ series: [(segment: Int64, id: Int64, ordinal: UInt32)], _ view: LabelIndexView
    ) -> RecordBatch {
        var metrics = BytesColumn()
        var labels = BytesColumn()
        for one in series {
            metrics.append(Array(view.metric(of: one.ordinal)))
            labels.append(view.canonicalLabels(of: one.ordinal))
        }
        return RecordBatch(
            trusted: SeriesTable.schema,
            [.int64(series.map(\.segment)), .int64(series.map(\.id)), .bytes(metrics), .bytes(labels)])
    }

    static func malformed(_ id: Int64, _ error: MalformedBytes) -> StorageError {
        StorageError(
            .damaged,
            "the labels of series \(id) in the series table are malformed: \(error); `varve verify` finds the file")
    }
}
