import Columnar
import MetricEngine
import MetricModel
import ObjectStorage
import Platform
import Simulation
import StorageEngine
import Synchronization
import Testing

@testable import Varve
@testable import VarveServer

/// Nodes take a database from one another; what each had acknowledged comes in from its log, sooner or later. Whatever the
/// order in which it comes, of each sample the write that was acknowledged last is seen.
@Suite struct LeftLogTests {
    private static let start: Int64 = 1_700_000_000_000

    private struct Key: Hashable, Comparable {
        var series: Int
        var time: Int64
        static func < (a: Self, b: Self) -> Bool { (a.series, a.time) < (b.series, b.time) }
    }

    private struct Node {
        var number: Int
        var database: Database
        var directory: String { "/node\(number)" }
    }

    private static var options: DatabaseOptions {
        var options = DatabaseOptions()
        options.runsInBackground = false
        options.limits.futureSkew = 100 * 366 * 86_400_000
        return options
    }

    private static func labels(_ series: Int) -> Labels {
        Labels([(Labels.metricNameLabel, "t"), ("series", "\(series)")])
    }

    private static func open(
        _ number: Int, _ store: any ObjectStore, _ environment: Environment
    ) async throws -> Node {
        Node(
            number: number,
            database: try await Database.open(
                store: store, logDirectory: "/node\(number)/wal/main", options: options, environment: environment))
    }

