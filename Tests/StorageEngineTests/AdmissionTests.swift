import Columnar
import ObjectStorage
import Platform
import Simulation
import Synchronization
import Testing

@testable import StorageEngine

/// Writers that wait, watchers of epochs, and a disk that runs full.
@Suite struct AdmissionTests {
    private static func rows(_ count: Int, at time: Int64) -> WriteBatch {
        WriteBatch([TestTables.sampleRows((0..<count).map { (Int64($0), time, 1) })])
    }

    private static var options: RegionOptions {
        var options = RegionOptions()
        options.memoryLimit = ByteCount(16 * 100)
        options.logDirectory = "/log"
        options.logSegmentSize = .kibibytes(64)
        return options
    }

    @Test func aWriterWaitsWhileFlushingMakesRoom() throws {
        try SimulatedWorld(seed: 1).run { environment in
            let store = FaultyStore(MemoryStore(time: environment.time))
            let region = try await Region.open(
                Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            try await region.write(Self.rows(100, at: 1))
            // The flush that the next writer asks for makes room; it is not refused.
            try await region.write(Self.rows(50, at: 2))
            #expect(try await region.snapshot.allSamples().count == 150)
            #expect(region.statistics.flushes == 1)
            #expect(region.statistics.overloads == 0)
            try await region.close()
        }
    }

    @Test func waitingHasAnEndAndTheQueueABound() throws {
        try SimulatedWorld(seed: 2).run { environment in
            let memory = MemoryStore(time: environment.time)
            let store = FaultyStore(memory)
            var options = Self.options
            options.waitingWriters = 3
            let region = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            try await region.write(Self.rows(100, at: 1))
            store.fail(.put, under: "samples/", times: nil, .before(.unavailable))
            let start = environment.time.monotonic()
            let outcomes = await withTaskGroup(of: (StorageError.Kind?, UInt64).self) { group in
                for i in 0..<5 {
                    group.addTask {
                        var kind: StorageError.Kind?
                        do throws(StorageError) {
                            try await region.write(Self.rows(10, at: Int64(i + 2)))
                        } catch { kind = error.kind }
                        return (kind, environment.time.monotonic() - start)
                    }
                }
                var found: [(StorageError.Kind?, UInt64)] = []
                for await outcome in group { found.append(outcome) }
                return found
            }
            #expect(outcomes.allSatisfy { $0.0 == .overloaded })
            #expect(outcomes.allSatisfy { $0.1 <= 6_000_000_000 }, "nobody waits longer than the patience")
            #expect(outcomes.filter { $0.1 < 1_000_000_000 }.count >= 2, "a full queue refuses at once")
            #expect(region.writers.count == 0)
            // The store is back: everything goes on.
            store.heal()
            try await environment.time.sleep(for: .seconds(70))
            try await region.write(Self.rows(10, at: 9))
            #expect(try await region.snapshot.allSamples().count == 110)
            try await region.close()
        }
    }

    @Test func aWriterThatWaitsHearsOfTheClosing() throws {
        try SimulatedWorld(seed: 3).run { environment in
            let store = FaultyStore(MemoryStore(time: environment.time))
            let region = try await Region.open(
                Self.options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            try await region.write(Self.rows(100, at: 1))
            store.fail(.put, under: "samples/", times: nil, .before(.unavailable))
            async let waiting: StorageError.Kind? = {
                do throws(StorageError) {
                    try await region.write(Self.rows(10, at: 2))
                    return nil
                } catch { return error.kind }
            }()
            try await environment.time.sleep(for: .milliseconds(500))
            _ = try? await region.close()
            #expect(await waiting != nil)
        }
    }

    @Test func aWatcherWakesAtANewerEpochAndAtNoOther() throws {
        try SimulatedWorld(seed: 4).run { environment in
            let region = try await Region.open(
                Self.options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
                environment: environment)
            let known = region.snapshot.epoch
            let wakings = Shared(0)
            let watcher = environment.spawn {
                let next = try? await region.snapshot(after: known)
                wakings.change { $0 += 1 }
                #expect(next.map { $0.epoch > known } == true)
            }
            // Nothing changes: nobody wakes.
            try await region.write(WriteBatch([]))
            try await environment.time.sleep(for: .seconds(30))
            #expect(wakings.value == 0)
            try await region.write(Self.rows(1, at: 1))
            await watcher.value
            #expect(wakings.value == 1)
            // What is newer already is given at once.
            #expect(try await region.snapshot(after: known)?.epoch == region.snapshot.epoch)

            let last = region.snapshot.epoch
            let outcome = Shared<StorageError.Kind?>(nil)
            let cancelled = environment.spawn {
                do throws(StorageError) {
                    _ = try await region.snapshot(after: last)
                } catch { outcome.change { $0 = error.kind } }
            }
            cancelled.cancel()
            await cancelled.value
            #expect(outcome.value == .unavailable)
            // Closing may flush first: a newer epoch or the end, but no waiting for ever.
            let closing = environment.spawn { _ = try? await region.snapshot(after: region.snapshot.epoch) }
            try await region.close()
            await closing.value
            #expect(try await region.snapshot(after: region.snapshot.epoch) == nil, "closed: nobody waits for ever")
        }
    }

    @Test func belowTheReserveWritesAreRefusedAndEverythingElseGoesOn() async throws {
        let time = SimulatedTime()
        let disk = MemoryFileSystem(time: time, capacity: 1 << 20)
        let environment = Environment(
            fileSystem: disk, time: time, random: SeededRandomSource(seed: 1), blocking: InlineExecutor())
        let store = DirectoryStore(root: "/objects", environment: environment)
        try await store.prepare()
        var options = RegionOptions()
        options.runsInBackground = false
        options.logDirectory = "/log"
        options.logSegmentSize = .kibibytes(64)
        options.diskReserve = .kibibytes(300)
        options.flushSize = ByteCount(1_000)
        options.retention = .seconds(3_600)
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        let now = time.now()
        try await region.write(Self.rows(100, at: now))
        // Somebody else fills the disk.
        let ballast = try disk.open("/ballast", .createNew)
        try ballast.write([UInt8](repeating: 1, count: Int(try disk.freeBytes(at: "/") - 250_000)), at: 0)
        await region.checkDisk()
        let error = await #expect(throws: StorageError.self) { try await region.write(Self.rows(1, at: now + 1)) }
        #expect(error?.kind == .overloaded)
        #expect(error?.text.contains("disk-reserve") == true)
        #expect(region.statistics.isDiskShort)
        // Reading, flushing, merging and retention are ways out: they go on.
        #expect(try await region.snapshot.allSamples().count == 100)
        try await region.flush()
        try await region.compact()
        time.advance(by: .seconds(7_200))
        region.updateRetention()
        try await region.removeExpired()
        #expect(region.snapshot.objects.isEmpty)
        // A little more than the reserve is not enough to begin again; a tenth more is.
        try ballast.truncate(to: 0)
        try ballast.write([UInt8](repeating: 1, count: Int(try disk.freeBytes(at: "/") - 320_000)), at: 0)
        await region.checkDisk()
        #expect(region.statistics.isDiskShort)
        try ballast.truncate(to: 0)
        await region.checkDisk()
        #expect(!region.statistics.isDiskShort)
        try await region.write(Self.rows(1, at: time.now()))
        try await region.close()
    }

    @Test func orphansOfAFencedWriterAreCollectedWithinTheHour() async throws {
        let memory = MemoryStore()
        let time = SimulatedTime()
        let environment = Environment(
            fileSystem: MemoryFileSystem(time: time), time: time, random: SeededRandomSource(seed: 1),
            blocking: InlineExecutor())
        var options = RegionOptions()
        options.runsInBackground = false
        func open() async throws -> Region {
            try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: memory, environment: environment)
        }
        _ = try await open()
        let region = try await open()
        try await region.write(Self.rows(1, at: 1))
        try await region.flush()
        // The writer before has put an object since; one of a newer claim and a strange name are somebody else's.
        let late = ObjectKey(trusted: "samples/data/main/0/1-77.parquet")
        let newer = ObjectKey(trusted: "samples/data/main/0/9-1.parquet")
        let strange = ObjectKey(trusted: "samples/data/main/0/notes.txt")
        for key in [late, newer, strange] { try await memory.put([1], at: key, .always) }
        await region.keepHouse()
        #expect(try await memory.listAll(under: "samples/").count == 4, "not before the hour")
        time.advance(by: .seconds(3_601))
        await region.keepHouse()
        let left = Set(try await memory.listAll(under: "samples/").map(\.key))
        #expect(!left.contains(late))
        #expect(left.contains(newer) && left.contains(strange))
        #expect(left.count == 3)
        #expect(region.statistics.orphansCollected == 1)
        try await region.close()
    }

    @Test func replacedObjectsOfABucketStayForReadersElsewhere() async throws {
        let time = SimulatedTime()
        let memory = MemoryStore(time: time)
        let environment = Environment(
            fileSystem: MemoryFileSystem(time: time), time: time, random: SeededRandomSource(seed: 1),
            blocking: InlineExecutor())
        var options = RegionOptions()
        options.runsInBackground = false
        options.garbageGrace = .seconds(600)
        func open() async throws -> Region {
            try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: memory, environment: environment)
        }
        let region = try await open()
        for i in 0..<3 {
            try await region.write(Self.rows(1, at: Int64(i)))
            try await region.flush()
        }
        try await region.compact()
        let live = Set(region.objectKeys)
        let replaced = Set(try await memory.listAll(under: "samples/").map(\.key)).subtracting(live)
        #expect(replaced.count == 3)
        time.advance(by: .seconds(300))
        await region.keepHouse()
        #expect(try await memory.listAll(under: "samples/").count == 4)
        try await region.close()
        // Also across a restart: by the store's clock.
        let again = try await open()
        #expect(try await memory.listAll(under: "samples/").count == 4)
        time.advance(by: .seconds(3_700))
        try await again.write(Self.rows(1, at: 9))
        try await again.flush()
        await again.keepHouse()
        let left = Set(try await memory.listAll(under: "samples/").map(\.key))
        #expect(left.isDisjoint(with: replaced))
        #expect(left.isSuperset(of: again.objectKeys))
        try await again.close()
    }
}

/// A value that several tasks change.
private final class Shared<Value: Sendable>: Sendable {
    private let held: Mutex<Value>
    init(_ value: Value) { held = Mutex(value) }
    var value: Value { held.withLock { $0 } }
    func change(_ body: (inout Value) -> Void) { held.withLock { body(&$0) } }
}
