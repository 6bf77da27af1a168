import Columnar
import ObjectStorage
import Platform
import Simulation
import Testing
import WAL

@testable import StorageEngine

/// A log that cannot be written for a while: memory, log, objects and recovery agree all the time.
@Suite struct LogTroubleTests {
    private static var options: RegionOptions {
        var options = RegionOptions()
        options.runsInBackground = false
        options.logDirectory = "/data/wal/main"
        options.dataDirectory = "/data"
        options.logSegmentSize = .kibibytes(64)
        // The log's own trouble is meant: what refuses writes before they reach it has tests of its own.
        options.diskReserve = ByteCount(0)
        return options
    }

    private static func open(_ environment: Environment, _ store: any ObjectStore) async throws -> Region {
        try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
    }

    private static func write(_ region: Region, _ value: Int64) async -> Bool {
        do {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, value, Double(value))])]))
            return true
        } catch { return false }
    }

    private static func healed(_ region: Region, _ environment: Environment) async throws {
        for _ in 0..<100 where region.statistics.log.failure != nil {
            try await environment.time.sleep(for: .milliseconds(100))
        }
        #expect(region.statistics.log.failure == nil)
    }

    @Test func aWriteThatFailedIsThereWholeOnceTheLogIsRepaired() throws {
        let world = SimulatedWorld(seed: 1)
        let store = MemoryStore()
        try world.run { environment in
            let region = try await Self.open(environment, store)
            #expect(await Self.write(region, 1))
            world.fileSystem.fail(FaultRule([.sync], path: ".log"))
            #expect(await !Self.write(region, 2))
            // Reading goes on; what failed is not seen before it is durable.
            #expect(try await region.snapshot.allSamples().map(\.1) == [1])
            #expect(await !Self.write(region, 3))
            try await Self.healed(region, environment)
            #expect(await Self.write(region, 4))
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 4])
        }
        let after = SimulatedWorld(seed: 2, fileSystem: world.fileSystem.crash(.none, seed: 0))
        try after.run { environment in
            let region = try await Self.open(environment, store)
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 4])
        }
    }

    /// The invariant of cuts: what a flush has taken is durable by itself, and the log owes it no more.
    @Test func aFlushMayCutPastWhatABrokenLogMadeDurable() throws {
        let world = SimulatedWorld(seed: 3)
        let store = MemoryStore()
        try world.run { environment in
            let region = try await Self.open(environment, store)
            for value in Int64(1)...3 { #expect(await Self.write(region, value)) }
            world.fileSystem.fail(FaultRule([.sync, .write, .open], path: ".log", times: nil))
            #expect(await !Self.write(region, 4))
            try await region.flush()
            // Wholly there, by way of the objects, though the log cannot be written.
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3, 4])
            #expect(region.snapshot.storedRows(of: 1) == 4)
            #expect(region.snapshot.parts.mems.isEmpty)
            #expect(await !Self.write(region, 5), "and still nothing new is taken")

            world.fileSystem.heal()
            try await Self.healed(region, environment)
            #expect(await Self.write(region, 6))
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3, 4, 6])
            #expect(region.snapshot.storedRows(of: 1) == 5, "no row twice")
            try await region.flush()
            #expect(region.snapshot.parts.problems() == [])
        }
        let after = SimulatedWorld(seed: 4, fileSystem: world.fileSystem.crash(.none, seed: 0))
        try after.run { environment in
            let region = try await Self.open(environment, store)
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3, 4, 6])
            #expect(region.statistics.rowsReplayed == 0)
        }
    }

    /// The log heals while the flush that passed it is under way.
    @Test func aRepairDuringSuchAFlushDoublesNothing() throws {
        let world = SimulatedWorld(seed: 5)
        let memory = MemoryStore()
        let store = FaultyStore(memory)
        try world.run { environment in
            let region = try await Self.open(environment, store)
            #expect(await Self.write(region, 1))
            world.fileSystem.fail(FaultRule([.sync], path: ".log", times: 3))
            #expect(await !Self.write(region, 2))
            let held = store.hold(.put, under: "regions/main/manifest/delta")
            let flush = environment.spawn { try? await region.flush() }
            await held.arrival()
            try await Self.healed(region, environment)
            #expect(await Self.write(region, 3))
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3])
            held.release()
            await flush.value
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3])
            #expect(region.snapshot.storedRows(of: 1) == 3)
            #expect(await Self.write(region, 4))
            #expect(region.snapshot.storedRows(of: 1) == 4)
        }
        let after = SimulatedWorld(seed: 6, fileSystem: world.fileSystem.crash(.none, seed: 0))
        try after.run { environment in
            let region = try await Self.open(environment, memory)
            #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2, 3, 4])
        }
    }

    /// A small disk, filled by somebody else: queries are answered, and ten seconds after there is room all is well.
    @Test func aFullDiskHealsWithinTenSecondsOfBeingFreed() throws {
        let world = SimulatedWorld(seed: 7, fileSystem: MemoryFileSystem(capacity: 1 << 20))
        try world.run { environment in
            let store = DirectoryStore(root: "/data/objects", environment: environment)
            try await store.prepare()
            var options = Self.options
            options.runsInBackground = true
            let region = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            let filler = try world.fileSystem.open("/data/filler", .createNew)
            let free = try world.fileSystem.freeBytes(at: "/data")
            try filler.write(Bytes(repeating: 1, count: Int(free)), at: 0)
            var stored: [Double] = []
            var value: Int64 = 0
            while region.statistics.log.failure == nil, value < 20_000 {
                value += 1
                if await Self.write(region, value) { stored.append(Double(value)) }
            }
            #expect(region.statistics.log.failure?.isDiskFull == true)
            let refused = Double(value)
            try await environment.time.sleep(for: .seconds(120))
            #expect(await !Self.write(region, value + 1))
            #expect(try await region.snapshot.allSamples().map(\.1).starts(with: stored))

            try filler.truncate(to: 0)
            try await environment.time.sleep(for: .seconds(10))
            #expect(await Self.write(region, value + 2))
            let last = Double(value + 2)
            #expect(try await region.snapshot.allSamples().map(\.1) == stored + [refused, last])
            #expect(region.statistics.flushes > 0, "what was in the way of the log is in objects")
            try await region.close()
        }
    }

    /// L9: a log of many times the memory that rows may hold.
    @Test(arguments: [false, true])
    func replayFitsTheBudgetAndFlushesOnTheWay(isStoreUnwilling: Bool) throws {
        let (batches, rows) = (20, 10_000)
        var options = Self.options
        options.logSegmentSize = .mebibytes(1)
        let world = SimulatedWorld(seed: 8)
        let memory = MemoryStore()
        try world.run { [options] environment in
            let region = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: memory, environment: environment)
            for batch in 0..<batches {
                let times = (0..<rows).map { (id: Int64($0), time: Int64(batch), value: Double(batch)) }
                try await region.write(WriteBatch([TestTables.sampleRows(times)]))
            }
        }
        options.flushSize = .kibibytes(470)
        options.memoryLimit = isStoreUnwilling ? .mebibytes(64) : .kibibytes(1_000)
        let store = FaultyStore(memory)
        if isStoreUnwilling { store.fail(.put, under: "samples/", times: nil, .before(.full)) }
        let after = SimulatedWorld(seed: 9, fileSystem: world.fileSystem.killed())
        try after.run { [options] environment in
            let region = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            #expect(region.statistics.rowsReplayed == UInt64(batches * rows))
            #expect(region.writer.budget.inUse <= options.memoryLimit.bytes)
            if isStoreUnwilling {
                #expect(region.statistics.flushes == 0, "a full store does not keep it from opening")
            } else {
                #expect(region.statistics.flushes >= 4)
                #expect(region.writer.unflushedBytes < 1_000 << 10)
            }
            #expect(region.snapshot.storedRows(of: 1) == UInt64(batches * rows))
        }
    }

    @Test func theBallastIsKeptWhereItHelps() {
        let mebibyte: UInt64 = 1 << 20
        #expect(Ballast.size(free: 2 * mebibyte, held: 0) == 0)
        #expect(Ballast.size(free: 60 * mebibyte, held: 0) == 256 << 10)
        #expect(Ballast.size(free: 64 * mebibyte, held: 64 * mebibyte) == 64 * mebibyte, "the rest of the disk is full")
        #expect(Ballast.size(free: 1_000 * mebibyte, held: 0) == 64 * mebibyte)
        #expect(Ballast.size(free: 6_000 * mebibyte, held: 0) == 256 << 10)
        #expect(Ballast.size(free: 6_000 * mebibyte, held: 64 * mebibyte) == 64 * mebibyte)
        #expect(Ballast.size(free: 90_000 * mebibyte, held: 64 * mebibyte) == 256 << 10)
    }

    @Test func theBallastGoesWhenTheDiskIsFullAndComesBack() throws {
        let disk = MemoryFileSystem(capacity: 300 << 20)
        try disk.createDirectory("/data")
        let ballast = Ballast(path: "/data/ballast", fileSystem: disk)
        try ballast.tend()
        #expect(try ballast.held() == 64 << 20)
        let filler = try disk.open("/data/filler", .createNew)
        try filler.truncate(to: disk.freeBytes(at: "/data"))
        #expect(try disk.freeBytes(at: "/data") == 0)
        try ballast.tend()
        #expect(try ballast.free())
        #expect(try disk.freeBytes(at: "/data") == (64 << 20) - (256 << 10))
        #expect(try !ballast.free(), "the rest is for openings")
        try ballast.freeAll()
        #expect(try disk.freeBytes(at: "/data") == 64 << 20)
        try filler.truncate(to: 0)
        try ballast.tend()
        #expect(try ballast.held() == 64 << 20)
    }
}
