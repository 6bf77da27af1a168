import Columnar
import Platform
import Simulation
import Testing
import WAL

@testable import StorageEngine

/// `verify` decodes what the log holds: a checksum says only that the bytes are those that were written.
@Suite struct LogCheckTests {
    private static let tables = [TestTables.samples, TestTables.notes]

    /// A log with these entries, a record each; closed.
    private static func log(_ entries: [[LogEntry]], _ environment: Environment) async throws {
        let log = try await RegionLog.open(
            directory: "/log", region: "main", options: WALOptions(), environment: environment)
        for (i, entries) in entries.enumerated() {
            try log.enqueue(LogRecord(sequence: SequenceNumber(UInt64(i + 1)), entries: entries))
        }
        try await log.waitUntilDurable(SequenceNumber(UInt64(entries.count)))
        try await log.close()
    }

    private static func entry(_ rows: TableRows) -> LogEntry {
        LogEntry(table: rows.table, payload: RowEncoding.encode(rows.batch))
    }

    private static let good = entry(TestTables.sampleRows([(1, 5, 1), (2, 6, 2)]))

    @Test func soundRowsAreCounted() async throws {
        let environment = Environment.simulated(seed: 1)
        try await Self.log([[Self.good, Self.entry(TestTables.noteRows([("n", nil)]))], [Self.good], []], environment)
        let check = try await LogCheck.run(directory: "/log", tables: Self.tables, environment: environment)
        #expect(check.problems == [])
        #expect(check.records == 3)
        #expect(check.rows == 5)
        let none = try await LogCheck.run(directory: "/nowhere", tables: Self.tables, environment: environment)
        #expect(none.records == 0 && none.problems == [])
    }

    /// Every one of them would keep a start from going on; the record is named, and the others are looked at all the same.
    @Test func rowsThatAStartCouldNotReadAreNamed() async throws {
        var cut = Self.good
        cut.payload.removeLast()
        var version = Self.good
        version.payload[0] = 9
        let cases: [(LogEntry, String)] = [
            (cut, "log record 2 of table samples cannot be read"),
            (version, "log record 2 of table samples cannot be read"),
            (LogEntry(table: 2, payload: Self.good.payload), "log record 2 of table notes cannot be read"),
            (LogEntry(table: 99, payload: []), "log record 2 is of table number 99"),
            (Self.entry(TestTables.sampleRows([(1, .max, 1)])), "log record 2: a time in table samples lies beyond"),
            (Self.entry(TestTables.sampleRows([(-1, 1, 1)])), "log record 2: no such id"),
        ]
        for (bad, text) in cases {
            let environment = Environment.simulated(seed: 2)
            try await Self.log([[Self.good], [bad], [Self.good]], environment)
            let check = try await LogCheck.run(
                directory: "/log", tables: Self.tables, environment: environment,
                examine: { rows in
                    rows.table == 1 && rows.batch.columns[0].int64s.contains { $0 < 0 } ? "no such id" : nil
                })
            #expect(check.records == 3)
            #expect(check.problems.count == 1)
            #expect(check.problems.first?.hasPrefix(text) == true, "\(check.problems)")
        }
    }

    @Test func ofVeryManyBadRecordsTheFirstAreTold() async throws {
        let environment = Environment.simulated(seed: 3)
        try await Self.log((0..<50).map { _ in [LogEntry(table: 1, payload: [7])] }, environment)
        let check = try await LogCheck.run(directory: "/log", tables: Self.tables, environment: environment)
        #expect(check.problems.count == 21)
        #expect(check.problems.last == "30 more records of the log are like that")
    }
}
