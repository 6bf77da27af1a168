import MetricEngine
import MetricModel
import ObjectStorage
import Platform
import Simulation
import StorageEngine
import Synchronization
import Testing

/// What was sent and what was acknowledged, by series and time. A sample's value follows from both.
private struct MetricLedger: Sendable {
    var sent: Set<Sample> = []
    var acknowledged: Set<Sample> = []

    struct Sample: Hashable, Comparable {
        let series: Int
        let time: Int64
        var value: Double { Double(series) * 1e6 + Double(time % 1_000_003) }
        static func < (a: Self, b: Self) -> Bool { (a.series, a.time) < (b.series, b.time) }
    }

    static func labels(_ series: Int) -> Labels {
        Labels([("__name__", "m\(series % 3)"), ("instance", "i\(series)"), ("job", "crash")])
    }

    func problems(_ found: [SeriesRun]) -> [String] {
        var problems: [String] = []
        var seen: Set<Sample> = []
        for run in found {
            guard let text = run.labels["instance"], let series = Int(text.dropFirst()),
                run.labels == Self.labels(series)
            else {
                problems.append("series \(run.labels) was never sent")
                continue
            }
            for (time, value) in zip(run.timestamps, run.values) {
                let sample = Sample(series: series, time: time)
                if value.bitPattern != sample.value.bitPattern { problems.append("\(sample) has the value \(value)") }
                if !seen.insert(sample).inserted { problems.append("\(sample) comes twice") }
            }
        }
        let (missing, invented) = (acknowledged.subtracting(seen), seen.subtracting(sent))
        if !missing.isEmpty { problems.append("\(missing.count) lost, first \(missing.sorted()[0])") }
        if !invented.isEmpty { problems.append("\(invented.count) invented, first \(invented.sorted()[0])") }
        return problems
    }
}

private final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

/// Metrics on the engine, crashed at operations of the disk: no sample without its labels, no series number given twice.
@Suite struct MetricSweepTests {
    private static let start: Int64 = 1_780_000_000_000

    private static func open(_ environment: Environment) async throws -> MetricStore {
        var options = MetricStoreOptions()
        options.region.runsInBackground = false
        options.region.logDirectory = "/data/log"
        options.region.logSegmentSize = .kibibytes(16)
        options.segmentLength = 60_000
        let store = DirectoryStore(root: "/data/objects", environment: environment)
        try await store.prepare()
        return try await MetricStore.open(options, store: store, layouts: .standard, environment: environment)
    }

    private static func scenario(_ world: SimulatedWorld, _ ledger: Shared<MetricLedger>) throws {
        try world.run { environment in
            var random = SeededGenerator(seed: 3)
            func write(_ store: MetricStore, _ count: Int, upTo series: Int) async throws {
                for _ in 0..<count {
                    var columns = SampleColumns()
                    var samples: Set<MetricLedger.Sample> = []
                    let time = start - Int64.random(in: 0..<180, using: &random) * 1_000
                    for number in 0..<series where Bool.random(using: &random) {
                        let labels = MetricLedger.labels(number)
                        let reference = columns.newSeries.append(
                            metric: Array((labels.metricName ?? "").utf8)[...],
                            labels: LabelEncoding.encode(labels)[...], spelling: nil)
                        let sample = MetricLedger.Sample(series: number, time: time)
                        columns.append(reference, time, sample.value)
                        samples.insert(sample)
                    }
                    ledger.value.withLock { $0.sent.formUnion(samples) }
                    let outcome = try await store.append(columns)
                    #expect(outcome.samplesStored == samples.count)
                    ledger.value.withLock { $0.acknowledged.formUnion(samples) }
                }
            }
            var store = try await open(environment)
            try await write(store, 2, upTo: 3)
            try await store.flush()
            try await write(store, 2, upTo: 6)
            try await store.flush()
            try await write(store, 1, upTo: 8)
            try await store.compact()
            try await store.close()
            store = try await open(environment)
            try await write(store, 3, upTo: 12)
        }
    }

    /// Each operation is crashed with one of the outcomes; after the recovery new series are written and read back, too.
    @Test func noSampleIsLostOrWithoutItsLabels() throws {
        struct Point: Sendable {
            let operation: Int
            let disk: MemoryFileSystem
            let ledger: MetricLedger
        }
        let world = SimulatedWorld(seed: 5)
        let ledger = Shared(MetricLedger())
        let points = Shared<[Point]>([])
        world.fileSystem.observe { [unowned disk = world.fileSystem] operation in
            let point = Point(operation: operation, disk: disk.copy(), ledger: ledger.value.withLock { $0 })
            points.value.withLock { $0.append(point) }
        }
        try Self.scenario(world, ledger)
        world.fileSystem.observe(nil)
        let outcomes = [CrashOutcome.none, .subset, .torn]
        let all = points.value.withLock { $0 }
        #expect(all.count > 200)
        let step = setting("CRASH_METRIC_STEP") ?? 2
        for point in all where point.operation % step == 0 {
            let outcome = outcomes[point.operation / step % outcomes.count]
            let disk = point.disk.crash(outcome, seed: UInt64(point.operation))
            let world = SimulatedWorld(seed: UInt64(point.operation), fileSystem: disk)
            let problems: [String]
            do {
                problems = try world.run { environment in
                    let store = try await Self.open(environment)
                    let everything = SelectRequest(matchers: [], start: .min, end: .max)
                    var problems = point.ledger.problems(try await store.select(everything))
                    // A series number that a lost life may have used must not be given to another series.
                    var columns = SampleColumns()
                    var books = point.ledger
                    for number in 20..<24 {
                        let labels = MetricLedger.labels(number)
                        let reference = columns.newSeries.append(
                            metric: Array((labels.metricName ?? "").utf8)[...],
                            labels: LabelEncoding.encode(labels)[...], spelling: nil)
                        let sample = MetricLedger.Sample(series: number, time: Self.start)
                        columns.append(reference, sample.time, sample.value)
                        books.sent.insert(sample)
                        books.acknowledged.insert(sample)
                    }
                    _ = try await store.append(columns)
                    try await store.flush()
                    problems += books.problems(try await store.select(everything)).map { "after new series: \($0)" }
                    return problems
                }
            } catch { problems = ["recovery says \(error)"] }
            try #require(problems == [], "crash at \(point.operation), \(outcome)")
        }
    }
}
