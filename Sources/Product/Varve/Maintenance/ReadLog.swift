import Columnar
import ManifestLog
import MetricEngine
public import MetricModel
public import ObjectStorage
import Parquet
public import Platform
import StorageEngine
import Synchronization
import WAL

/// Samples of one series from a log, in the order in which they were written.
public struct LoggedSeries: Sendable {
    /// Number of the record that they were in.
    public var sequence: UInt64
    /// The series' id in that log.
    public var id: Int64
    public var labels: Labels
    /// Milliseconds since the Unix epoch.
    public var timestamps: [Int64]
    public var values: [Double]
}

/// What was read of a log.
public struct LogReadReport: Sendable, Equatable {
    public var records: UInt64 = 0
    public var samples: UInt64 = 0
    /// Records that are in this directory's objects already: not handed on.
    public var flushedRecords: UInt64 = 0
    /// Samples whose series is nowhere told: damage took its record.
    public var namelessSamples: UInt64 = 0
    public var namelessSeries = 0
    /// One line for each stretch that could not be read.
    public var losses: [String] = []
}

extension Database {
    /// Hands on every sample of a log, damaged, foreign or fenced as it may be; never writes. Series are told by labels:
    /// from the log itself, and from the objects beside it for those that are older.
    ///
    /// - Records that this directory has brought into objects itself are left out; a log that another claim has superseded
    ///   is read whole.
    /// - Parameters:
    ///   - objects: where they lie; nil: beside the log, if anywhere.
    ///   - cut: records up to this number are in objects, as somebody else knows; nil: nobody does.
    ///   - body: given about one log batch at a time; each series once in it.
    public static func readLog(
        at path: String, objects: (any ObjectStore)? = nil, after cut: UInt64? = nil, environment: Environment = .live,
        _ body: @escaping @Sendable ([LoggedSeries]) async throws -> Void
    ) async throws -> LogReadReport {
        let place = try await environment.blocking.run { try StoredLogPlace.find(path, in: environment.fileSystem) }
        let reader = try await LogSampleReader(place, objects, cut.map { SequenceNumber($0) }, environment)
        return try await reader.run(body)
    }
}

/// Labels for the ids in a log.
private final class LogSampleReader: Sendable {
    private struct State {
        var labels: [Int64: Labels] = [:]
        /// Looked for in the objects, in vain.
        var nameless: Set<Int64> = []
        var report = LogReadReport()
    }
    private let log: String
    private let environment: Environment
    private let store: (any ObjectStore)?
    /// Objects of the series table, newest segment first.
    private let seriesObjects: [LiveObject]
    /// Records up to it are in objects; nil: nothing is known.
    private let flushed: SequenceNumber?
    private let state = Mutex(State())

    init(
        _ place: StoredLogPlace, _ objects: (any ObjectStore)?, _ cut: SequenceNumber?, _ environment: Environment
    ) async throws {
        log = place.log
        self.environment = environment
        let beside = place.objects.map { DirectoryStore(root: $0, environment: environment) as any ObjectStore }
        guard let store = objects ?? beside else {
            (store, seriesObjects, flushed) = (nil, [], cut)
            return
        }
        self.store = store
        // Objects that cannot be told do not keep the log from being read.
        let live =
            (try? await ObjectCheck.liveObjects(
                store: store, tables: MetricStore.tables(layouts: .standard), region: StoredLogPlace.region)) ?? []
        seriesObjects = live.filter { $0.table == "series" }
            .sorted { $0.metadata.segment.lowerBound > $1.metadata.segment.lowerBound }
        let known = try? await LogOwnership.flushed(
            log: place.log, region: StoredLogPlace.region, store: store, environment: environment)
        flushed = cut ?? known
    }

