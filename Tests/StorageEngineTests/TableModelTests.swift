import Columnar
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// The real engine against a dictionary: random writes, flushes, merges, reopenings; nothing may differ at any step.
@Suite struct TableModelTests {
    @Test(arguments: UInt64(0)..<12)
    func tablesAnswerLikeDictionaries(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let environment = Environment.simulated(seed: seed)
        let store = MemoryStore()
        var options = RegionOptions()
        options.runsInBackground = false
        options.logDirectory = "/log"
        options.logSegmentSize = .kibibytes(64)
        let tables = [TestTables.samples, TestTables.notes]
        var region = try await Region.open(
            options, tables: tables, contributor: nil, store: store, environment: environment)
        var samples: [SampleKey: Double] = [:]
        var notes: [String: String?] = [:]

        for step in 0..<60 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0: try await region.flush()
            case 1: try await region.compact()
            case 2:
                // With or without a goodbye: what was acknowledged is in the log or in objects.
                if Bool.random(using: &random) { try await region.close() }
                region = try await Region.open(
                    options, tables: tables, contributor: nil, store: store, environment: environment)
            default:
                var rows: [(id: Int64, time: Int64, value: Double)] = []
                for _ in 0..<Int.random(in: 1...40, using: &random) {
                    rows.append(
                        (
                            Int64.random(in: -3..<9, using: &random), Int64.random(in: -1_500..<4_000, using: &random),
                            Double(Int.random(in: 0..<1_000_000, using: &random))
                        ))
                }
                var batch = WriteBatch([TestTables.sampleRows(rows)])
                if Bool.random(using: &random) {
                    let name = "n\(Int.random(in: 0..<6, using: &random))"
                    let text = Bool.random(using: &random) ? "t\(step)" : nil
                    batch.rows.append(TestTables.noteRows([(name, text)]))
                    notes[name] = .some(text)
                }
                try await region.write(batch)
                for row in rows { samples[SampleKey(id: row.id, time: row.time)] = row.value }
            }

            try #require(region.problems() == [], "seed \(seed), step \(step)")
            let stored = try await region.snapshot.allSamples()
            try #require(stored.count == samples.count, "seed \(seed), step \(step)")
            for (key, value) in stored {
                try #require(samples[key] == value, "seed \(seed), step \(step), \(key)")
            }
            try #require(try await region.snapshot.allNotes() == notes, "seed \(seed), step \(step)")
            let low = Int64.random(in: -2_000..<4_000, using: &random)
            let times = low...low + Int64.random(in: 0..<2_000, using: &random)
            let keys = (Int64(-3)..<9).filter { _ in Bool.random(using: &random) }
            let some = try await region.snapshot.allSamples(times: times, keys: keys)
            let expected = samples.filter { times.contains($0.key.time) && keys.contains($0.key.id) }
            try #require(some.count == expected.count, "seed \(seed), step \(step)")
            for (key, value) in some { try #require(expected[key] == value, "seed \(seed), step \(step), \(key)") }
        }
        try await region.close()
    }

    @Test func rowsOfOneSegmentComeInKeyOrder() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 1))
        for i in 0..<5 {
            try await region.write(
                WriteBatch([TestTables.sampleRows((0..<100).map { (Int64(99 - $0), Int64(i * 10), Double(i)) })]))
            if i % 2 == 0 { try await region.flush() }
        }
        let rows = try await region.snapshot.allSamples().map { [$0.0.id, $0.0.time] }
        #expect(rows == rows.sorted { $0.lexicographicallyPrecedes($1) })
        #expect(rows.count == 500)
        try await region.compact()
        #expect(region.snapshot.partCount(of: 1, in: 0..<1_000) == 1)
    }

    @Test func aSnapshotKeepsWhatItSaw() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        let store = MemoryStore()
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: .simulated(seed: 2))
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        try await region.flush()
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 2, 2)])]))
        try await region.flush()
        do {
            let held = region.snapshot
            try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 100), (1, 3, 3)])]))
            try await region.flush()
            #expect(try await held.allSamples().map(\.1) == [1, 2])
            #expect(try await region.snapshot.allSamples().map(\.1) == [100, 2, 3])
        }
        try await region.compact()
        #expect(try await store.listAll(under: "samples/").count == 1)
    }

    @Test func aFullMemoryRefusesAndKeepsNothingOfTheWrite() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        options.memoryLimit = ByteCount(16 * 100)
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 3))
        let full = TestTables.sampleRows((0..<100).map { (Int64($0), 1, 1) })
        try await region.write(WriteBatch([full]))
        let error = await #expect(throws: StorageError.self) {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, 2, 2)])]))
        }
        #expect(error?.kind == .overloaded)
        // What no flush makes room for is another matter: the same batch never fits.
        let tooMuch = TestTables.sampleRows((0..<101).map { (Int64($0), 2, 2) })
        let refusal = await #expect(throws: StorageError.self) { try await region.write(WriteBatch([tooMuch])) }
        #expect(refusal?.kind == .refused)
        #expect(refusal?.text.contains("write them in parts") == true)
        #expect(try await region.snapshot.allSamples().count == 100)
        try await region.flush()
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 2, 2)])]))
        #expect(try await region.snapshot.allSamples().count == 101)
    }

    @Test func aBatchOfAnotherShapeIsRefusedByName() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 4))
        let other = Schema(
            [.init("id", .int64), .init("time", .timestamp), .init("height", .float64)], keyCount: 2, timeColumn: 1)
        let batch = RecordBatch(trusted: other, [.int64([1]), .int64([1]), .float64([1])])
        let error = await #expect(throws: StorageError.self) {
            try await region.write(WriteBatch([TableRows(table: 1, batch: batch)]))
        }
        #expect(error?.kind == .refused)
        #expect(error?.text.contains("height") == true)
    }
}
