import ObjectStorage
import Platform
import Simulation
import Synchronization
import Testing

struct SimulatedTimeTests {
    @Test func sleepersWakeInOrderOfTheirDeadlines() throws {
        let world = SimulatedWorld(seed: 1)
        let order = try world.run { environment in
            await withTaskGroup(of: (Int, Int64).self) { group in
                for wait in [30, 10, 20] {
                    group.addTask {
                        try? await environment.time.sleep(for: .milliseconds(wait))
                        return (wait, environment.time.now())
                    }
                }
                return await group.reduce(into: []) { $0.append("\($1.0) \($1.1 - 1_780_000_000_000)") }
            }
        }
        #expect(order == ["10 10", "20 20", "30 30"])
    }

    @Test func advancingWakesWhoseTimeHasCome() async throws {
        let time = SimulatedTime(start: 1_000)
        let sleeper = Task { try await time.sleep(for: .seconds(5)) }
        while time.sleeperCount == 0 { await Task.yield() }
        time.advance(by: .seconds(4))
        #expect(time.sleeperCount == 1)
        time.advance(by: .seconds(2))
        try await sleeper.value
        #expect(time.now() == 7_000)
        #expect(time.monotonic() == 6_000_000_000)
        time.jump(to: 5)
        #expect(time.now() == 5)
        #expect(time.monotonic() == 6_000_000_000)
    }

    @Test func aCancelledSleeperWakesAtOnce() async {
        let time = SimulatedTime()
        let sleeper = Task { try await time.sleep(for: .seconds(5)) }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        #expect(time.sleeperCount == 0)
    }
}

struct SeededExecutorTests {
    actor Log {
        var lines: [Int] = []
        func add(_ line: Int) { lines.append(line) }
    }

    private func trace(seed: UInt64) throws -> ([Int], UInt64) {
        let world = SimulatedWorld(seed: seed)
        let lines = try world.run { environment in
            let log = Log()
            await withTaskGroup(of: Void.self) { group in
                for i in 0..<8 {
                    group.addTask {
                        await log.add(i)
                        try? await environment.time.sleep(for: .milliseconds(i % 3))
                        await log.add(i + 100)
                    }
                }
            }
            return await log.lines
        }
        return (lines, world.executor.trace)
    }

    @Test func theSameSeedIsTheSameRun() throws {
        for seed in UInt64(0)..<20 {
            let (first, firstTrace) = try trace(seed: seed)
            let (second, secondTrace) = try trace(seed: seed)
            #expect(first == second)
            #expect(firstTrace == secondTrace)
        }
    }

    @Test func seedsInterleaveDifferently() throws {
        #expect(Set(try (UInt64(0)..<20).map { try trace(seed: $0).0 }).count > 10)
    }

    @Test func aWorldInWhichEverybodyWaitsIsFound() throws {
        let world = SimulatedWorld(seed: 1)
        #expect(throws: SeededExecutor.Stuck.self) {
            try world.run { _ in
                for await _ in AsyncStream<Int>(unfolding: { await withUnsafeContinuation { _ in } }) {}
            }
        }
    }
}

struct MemoryFileSystemTests {
    @Test func onlyWhatIsSyncedSurvives() throws {
        let disk = MemoryFileSystem()
        try disk.createDirectory("/d")
        let file = try disk.open("/d/a", .createNew)
        try file.write([1, 2, 3], at: 0)
        #expect(try disk.crash(.none, seed: 0).list("/d") == [])
        try file.sync()
        #expect(try disk.crash(.none, seed: 0).list("/d") == [])
        try disk.syncDirectory("/d")
        try file.write([9, 9], at: 1)
        let after = disk.crash(.none, seed: 0)
        #expect(try after.open("/d/a", .read).read(at: 0, count: 10) == [1, 2, 3])
        #expect(try disk.killed().open("/d/a", .read).read(at: 0, count: 10) == [1, 9, 9])
        try disk.rename("/d/a", ifAbsent: "/d/b")
        #expect(try disk.crash(.none, seed: 0).list("/d") == ["a"])
        try disk.syncDirectory("/d")
        #expect(try disk.crash(.none, seed: 0).list("/d") == ["b"])
    }

