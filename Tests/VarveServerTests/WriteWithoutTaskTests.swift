import Compression
import Ingest
import MetricEngine
import MetricModel
import Platform
import PromQL
import Simulation
import Synchronization
import Testing

@testable import Varve
@testable import VarveServer

/// A body is answered exactly once, whichever way it takes: at once on the caller's thread as far as its series are known, in
/// a task where something must be waited for.
@Suite struct WriteWithoutTaskTests {
    private static let start: Int64 = 1_700_000_000_000

    private static func body(_ names: [String], at time: Int64, _ value: Double) throws -> [UInt8] {
        try Snappy.compress(
            RemoteWriter.encode(
                names.map { name in
                    LoggedSeries(
                        sequence: 1, id: 1,
                        labels: Labels([(Labels.metricNameLabel, name)]), timestamps: [time], values: [value])
                }))
    }

    /// The answer, and how often it had come when everything was over.
    private static func send(
        _ body: [UInt8], to database: Database
    ) async -> (result: Result<WriteOutcome, WriteRefusal>, isAtOnce: Bool) {
        let answers = Mutex(0)
        let isAtOnce = Mutex(false)
        let result = await withCheckedContinuation { continuation in
            database.remoteWrite(body) { result in
                answers.withLock { $0 += 1 }
                continuation.resume(returning: result)
            }
            isAtOnce.withLock { $0 = answers.withLock { $0 } == 1 }
        }
        #expect(answers.withLock { $0 } == 1)
        return (result, isAtOnce.withLock { $0 })
    }

    @Test func newAndKnownSeriesAreStoredAndVisibleWhenTheAnswerComes() async throws {
        var options = DatabaseOptions()
        options.runsInBackground = false
        options.limits.futureSkew = 100 * 366 * 86_400_000
        let database = try await Database.open(at: "/data", options: options, environment: .simulated(seed: 3))
        for step in 0..<5 {
            // The first body brings new series, the others are of known ones, the last of both.
            let names = step == 4 ? ["a", "b", "c"] : ["a", "b"]
            let time = Self.start + Int64(step) * 1_000
            let sent = await Self.send(try Self.body(names, at: time, Double(step)), to: database)
            #expect(try sent.result.get() == WriteOutcome(samples: names.count))
            guard case .vector(let found) = try await database.query("{__name__=~'.+'}", at: time).value else {
                return #expect(Bool(false))
            }
            #expect(found.map(\.value) == Array(repeating: Double(step), count: names.count))
        }
        try await database.close()
        let late = await Self.send(try Self.body(["a"], at: Self.start + 9_000, 1), to: database)
        guard case .failure(.overloaded) = late.result else { return #expect(Bool(false), "\(late.result)") }
    }

    @Test func knownSeriesNeedNoTask() async throws {
        let database = try await Database.open(at: "/data", environment: .simulated(seed: 5))
        let now = Environment.simulated(seed: 5).time.now()
        let new = try database.receiver.begin(snappy: try Self.body(["a"], at: now, 1)) { _ in }
        #expect(try await database.receiver.store(try #require(new)).samplesWritten == 1)
        let stored: Result<RemoteWriteOutcome, IngestError>
        stored = try await withCheckedThrowingContinuation { continuation in
            do {
                let known = try database.receiver.begin(snappy: try Self.body(["a"], at: now + 1_000, 2)) {
                    continuation.resume(returning: $0)
                }
                if known != nil { continuation.resume(throwing: VarveError(.failed, "it must be waited for")) }
            } catch { continuation.resume(throwing: error) }
        }
        #expect(try stored.get().samplesWritten == 1)
        try await database.close()
    }

    @Test func whatIsNoBodyIsRefusedAtOnce() async throws {
        let database = try await Database.open(at: "/data", environment: .simulated(seed: 4))
        for bytes in [[], [9], try Snappy.compress([0xff, 0xff, 0xff])] as [[UInt8]] {
            let sent = await Self.send(bytes, to: database)
            guard case .failure(.malformed) = sent.result else { return #expect(Bool(false), "\(sent.result)") }
            #expect(sent.isAtOnce)
        }
        try await database.close()
    }
}
