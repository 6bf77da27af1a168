import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// Flushes and merges whose answer is lost, refused or late: nothing is doubled, lost or left lying about.
@Suite struct DoubtTests {
    private struct World {
        let memory = MemoryStore()
        let store: FaultyStore
        let environment: Environment
        let region: Region

        init(seed: UInt64, options: RegionOptions = World.options) async throws {
            store = FaultyStore(memory)
            environment = .simulated(seed: seed)
            region = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        }

        static var options: RegionOptions {
            var options = RegionOptions()
            options.runsInBackground = false
            options.logDirectory = "/log"
            options.logSegmentSize = .kibibytes(64)
            return options
        }

        func write(_ values: (Int64, Int64, Double)...) async throws {
            try await region.write(
                WriteBatch([TestTables.sampleRows(values.map { (id: $0.0, time: $0.1, value: $0.2) })]))
        }

        var objects: Int { get async throws { try await memory.listAll(under: "samples/").count } }
    }

    /// The head cannot be asked: the swap took effect and nobody knows.
    private func loseTheAnswer(_ store: FaultyStore) {
        store.fail(.put, under: "regions/main/manifest/head", times: nil, .after(.unanswered))
        store.fail(.get, under: "regions/main/manifest/head", times: nil, .before(.unanswered))
    }

    @Test func aFlushInDoubtIsFinishedOnceTheHeadAnswersAgain() throws {
        // The manifest's pauses need a clock that moves.
        try SimulatedWorld(seed: 1).run { environment in
            let memory = MemoryStore()
            let store = FaultyStore(memory)
            let region = try await Region.open(
                World.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1), (2, 2, 2)])]))
            loseTheAnswer(store)
            let error = await #expect(throws: StorageError.self) { try await region.flush() }
            #expect(error?.kind == .unavailable)
            // The rows are still in memory, and in the log.
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2])
            #expect(region.snapshot.objects.isEmpty)

            store.heal()
            try await region.write(WriteBatch([TestTables.sampleRows([(3, 3, 3)])]))
            try await region.flush()
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3])
            #expect(region.snapshot.storedRows(of: 1) == 3, "no row twice")
            #expect(region.snapshot.objects.count == 2)
            #expect(try await memory.listAll(under: "samples/").count == 2)
            #expect(region.snapshot.parts.problems() == [])

            // Deleting goes on after the doubt.
            try await region.compact()
            #expect(try await memory.listAll(under: "samples/").count == 1)
            try await region.close()
            let again = try await Region.open(
                World.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            #expect(try await again.snapshot.allSamples().map(\.1) == [1, 2, 3])
            #expect(again.statistics.rowsReplayed == 0)
            try await again.close()
        }
    }

    @Test func aMergeInDoubtIsFinishedAndItsInputsGo() throws {
        try SimulatedWorld(seed: 2).run { environment in
            let memory = MemoryStore()
            let store = FaultyStore(memory)
            let region = try await Region.open(
                World.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            for i in 0..<3 {
                try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(i), Double(i))])]))
                try await region.flush()
            }
            loseTheAnswer(store)
            await #expect(throws: StorageError.self) { try await region.compact() }
            #expect(try await memory.listAll(under: "samples/").count == 4, "in doubt nothing is deleted")
            #expect(try await region.snapshot.allSamples().count == 3)

            store.heal()
            try await region.compact()
            #expect(region.snapshot.objects.count == 1)
            #expect(try await region.snapshot.allSamples().map(\.1) == [0, 1, 2])
            #expect(try await memory.listAll(under: "samples/").count == 1)
            try await region.close()
        }
    }

    @Test func aFailedFlushLeavesNoObjectsBehind() async throws {
        let world = try await World(seed: 3)
        try await world.write((1, 1, 1), (1, 1_001, 2))
        world.store.fail(.put, under: "regions/main/manifest/delta", .before(.refused))
        await #expect(throws: StorageError.self) { try await world.region.flush() }
        await world.region.garbage.waitUntilIdle()
        #expect(try await world.objects == 0)
        // Half-way: the second object of two is refused.
        world.store.fail(.put, under: "samples/", occurrence: 2, .before(.refused))
        await #expect(throws: StorageError.self) { try await world.region.flush() }
        await world.region.garbage.waitUntilIdle()
        #expect(try await world.objects == 0)
        // And one of which nobody knows whether it arrived.
        world.store.fail(.put, under: "samples/", .after(.unanswered))
        await #expect(throws: StorageError.self) { try await world.region.flush() }
        await world.region.garbage.waitUntilIdle()
        #expect(try await world.objects == 0)

        try await world.region.flush()
        #expect(try await world.objects == 2)
        #expect(try await world.region.snapshot.allSamples().map(\.1) == [1, 2])
        try await world.region.close()
    }

    @Test func rowsOfAFailedFlushKeepTheirAgeAndSize() async throws {
        let time = SimulatedTime()
        var environment = Environment.simulated(seed: 4)
        environment.time = time
        let store = FaultyStore(MemoryStore())
        var options = World.options
        options.logDirectory = nil
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        time.advance(by: .seconds(700))
        store.fail(.put, under: "samples/", .before(.refused))
        await #expect(throws: StorageError.self) { try await region.flush() }
        #expect(region.writer.pressure.age == .seconds(700))
        #expect(region.writer.pressure.bytes == 16)
        #expect(
            FlushPolicy.isDue(
                held: region.writer.pressure.bytes, age: region.writer.pressure.age, options: options))
        try await region.flush()
        #expect(region.writer.pressure.bytes == 0)
        #expect(region.writer.pressure.age == .zero)
        try await region.close()
    }

    @Test func failedFlushesAreSpacedOut() {
        #expect((0...9).map { FlushPolicy.pause(after: $0).components.seconds } == [0, 1, 2, 4, 8, 8, 8, 8, 8, 8])
        var trouble = FlushTrouble()
        #expect(trouble.mayBegin(at: 0))
        trouble.note(failed: true, at: 0)
        trouble.note(failed: true, at: 0)
        #expect(!trouble.mayBegin(at: 1_999_999_999))
        #expect(trouble.mayBegin(at: 2_000_000_000))
        trouble.note(failed: false, at: 0)
        #expect(trouble.mayBegin(at: 0))
    }

    @Test func memoryThatOnlyReadersHoldIsNoReasonToFlush() async throws {
        let world = try await World(seed: 5)
        try await world.write((1, 1, 1))
        let reader = world.region.snapshot
        try await world.region.flush()
        #expect(world.region.writer.budget.inUse == 16)
        #expect(world.region.writer.unflushedBytes == 0)
        #expect(try await reader.allSamples().count == 1)
        try await world.region.close()
    }

    @Test func aFencedWriterRefusesWrites() async throws {
        let memory = MemoryStore()
        var options = World.options
        options.logDirectory = nil
        let old = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: memory, environment: .simulated(seed: 6))
        try await old.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        let new = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: memory, environment: .simulated(seed: 7))
        let flush = await #expect(throws: StorageError.self) { try await old.flush() }
        #expect(flush?.kind == .fenced)
        let write = await #expect(throws: StorageError.self) {
            try await old.write(WriteBatch([TestTables.sampleRows([(1, 2, 2)])]))
        }
        #expect(write?.kind == .fenced)
        try await new.close()
        await #expect(throws: StorageError.self) { try await old.close() }
    }
}