    @Test func aTornWriteLandsInSectors() throws {
        let disk = MemoryFileSystem()
        try disk.createDirectory("/d")
        let file = try disk.open("/d/a", .createNew)
        try file.write([UInt8](repeating: 1, count: 4_096), at: 0)
        try file.sync()
        try disk.syncDirectory("/d")
        try file.write([UInt8](repeating: 2, count: 3_000), at: 100)
        var mixtures = 0
        for seed in UInt64(0)..<32 {
            let bytes = try disk.crash(.torn, seed: seed).open("/d/a", .read).read(at: 0, count: 5_000)
            #expect(bytes.count == 4_096)
            let edges = zip(bytes, bytes.dropFirst()).enumerated().filter { $0.element.0 != $0.element.1 }
            for edge in edges { #expect([100, 3_100].contains(edge.offset + 1) || (edge.offset + 1) % 512 == 0) }
            if edges.count > 2 { mixtures += 1 }
            #expect(try disk.crash(.torn, seed: seed).open("/d/a", .read).read(at: 0, count: 5_000) == bytes)
        }
        #expect(mixtures > 10)
    }

    @Test func aFailedSyncLosesWhatReadsStillSee() throws {
        let disk = MemoryFileSystem()
        try disk.createDirectory("/d")
        let file = try disk.open("/d/a", .createNew)
        try disk.syncDirectory("/d")
        try file.write([1], at: 0)
        disk.fail(operation: disk.operationCount + 1)
        #expect(throws: FileSystemError.self) { try file.sync() }
        try file.sync()
        #expect(try file.read(at: 0, count: 1) == [1])
        #expect(try disk.crash(.subset, seed: 1).open("/d/a", .read).size() == 0)
    }

    @Test func locksExcludeAndEndWithTheirValue() throws {
        let disk = MemoryFileSystem()
        var lock: (any FileLock)? = try disk.lock("/lock", note: "pid 1")
        #expect(throws: FileSystemError(kind: .locked(holder: "pid 1"), operation: "lock", path: "/lock")) {
            try disk.lock("/lock", note: "pid 2")
        }
        #expect(throws: Never.self) { try disk.killed().lock("/lock", note: "pid 3") }
        _ = lock
        lock = nil
        #expect(throws: Never.self) { try disk.lock("/lock", note: "pid 2") }
    }

