import Platform
import Simulation
import Testing

@testable import ObjectStorage

struct RangeCacheTests {
    private let key = ObjectKey(trusted: "samples/data/main/0/1-1.parquet")

    private func cache(
        _ environment: Environment, memory: Int = 1 << 20, disk: Int = 1 << 20
    ) async -> RangeCache {
        let cache = RangeCache(
            directory: "/cache", memoryLimit: ByteCount(memory), diskLimit: ByteCount(disk), environment: environment)
        await cache.prepare()
        return cache
    }

    @Test func whatIsKeptIsFoundWithinItsRange() async {
        let cache = await cache(SimulatedWorld(seed: 1).environment)
        await cache.keep(Bytes(0..<100), of: key, at: 1_000)
        #expect(await cache.find(key, 1_010..<1_020) == Bytes(10..<20))
        #expect(await cache.find(key, 1_000..<1_100) == Bytes(0..<100))
        #expect(await cache.find(key, 999..<1_010) == nil)
        #expect(await cache.find(key, 1_090..<1_101) == nil)
        #expect(await cache.find(ObjectKey(trusted: "other.parquet"), 1_010..<1_020) == nil)
        await cache.forget(key)
        #expect(await cache.find(key, 1_010..<1_020) == nil)
    }

    @Test func itSurvivesARestart() async {
        let world = SimulatedWorld(seed: 1)
        await cache(world.environment).keep(Bytes(0..<100), of: key, at: 7)
        let second = await cache(world.environment)
        #expect(second.statistics.diskBytes == 100)
        #expect(await second.find(key, 7..<17) == Bytes(0..<10))
        #expect(second.statistics.diskHits == 1)
        // By now it is in memory.
        #expect(await second.find(key, 8..<10) == [1, 2])
        #expect(second.statistics.memoryHits == 1)
    }

    @Test func aDamagedFileIsFetchedAnewAndNeverBelieved() async throws {
        let world = SimulatedWorld(seed: 1)
        await cache(world.environment).keep(Bytes(0..<100), of: key, at: 0)
        let files = world.environment.fileSystem
        let folder = try #require(try files.list("/cache").first)
        let name = try #require(try files.list("/cache/\(folder)").first)
        let path = "/cache/\(folder)/\(name)"
        let whole = try files.open(path, .read).read(at: 0, count: 1 << 16)
        for at in whole.indices {
            let file = try files.open(path, .update)
            try file.write([whole[at] ^ 1], at: UInt64(at))
            let cache = await cache(world.environment)
            #expect(await cache.find(key, 0..<100) == nil, "byte \(at)")
            #expect(cache.statistics.damaged == 1)
            #expect(try files.status(of: path) == nil)
            try files.open(path, .createNew).write(whole, at: 0)
        }
        #expect(RangeFile(Bytes(whole.dropLast())) == nil)
        #expect(RangeFile(whole)?.bytes == Bytes(0..<100))
    }

    @Test func memoryAndDiskAreBounded() async {
        let world = SimulatedWorld(seed: 1)
        let cache = await cache(world.environment, memory: 1_000, disk: 2_000)
        for i in 0..<100 {
            await cache.keep(Bytes(repeating: UInt8(i), count: 100), of: key, at: UInt64(i) * 1_000)
            // Used again and again: it is passed over.
            #expect(await cache.find(key, 0..<10) != nil)
            #expect(cache.statistics.memoryBytes <= 1_000 && cache.statistics.diskBytes <= 2_000)
        }
        #expect(await cache.find(key, 1_000..<1_010) == nil)
        #expect(await cache.find(key, 99_000..<99_010) == Bytes(repeating: 99, count: 10))
        // What was evicted is off the disk.
        #expect(await self.cache(world.environment).statistics.diskBytes <= 2_000)
        // What is larger than a quarter of the bound would push everything else out.
        await cache.keep(Bytes(repeating: 1, count: 600), of: key, at: 1 << 30)
        #expect(await cache.find(key, 1 << 30..<(1 << 30) + 1) == nil)
    }

    @Test func strangeFilesGoAndAreNoFailure() async throws {
        let world = SimulatedWorld(seed: 1)
        let files = world.environment.fileSystem
        try files.createDirectory("/cache/ab")
        for name in ["x", "00-1-2", "abcdef"] { _ = try files.open("/cache/ab/\(name)", .createNew) }
        let cache = await cache(world.environment)
        #expect(cache.statistics.failures == 0)
        #expect(try files.list("/cache/ab").isEmpty)
    }

    @Test func onlyImmutableObjectsAreKept() async throws {
        let inner = MemoryStore()
        let world = SimulatedWorld(seed: 1)
        let store = CachedStore(inner, cache: await cache(world.environment)) { $0.path.hasSuffix(".parquet") }
        let head = ObjectKey(trusted: "head")
        try await store.put([1, 2, 3], at: head, .always)
        try await store.put([1, 2, 3], at: key, .always)
        #expect(try await store.read(head, 0..<2) == [1, 2])
        #expect(try await store.read(key, 0..<2) == [1, 2])
        try await inner.put([4, 5, 6], at: head, .always)
        try await inner.put([4, 5, 6], at: key, .always)
        #expect(try await store.read(head, 0..<2) == [4, 5])
        #expect(try await store.read(key, 0..<2) == [1, 2])
        #expect(try await store.read(key, 0..<9) == [4, 5, 6])
        try await store.delete(key)
        await #expect(throws: ObjectStoreError.self) { try await store.read(key, 0..<2) }
    }
}
