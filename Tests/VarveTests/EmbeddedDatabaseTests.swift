import Columnar
import MetricEngine
import MetricModel
import Platform
import PromQL
import Simulation
import StorageEngine
import Testing
import WAL

@testable import Varve

/// The library as an application uses it, on a simulated disk.
@Suite struct EmbeddedDatabaseTests {
    @Test func openAppendQueryClose() async throws {
        let environment = Environment.simulated(seed: 1)
        let start: Int64 = 1_700_000_000_000
        var options = DatabaseOptions()
        options.runsInBackground = false
        options.limits.futureSkew = 100 * 366 * 86_400_000
        let database = try await Database.open(at: "/data", options: options, environment: environment)
        try await database.append((0..<60).map { Sample("t", ["room": "attic"], Double($0), at: start + $0 * 1_000) })
        let answer = try await database.query("max_over_time(t[1m])", at: start + 59_000)
        guard case .vector(let samples) = answer.value else { return #expect(Bool(false)) }
        #expect(samples.map(\.value) == [59])
        #expect(samples[0].labels == Labels([("room", "attic")]))
        try await database.close()

        // Everything is there again, from objects.
        let again = try await Database.open(at: "/data", options: options, environment: environment)
        guard case .vector(let later) = try await again.query("count_over_time(t[1m])", at: start + 59_500).value else {
            return #expect(Bool(false))
        }
        #expect(later.map(\.value) == [60])
        #expect(try await again.labelNames() == ["__name__", "room"])
        try await again.close()
        let report = try await Database.verify(at: "/data", environment: environment)
        #expect(report.problems == [])
        #expect(report.rows >= 60)
    }

    @Test func verifyDecodesWhatTheLogHolds() async throws {
        let environment = Environment.simulated(seed: 7)
        var options = DatabaseOptions()
        options.runsInBackground = false
        options.limits.futureSkew = 100 * 366 * 86_400_000
        let start: Int64 = 1_700_000_000_000
        let database = try await Database.open(at: "/data", options: options, environment: environment)
        try await database.append((0..<20).map { Sample("t", ["room": "attic"], Double($0), at: start + $0) })
        let report = try await Database.verify(at: "/data", environment: environment)
        #expect(report.problems == [])
        #expect(report.logRecords == 1)
        #expect(report.logRows == 21, "20 samples and the labels of their series")
        try await database.close()

        // A record with a sound checksum whose labels are none.
        let log = try await RegionLog.open(
            directory: "/data/wal/main", region: "main", options: WALOptions(), environment: environment)
        let labels = RecordBatch(
            trusted: SeriesTable.schema,
            [.int64([0]), .int64([77]), .bytes(BytesColumn([Array("t".utf8)])), .bytes(BytesColumn([[200, 1]]))])
        let sequence = try #require(log.lastSequence?.next)
        try log.enqueue(
            LogRecord(
                sequence: sequence,
                entries: [LogEntry(table: SeriesTable.number, payload: RowEncoding.encode(labels))]))
        try await log.waitUntilDurable(sequence)
        try await log.close()
        let after = try await Database.verify(at: "/data", environment: environment)
        #expect(after.problems.count == 1)
        #expect(after.problems.first?.contains("the labels of series 77 cannot be read") == true, "\(after.problems)")
    }

    @Test func aSecondOpenerIsToldWhoHasIt() async throws {
        let environment = Environment.simulated(seed: 2)
        let database = try await Database.open(at: "/data", environment: environment)
        let error = await #expect(throws: VarveError.self) {
            _ = try await Database.open(at: "/data", environment: environment)
        }
        #expect(error?.kind == .taken)
        #expect(error?.text.contains("process") == true)
        try await database.close()
    }

    @Test func aStrangersDirectoryIsLeftAlone() async throws {
        let environment = Environment.simulated(seed: 3)
        try environment.fileSystem.createDirectory("/home")
        _ = try environment.fileSystem.open("/home/thesis.tex", .createNew)
        let error = await #expect(throws: VarveError.self) {
            _ = try await Database.open(at: "/home", environment: environment)
        }
        #expect(error?.kind == .foreign)
        #expect(try environment.fileSystem.list("/home") == ["thesis.tex"])
    }
}