    /// Random operations on both file systems: what processes see is the same.
    @Test(arguments: UInt64(0)..<8)
    func itAnswersLikeTheRealOne(seed: UInt64) throws {
        let root = "/tmp/varve-test-\(String(LiveRandomSource().next(), radix: 16))"
        let live = LiveFileSystem()
        let simulated = MemoryFileSystem()
        try live.createDirectory(root)
        try simulated.createDirectory(root)
        defer { remove(root, live) }
        var random = SeededGenerator(seed: seed)
        let paths = ["a", "b", "d", "d/a", "d/b", "d/e/a"].map { "\(root)/\($0)" }
        func outcome(_ fileSystem: any FileSystem, _ choice: Int, _ path: String, _ other: String, _ byte: UInt8)
            -> String
        {
            do throws(FileSystemError) {
                switch choice {
                case 0:
                    try fileSystem.open(path, .createNew).write([byte], at: UInt64(byte % 5))
                    return "made"
                case 1:
                    let file = try fileSystem.open(path, .update)
                    try file.write([byte, byte], at: UInt64(byte % 7))
                    return "\(try file.read(at: 0, count: 100)) \(try file.size())"
                case 2:
                    let file = try fileSystem.open(path, .update)
                    try file.truncate(to: UInt64(byte % 9))
                    return "\(try file.read(at: 1, count: 5))"
                case 3: try fileSystem.rename(path, ifAbsent: other)
                case 4: try fileSystem.remove(path)
                case 5: return "\(try fileSystem.list(path))"
                case 6: try fileSystem.createDirectory("\(root)/d/e")
                default:
                    let status = try fileSystem.status(of: path)
                    return "\(status?.kind == .file) \(status?.kind == .file ? status?.size ?? 0 : 0)"
                }
                return "done"
            } catch {
                return "failed"
            }
        }
        for step in 0..<300 {
            let choice = Int.random(in: 0..<9, using: &random)
            let path = paths[Int.random(in: 0..<paths.count, using: &random)]
            let other = paths[Int.random(in: 0..<3, using: &random)]
            let byte = UInt8.random(in: 0...255, using: &random)
            let expected = outcome(live, choice, path, other, byte)
            try #require(
                outcome(simulated, choice, path, other, byte) == expected,
                "seed \(seed), step \(step), \(choice) \(path)")
        }
    }

    private func remove(_ path: String, _ files: LiveFileSystem) {
        if (try? files.status(of: path))?.kind == .directory {
            for name in (try? files.list(path)) ?? [] { remove("\(path)/\(name)", files) }
        }
        try? files.remove(path)
    }
}

struct FaultyStoreTests {
    private let key = ObjectKey(trusted: "manifest/head")

    @Test func aFaultIsBeforeOrAfterTheEffect() async throws {
        let store = FaultyStore(MemoryStore())
        store.fail(.put, under: "manifest/", occurrence: 2, .beforeSuccess)
        store.fail(.put, under: "manifest/", occurrence: 3, .afterSuccess)
        try await store.put([1], at: key, .always)
        await #expect { try await store.put([2], at: key, .always) } throws: {
            ($0 as? ObjectStoreError)?.kind == .unavailable
        }
        #expect(try await store.get(key).bytes == [1])
        await #expect { try await store.put([3], at: key, .always) } throws: {
            ($0 as? ObjectStoreError)?.kind == .unanswered
        }
        #expect(try await store.get(key).bytes == [3])
        #expect(store.requests.map(\.operation) == [.put, .put, .get, .put, .get])
    }

    @Test func anOperationCanBeHeldBack() async throws {
        let store = FaultyStore(MemoryStore())
        let held = store.hold(.put, under: "manifest/")
        let key = key
        let put = Task { try await store.put([1], at: key, .always) }
        await held.arrival()
        await #expect(throws: ObjectStoreError.self) { try await store.get(key) }
        held.release()
        _ = try await put.value
        #expect(try await store.get(key).bytes == [1])
    }

    /// The judge of damaged files notices an answer that changed, a strange error, another file's name and blindness.
    @Test func whatIsWrongWithAReaderOfDamagedFilesIsSaid() async {
        struct Refusal: Error { var text: String }
        func problems(_ read: @escaping ([UInt8]) throws -> Bool) async -> [String] {
            await FlippedBytes.problems(of: [1, 2, 3, 4], name: "file/1", isSame: read) { ($0 as? Refusal)?.text }
        }
        #expect(await problems { _ in throw Refusal(text: "file/1 is damaged") } == [])
        func onlyFirst(_ isSame: Bool) -> ([UInt8]) throws -> Bool {
            { bytes in
                if bytes[0] == 1 { throw Refusal(text: "file/1") }
                return isSame
            }
        }
        #expect(await problems(onlyFirst(true)) == [])
        #expect(await problems(onlyFirst(false)) == ["byte 0 changed the answer"])
        #expect(await problems { _ in true } == ["0 of 4 were refused"])
        #expect(await problems { _ in throw Refusal(text: "file/2") }.count == 4)
        #expect(await problems { _ in throw CancellationError() }.count == 4)
    }
}
