import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// Deletions that fail, wait for readers, or race with the end of a run.
@Suite struct GarbageTests {
    private static var options: RegionOptions {
        var options = RegionOptions()
        options.runsInBackground = false
        return options
    }

    private static func open(
        _ store: any ObjectStore, _ environment: Environment, flushes: Int
    ) async throws -> Region {
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        for i in 0..<flushes {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(i), Double(i))])]))
            try await region.flush()
        }
        return region
    }

    @Test func aFailedDeletionIsTriedAgain() async throws {
        let memory = MemoryStore()
        let store = FaultyStore(memory)
        let region = try await Self.open(store, .simulated(seed: 1), flushes: 3)
        store.fail(.delete, under: "samples/", times: 3, .before(.unavailable))
        try await region.compact()
        #expect(try await memory.listAll(under: "samples/").count == 4)
        await region.keepHouse()
        await region.garbage.waitUntilIdle()
        #expect(try await memory.listAll(under: "samples/").count == 1)
        try await region.close()
    }

    @Test func whatIsReleasedWhileADeletionIsUnderWayIsDeletedToo() async throws {
        let memory = MemoryStore()
        let store = FaultyStore(memory)
        let garbage = GarbageCollector(
            store: store, objects: ObjectCache(store: store, limit: .mebibytes(1)), environment: .simulated(seed: 2))
        let keys = try (0..<2).map { try #require(ObjectKey("samples/\($0)")) }
        let ids = (0..<2).map { SSTID(claim: .init(1), counter: $0) }
        for (id, key) in zip(ids, keys) {
            try await memory.put([1], at: key, .ifAbsent)
            garbage.expect(id, at: key)
        }
        let first = store.hold(.delete, under: "samples/0")
        garbage.wasReleased(ids[0])
        await first.arrival()
        garbage.wasReleased(ids[1])
        first.release()
        await garbage.waitUntilIdle()
        #expect(try await memory.listAll(under: "samples/").isEmpty)
        #expect(Set(garbage.takeCollected()) == Set(ids))
    }

    @Test func compactingDoesNotWaitForAReaderForEver() throws {
        try SimulatedWorld(seed: 3).run { environment in
            let memory = MemoryStore()
            let region = try await Self.open(memory, environment, flushes: 3)
            let reader = region.snapshot
            try await region.compact()
            #expect(try await memory.listAll(under: "samples/").count == 4)
            #expect(try await reader.allSamples().count == 3)
            try await region.close()
        }
    }

    @Test func anOrphanThatCannotBeDeletedDoesNotKeepTheRegionFromOpening() async throws {
        let memory = MemoryStore()
        let store = FaultyStore(memory)
        let region = try await Self.open(store, .simulated(seed: 4), flushes: 2)
        store.fail(.delete, under: "samples/", times: nil, .before(.refused))
        try await region.compact()
        try await region.close()
        let again = try await Self.open(store, .simulated(seed: 5), flushes: 0)
        #expect(try await again.snapshot.allSamples().count == 2)
        try await again.close()
        store.heal()
        let third = try await Self.open(store, .simulated(seed: 6), flushes: 0)
        #expect(try await memory.listAll(under: "samples/").count == 1)
        try await third.close()
    }

    @Test func oneDamagedObjectDoesNotKeepOthersFromBeingMerged() async throws {
        let memory = MemoryStore()
        var options = Self.options
        options.compaction.fanIn = 2
        options.compaction.fillingTime = 0
        options.cacheSize = ByteCount(0)
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: memory, environment: .simulated(seed: 7))
        for i in 0..<2 {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(i), 1), (1, 5_000 + Int64(i), 1)])]))
            try await region.flush()
        }
        let newest = try #require(try await memory.listAll(under: "samples/data/main/5000/").first)
        try await memory.put([9, 9, 9], at: newest.key, .always)
        await region.compactWhereDue()
        #expect(region.snapshot.partCount(of: 1, in: 0..<1_000) == 1)
        #expect(region.snapshot.partCount(of: 1, in: 5_000..<6_000) == 2)
        for _ in 0..<5 { await region.compactWhereDue() }
        #expect(region.statistics.compactionFailures == 3, "three times is enough")
        try await region.close()
    }
}
