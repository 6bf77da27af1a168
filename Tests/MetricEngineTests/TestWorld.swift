import Columnar
import MetricModel
import ObjectStorage
import Parquet
import Platform
import Simulation
import StorageEngine
import Synchronization

@testable import MetricEngine

/// A clock that stands still until it is set.
final class TestClock: TimeSource {
    private let time: Mutex<Int64>
    init(_ start: Int64) { time = Mutex(start) }
    func set(_ now: Int64) { time.withLock { $0 = now } }
    func now() -> Int64 { time.withLock { $0 } }
    func monotonic() -> UInt64 { UInt64(max(now(), 0)) * 1_000_000 }
    /// Any wait is short: retries go on, and nobody spins.
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: min(duration, .milliseconds(5))) }
}

/// One store, one disk, one clock: what stays when a metric store is closed, killed or loses power.
struct TestWorld {
    static let day: Int64 = 86_400_000
    /// Noon of some day.
    static let noon: Int64 = 19_800 * day + day / 2

    let clock = TestClock(Self.noon)
    let objects = MemoryStore()
    var files: MemoryFileSystem
    let random: SeededRandomSource
    var options = MetricStoreOptions()
    /// The storage format's, or rows as the log has them.
    var layouts = MetricLayouts(samples: { _ in LogRowsLayout() }, series: LogRowsLayout(), metadata: LogRowsLayout())

    init(seed: UInt64) {
        files = MemoryFileSystem(time: clock)
        random = SeededRandomSource(seed: seed)
        options.region.runsInBackground = false
        options.region.logSegmentSize = .kibibytes(64)
        options.region.logDirectory = "/log"
    }

    var environment: Environment {
        Environment(fileSystem: files, time: clock, random: random, blocking: InlineExecutor())
    }

    func open() async throws(StorageError) -> MetricStore {
        try await MetricStore.open(options, store: objects, layouts: layouts, environment: environment)
    }

    /// The process is gone; or the power, and with it what was not synced.
    mutating func crash(using random: inout SeededGenerator) {
        if Bool.random(using: &random) {
            files = files.killed()
        } else {
            files = files.crash(CrashOutcome.allCases.randomElement(using: &random) ?? .none, seed: random.next())
        }
    }
}

extension MetricStore {
    /// Writes samples of label sets that come in no spelling.
    @discardableResult
    func write(_ samples: [(Labels, Int64, Double)]) async throws -> AppendOutcome {
        var columns = SampleColumns()
        var known: [Labels: UInt32] = [:]
        for (labels, time, value) in samples {
            let series =
                known[labels]
                ?? columns.newSeries.append(
                    metric: Array((labels.metricName ?? "").utf8)[...], labels: LabelEncoding.encode(labels)[...],
                    spelling: nil)
            known[labels] = series
            columns.append(series, time, value)
        }
        return try await append(columns)
    }

    func everything(_ matchers: [LabelMatcher] = []) async throws -> [SeriesRun] {
        try await select(SelectRequest(matchers: matchers, start: .min, end: .max))
    }
}

/// Rows as the log encodes them: a file layout with nothing to go wrong, so that these tests are about the metric engine.
struct LogRowsLayout: FileLayout {
    struct Writer: TableFileWriter {
        var rows: RecordBatchBuilder
        mutating func append(_ batch: RecordBatch) { rows.append(batch, 0..<batch.rowCount) }
        mutating func finish() -> Bytes { RowEncoding.encode(rows.finish()) }
    }

    struct Reader: TableFileReader {
        let batch: RecordBatch
        var rowCount: UInt64 { UInt64(batch.rowCount) }
        func cursor(_ scan: FileScan) -> any BatchCursor { Cursor(batch, scan) }
    }

    final class Cursor: BatchCursor {
        private var rest: RecordBatch
        init(_ batch: RecordBatch, _ scan: FileScan) {
            let keys = scan.keys.map { Set($0) }
            var wanted = RecordBatchBuilder(batch.schema)
            let selection = scan.selectionColumn.map { batch.columns[$0].int64s } ?? []
            let times = batch.schema.timeColumn.map { batch.columns[$0].int64s } ?? []
            for row in 0..<batch.rowCount {
                if let keys, !selection.isEmpty, !keys.contains(selection[row]) { continue }
                if let range = scan.times, !times.isEmpty, !range.contains(times[row]) { continue }
                wanted.append(batch, row..<row + 1)
            }
            rest = wanted.finish()
        }
        /// Seven rows at a time: batch borders fall everywhere.
        func next() async throws -> RecordBatch? {
            guard !rest.isEmpty else { return nil }
            let first = rest.slice(0..<min(7, rest.rowCount))
            rest = rest.slice(first.rowCount..<rest.rowCount)
            return first
        }
    }

    func makeWriter(_ context: FileContext) -> any TableFileWriter { Writer(rows: RecordBatchBuilder(context.schema)) }

    func open(
        _ source: any ByteSource, name: String, schema: Schema
    ) async throws(StorageError) -> any TableFileReader {
        do {
            return Reader(batch: try RowEncoding.decode(try await source.read(0..<source.size), as: schema))
        } catch { throw StorageError(.damaged, "\(name): \(error)") }
    }
}
