import MetricEngine
import MetricModel
import ObjectStorage
import Platform
public import Simulation
import StorageEngine
import Synchronization

/// What was sent and what was acknowledged, by series and time. A sample's value follows from both.
public final class MetricLedger: Sendable {
    struct Sample: Hashable, Comparable {
        let series: Int
        let time: Int64
        var value: Double { Double(series) * 1e6 + Double(time % 1_000_003) }
        static func < (a: Self, b: Self) -> Bool { (a.series, a.time) < (b.series, b.time) }
    }
    struct State {
        var sent: Set<Sample> = []
        var acknowledged: Set<Sample> = []
    }
    private let state: Mutex<State>

    init(_ state: State = State()) { self.state = Mutex(state) }
    func copy() -> MetricLedger { MetricLedger(state.withLock { $0 }) }

    static func labels(_ series: Int) -> Labels {
        Labels([("__name__", "m\(series % 3)"), ("instance", "i\(series)"), ("job", "crash")])
    }

    /// Sends one sample of each of these series, as new ones: the store finds those it knows.
    func send(_ store: MetricStore, _ series: [Int], at time: Int64) async throws -> [String] {
        var columns = SampleColumns()
        var samples: Set<Sample> = []
        for number in series {
            let labels = Self.labels(number)
            let reference = columns.newSeries.append(
                metric: Array((labels.metricName ?? "").utf8)[...], labels: LabelEncoding.encode(labels)[...],
                spelling: nil)
            let sample = Sample(series: number, time: time)
            columns.append(reference, time, sample.value)
            samples.insert(sample)
        }
        let sent = samples
        state.withLock { $0.sent.formUnion(sent) }
        let outcome = try await store.append(columns)
        state.withLock { $0.acknowledged.formUnion(sent) }
        return outcome.samplesStored == sent.count ? [] : ["\(outcome.samplesStored) of \(sent.count) samples stored"]
    }

    func problems(_ found: [SeriesRun]) -> [String] {
        let books = state.withLock { $0 }
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
        let (missing, invented) = (books.acknowledged.subtracting(seen), seen.subtracting(books.sent))
        if !missing.isEmpty { problems.append("\(missing.count) lost, first \(missing.sorted()[0])") }
        if !invented.isEmpty { problems.append("\(invented.count) invented, first \(invented.sorted()[0])") }
        return problems
    }
}

/// Metrics on the engine, before, at and after the end of a day: no sample without its labels, no number given twice.
public struct MetricStory: Story {
    public let name = "metric store"
    /// The end of a day: of a minute here, so that segments come and go.
    private static let midnight: Int64 = 1_780_000_020_000
    private static let everything = SelectRequest(matchers: [], start: .min, end: .max)

    public init() {}
    public func makeBooks() -> MetricLedger { MetricLedger() }
    public func copy(_ books: MetricLedger) -> MetricLedger { books.copy() }

    private func open(_ environment: Environment) async throws -> MetricStore {
        var options = MetricStoreOptions()
        options.region.runsInBackground = false
        options.region.logDirectory = "/data/log"
        options.region.logSegmentSize = .kibibytes(16)
        options.segmentLength = 60_000
        let store = DirectoryStore(root: "/data/objects", environment: environment)
        try await store.prepare()
        return try await MetricStore.open(options, store: store, layouts: .standard, environment: environment)
    }

    public func play(_ disk: MemoryFileSystem, _ time: SimulatedTime, _ books: MetricLedger) throws {
        let world = SimulatedWorld(seed: 5, fileSystem: disk, time: time)
        try world.run { environment in
            var random = SeededGenerator(seed: 3)
            var problems: [String] = []
            // Late ones, those of before midnight, those of after.
            func send(_ store: MetricStore, _ count: Int, upTo series: Int, around middle: Int64) async throws {
                for _ in 0..<count {
                    let time = middle + Int64.random(in: -120..<30, using: &random) * 1_000
                    var chosen: [Int] = []
                    for number in 0..<series where Bool.random(using: &random) { chosen.append(number) }
                    problems += try await books.send(store, chosen, at: time)
                }
            }
            var store = try await open(environment)
            try await send(store, 3, upTo: 3, around: Self.midnight - 30_000)
            try await store.flush()
            try await send(store, 3, upTo: 6, around: Self.midnight)
            try await store.flush()
            try await send(store, 2, upTo: 8, around: Self.midnight)
            try await store.compact()
            try await store.close()
            store = try await open(environment)
            try await send(store, 3, upTo: 12, around: Self.midnight + 30_000)
            try await store.flush()
            try await store.compact()
            try await send(store, 3, upTo: 14, around: Self.midnight + 60_000)
            if let problem = problems.first { throw StorageError(.refused, problem) }
        }
    }

    /// After the recovery new series are written and read back, too: a number that a lost life may have used must not be
    /// given to another series.
    public func recover(
        _ disk: MemoryFileSystem, at now: Int64, _ books: MetricLedger, seed: UInt64, thorough: Bool,
        observe: (@Sendable (Int) -> Void)?
    ) throws -> [String] {
        let world = SimulatedWorld(seed: seed, fileSystem: disk, time: SimulatedTime(start: now))
        disk.observe(observe)
        let problems = try world.run { environment in
            let store = try await open(environment)
            disk.observe(nil)
            var problems = books.problems(try await store.select(Self.everything)) + store.region.problems()
            problems += try await books.send(store, Array(20..<24), at: Self.midnight)
            if thorough { try await store.flush() }
            problems += books.problems(try await store.select(Self.everything)).map { "after new series: \($0)" }
            return problems
        }
        guard thorough, problems.isEmpty else { return problems }
        let again = SimulatedWorld(
            seed: seed &+ 1, fileSystem: disk.crash(.none, seed: seed), time: SimulatedTime(start: now))
        return try again.run { environment in
            let store = try await open(environment)
            return books.problems(try await store.select(Self.everything)).map { "second recovery: \($0)" }
        }
    }
}