    /// What `varve wal replay` does, with bodies of few records; some are sent twice.
    private static func bringIn(
        _ directory: String, to database: Database, _ store: any ObjectStore, _ environment: Environment,
        _ random: inout SeededGenerator, between: @Sendable () async throws -> Void = {}
    ) async throws {
        let claimants = try await Database.claimants(ofLogAt: directory, environment: environment)
        let cut = try #require(database.cut(ofLogOf: claimants))
        let found = Mutex<[LoggedSeries]>([])
        _ = try await Database.readLog(at: directory, objects: store, after: cut, environment: environment) { series in
            found.withLock { $0 += series }
        }
        var rest = found.withLock { $0 }[...]
        while let first = rest.first {
            let last = first.sequence + UInt64.random(in: 0...2, using: &random)
            let part = Array(rest.prefix { $0.sequence <= last })
            rest = rest.dropFirst(part.count)
            let body = try RemoteWriter.body(RemoteWriter.identified(part))
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let sequences = first.sequence...(part.last?.sequence ?? first.sequence)
                guard case .success(let outcome) = await database.bringIn(body, numbered: sequences) else {
                    Issue.record("records \(sequences) were not taken")
                    return
                }
                #expect(outcome.refused == 0)
            }
            try await between()
        }
    }

    private static func contents(_ database: Database) async throws -> [Key: Double] {
        var found: [Key: Double] = [:]
        for series in 0..<3 {
            let runs = try await database.store.select(
                SelectRequest(
                    matchers: [LabelMatcher("series", equals: "\(series)")], start: start - 1,
                    end: start + 4 * 86_400_000))
            for run in runs {
                for (time, value) in zip(run.timestamps, run.values) {
                    #expect(found.updateValue(value, forKey: Key(series: series, time: time)) == nil)
                }
            }
        }
        return found
    }

    @Test(arguments: UInt64(0)..<16)
    func ofEachSampleTheLastAcknowledgedWriteIsSeen(seed: UInt64) async throws {
        let environment = Environment.simulated(seed: seed)
        let store = MemoryStore()
        var random = SeededGenerator(seed: seed)
        var model: [Key: Double] = [:]
        var value = 0.0
        var left: [String] = []
        var node = try await Self.open(0, store, environment)
        for round in 0..<4 {
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                switch Int.random(in: 0..<8, using: &random) {
                case 0: try await node.database.flush()
                case 1: try await node.database.compact()
                case 2 where !left.isEmpty:
                    try await Self.bringIn(
                        left.removeFirst(), to: node.database, store, environment, &random)
                case 3 where round > 0:
                    // The same node again: its own log is replayed as ever.
                    try await node.database.close()
                    node = try await Self.open(node.number, store, environment)
                default:
                    let series = Int.random(in: 0..<3, using: &random)
                    let time = Self.start + Int64.random(in: 0..<6, using: &random) * 30_000_000
                    value += 1
                    try await node.database.append([
                        Sample(labels: Self.labels(series), timestamp: time, value: value)
                    ])
                    model[Key(series: series, time: time)] = value
                }
            }
            // Not closed: it is stopped where it stands, and the next one claims.
            left.append(node.directory)
            node = try await Self.open(round + 1, store, environment)
        }
        // In any order: each log has its own place.
        left.shuffle(using: &random)
        for directory in left {
            try await Self.bringIn(directory, to: node.database, store, environment, &random)
        }
        try #require(try await Self.contents(node.database) == model, "seed \(seed)")
        try await node.database.flush()
        try await node.database.compact()
        try #require(try await Self.contents(node.database) == model, "seed \(seed), merged")
        try await node.database.close()
        let again = try await Self.open(9, store, environment)
        try #require(try await Self.contents(again.database) == model, "seed \(seed), on a fresh node")
        let report = try await Database.verify(at: "/none", objects: store, environment: environment)
        #expect(report.problems == [])
        try await again.database.close()
    }

    @Test func aLogThatNobodyLeftBehindHereIsNotKnown() async throws {
        let environment = Environment.simulated(seed: 1)
        let one = try await Self.open(0, MemoryStore(), environment)
        let other = try await Self.open(1, MemoryStore(), environment)
        let claimants = try await Database.claimants(ofLogAt: other.directory, environment: environment)
        #expect(claimants.count == 1)
        #expect(one.database.cut(ofLogOf: claimants) == nil)
        let body = try RemoteWriter.body([
            LoggedSeries(sequence: 7, id: 1, labels: Self.labels(0), timestamps: [Self.start], values: [1])
        ])
        let answer = await one.database.bringIn(body, numbered: 7...7)
        guard case .failure(.malformed) = answer else {
            Issue.record("\(answer)")
            return
        }
        try await one.database.close()
        try await other.database.close()
    }

    @Test func headersAreReadAsTheyAreWritten() {
        for log in [LeftLog(claimants: [1, .max]), LeftLog(claimants: [7], sequences: 3...UInt64.max)] {
            let headers = Dictionary(uniqueKeysWithValues: log.headers)
            #expect(LeftLog(log: headers[LeftLog.logHeader] ?? "", sequences: headers[LeftLog.sequencesHeader]) == log)
        }
        for (log, sequences) in [
            ("", nil), ("x", nil), ("1,", nil), ("10000000000000000", nil), ("1,2,3,4,5,6,7,8,9", nil), ("1", "2"),
            ("1", "3-2"), ("1", "-"), ("1", "1-2-3"), ("1", "1-18446744073709551616"),
        ] as [(String, String?)] {
            #expect(LeftLog(log: log, sequences: sequences) == nil, "\(log) \(sequences ?? "")")
        }
    }

    @Test func theQuestionAndTheBodiesOfALogAreAnsweredByTheWritePath() async throws {
        let environment = Environment.simulated(seed: 2)
        let store = MemoryStore()
        let old = try await Self.open(0, store, environment)
        try await old.database.append([Sample(labels: Self.labels(0), timestamp: Self.start, value: 1)])
        let new = try await Self.open(1, store, environment)
        let claimants = try await Database.claimants(ofLogAt: old.directory, environment: environment)
        func ask(_ log: LeftLog, _ series: [LoggedSeries]) async throws -> APIAnswer {
            await WriteRoute.bringIn(
                headers: Dictionary(uniqueKeysWithValues: log.headers),
                body: try RemoteWriter.body(RemoteWriter.identified(series)),
                to: new.database)
        }
        let question = try await ask(LeftLog(claimants: claimants), [])
        #expect(question.status == 200 && question.wholeBody == Array("0\n".utf8))
        #expect(try await ask(LeftLog(claimants: [3]), []).status == 204)
        let first = SequenceNumber.first(of: .init(1)).rawValue + 1
        let body = [
            LoggedSeries(
                sequence: first, id: 1 << 39 | 1, labels: Self.labels(0), timestamps: [Self.start], values: [1])
        ]
        #expect(try await ask(LeftLog(claimants: claimants, sequences: first...first), body).status == 204)
        #expect(try await Self.contents(new.database) == [Key(series: 0, time: Self.start): 1])
        #expect(try await ask(LeftLog(claimants: [3], sequences: first...first), body).status == 400)
        let ahead = SequenceNumber.first(of: .init(2)).rawValue
        #expect(try await ask(LeftLog(claimants: claimants, sequences: ahead...ahead), body).status == 400)
        #expect(
            await WriteRoute.bringIn(headers: [LeftLog.logHeader: "?"], body: [], to: new.database).status == 400)
        try await new.database.close()
    }
}