    func run(_ body: @escaping @Sendable ([LoggedSeries]) async throws -> Void) async throws -> LogReadReport {
        let losses: [LogLoss]
        do {
            losses = try await LogExcerpt.read(directory: log, environment: environment) { [self] records in
                for record in records { try await hand(record, to: body) }
            }
        } catch let error as WALError { throw VarveError(.failed, error.description) }
        return state.withLock { state in
            state.report.losses = losses.map(\.description)
            state.report.namelessSeries = state.nameless.count
            return state.report
        }
    }

    private func hand(_ record: LogRecord, to body: ([LoggedSeries]) async throws -> Void) async throws {
        var samples: [RecordBatch] = []
        for entry in record.entries {
            do throws(MalformedBytes) {
                switch entry.table {
                case SeriesTable.number: learn(try RowEncoding.decode(entry.payload, as: SeriesTable.schema))
                case SamplesTable.number:
                    samples.append(try RowEncoding.decode(entry.payload, as: SamplesTable.schema))
                default: break
                }
            } catch {
                throw VarveError(
                    .damaged, "log record \(record.sequence) has a sound checksum and cannot be read: \(error)")
            }
        }
        if let flushed, record.sequence <= flushed {
            state.withLock { $0.report.flushedRecords += 1 }
            return
        }
        state.withLock { $0.report.records += 1 }
        for batch in samples {
            try await lookUp(batch.columns[0].int64s)
            let series = gather(batch, record.sequence)
            if !series.isEmpty { try await body(series) }
        }
    }

    private func learn(_ batch: RecordBatch) {
        let (ids, metrics, labels) = (
            batch.columns[1].int64s, batch.columns[2].byteStrings, batch.columns[3].byteStrings
        )
        state.withLock { state in
            for row in 0..<batch.rowCount where state.labels[ids[row]] == nil {
                guard let decoded = try? LabelEncoding.decode(metric: metrics[row], labels: labels[row]) else {
                    continue  // its samples will be counted as nameless
                }
                state.labels[ids[row]] = decoded
            }
        }
    }

    /// Ids that the log has not told are looked for in the objects, each once.
    private func lookUp(_ ids: [Int64]) async throws {
        var unknown = state.withLock { state in
            Set(ids.filter { state.labels[$0] == nil && !state.nameless.contains($0) })
        }
        guard !unknown.isEmpty else { return }
        if let store {
            let table = MetricStore.tables(layouts: .standard).first { $0.number == SeriesTable.number }
            for object in seriesObjects where !unknown.isEmpty {
                guard let table, let bytes = try? await store.get(object.key).bytes,
                    let reader = try? await table.layout.open(
                        MemoryByteSource(bytes), name: object.key.path, schema: table.schema)
                else { continue }  // an unreadable object: another one may tell
                let cursor = reader.cursor(FileScan(keys: unknown.sorted(), selectionColumn: table.selectionColumn))
                while let batch = try? await cursor.next() { learn(batch) }
                unknown = state.withLock { state in unknown.filter { state.labels[$0] == nil } }
            }
        }
        let rest = unknown
        state.withLock { $0.nameless.formUnion(rest) }
    }

    private func gather(_ batch: RecordBatch, _ sequence: SequenceNumber) -> [LoggedSeries] {
        let (ids, times, values) = (batch.columns[0].int64s, batch.columns[1].int64s, batch.columns[2].float64s)
        return state.withLock { state in
            var series: [LoggedSeries] = []
            var places: [Int64: Int] = [:]
            for row in 0..<batch.rowCount {
                guard let labels = state.labels[ids[row]] else {
                    state.report.namelessSamples += 1
                    continue
                }
                let place = places[ids[row]] ?? series.count
                if place == series.count {
                    places[ids[row]] = place
                    series.append(
                        LoggedSeries(
                            sequence: sequence.rawValue, id: ids[row], labels: labels, timestamps: [], values: []))
                }
                series[place].timestamps.append(times[row])
                series[place].values.append(values[row])
                state.report.samples += 1
            }
            return series
        }
    }
}
