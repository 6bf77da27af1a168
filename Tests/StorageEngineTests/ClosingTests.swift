import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing
import WAL

@testable import StorageEngine

/// The end of a region, and openings that fail half-way.
@Suite struct ClosingTests {
    private static var options: RegionOptions {
        var options = RegionOptions()
        options.runsInBackground = false
        options.logDirectory = "/log"
        options.logSegmentSize = .kibibytes(64)
        return options
    }

    @Test func aSecondCloseWaitsForTheFirst() async throws {
        let memory = MemoryStore()
        let store = FaultyStore(memory)
        let region = try await Region.open(
            Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: .simulated(seed: 1)
        )
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        let put = store.hold(.put, under: "samples/")
        async let first: Void = region.close()
        await put.arrival()
        async let second: Int = {
            try await region.close()
            return try await memory.listAll(under: "samples/").count
        }()
        put.release()
        #expect(try await second == 1)
        try await first
    }

    @Test func nothingIsDoneAfterClosing() async throws {
        let memory = MemoryStore()
        let store = FaultyStore(memory)
        let region = try await Region.open(
            Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: .simulated(seed: 2)
        )
        for i in 0..<9 {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(i), 1)])]))
            try await region.flush()
        }
        try await region.close()
        store.forgetRequests()
        await region.keepHouse()
        let merge = await #expect(throws: StorageError.self) { try await region.compact() }
        #expect(merge?.kind == .closed)
        let flush = await #expect(throws: StorageError.self) { try await region.flush() }
        #expect(flush?.kind == .closed)
        let write = await #expect(throws: StorageError.self) {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        }
        #expect(write?.kind == .closed)
        #expect(store.requests.isEmpty)
    }

    @Test func closingWithAnUnwillingStoreKeepsTheLog() async throws {
        let environment = Environment.simulated(seed: 3)
        let store = FaultyStore(MemoryStore())
        let region = try await Region.open(
            Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 7)])]))
        store.fail(.put, under: "samples/", times: nil, .before(.refused))
        let error = await #expect(throws: StorageError.self) { try await region.close() }
        #expect(error?.kind == .unavailable)
        await #expect(throws: StorageError.self) { try await region.close() }
        store.heal()
        let again = try await Region.open(
            Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        #expect(try await again.snapshot.allSamples().map(\.1) == [7])
        try await again.close()
    }

    @Test func anOpeningThatFailsLeavesTheRegionToTheNext() async throws {
        struct Refusal: Error {}
        final class Unwilling: FlushContributor {
            let leadingTable: UInt16 = 0
            func regionDidLoad(_ snapshot: Snapshot, counters: [String: UInt64]) async throws { throw Refusal() }
            func didReplay(_ rows: [TableRows]) async throws {}
            func rowsToFlush(_ contents: FlushContents) async throws -> [TableRows] { [] }
            func didFlush(_ contents: FlushContents) async {}
        }
        let environment = Environment.simulated(seed: 4)
        let store = FaultyStore(MemoryStore())
        await #expect(throws: StorageError.self) {
            _ = try await Region.open(
                Self.options, tables: [TestTables.samples], contributor: Unwilling(), store: store,
                environment: environment)
        }
        store.fail(.get, under: "regions/main/manifest/head", times: nil, .before(.refused))
        await #expect(throws: StorageError.self) {
            _ = try await Region.open(
                Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        }
        store.heal()
        let region = try await Region.open(
            Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 7)])]))
        try await region.close()
    }
}
