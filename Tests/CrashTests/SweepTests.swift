import Platform
import Simulation
import StorageEngine
import Synchronization
import Testing

/// A crash state and what is owed in it.
private struct CrashPoint: Sendable {
    let operation: Int
    let disk: MemoryFileSystem
    let ledger: Ledger
}

/// Keeps the crash points of a run: all, or some chosen by chance.
private final class CrashPoints: Sendable {
    private struct State {
        var kept: [CrashPoint] = []
        var seen = 0
        var random: SeededGenerator
    }
    private let state: Mutex<State>
    private let limit: Int

    /// - Parameter limit: so many are kept, each with the same chance.
    init(limit: Int = .max, seed: UInt64 = 0) {
        self.limit = limit
        state = Mutex(State(random: SeededGenerator(seed: seed)))
    }

    func add(_ operation: Int, _ disk: MemoryFileSystem, _ ledger: Ledger) {
        state.withLock { state in
            state.seen += 1
            var slot = state.kept.count
            if slot >= limit {
                slot = Int.random(in: 0..<state.seen, using: &state.random)
                guard slot < limit else { return }
                state.kept.remove(at: slot)
            }
            state.kept.append(CrashPoint(operation: operation, disk: disk.copy(), ledger: ledger.copy()))
        }
    }

    var all: [CrashPoint] { state.withLock { $0.kept } }
}

/// One scenario through the whole engine, crashed before every operation of the disk that it makes.
@Suite struct SweepTests {
    /// Open, write, flush, write, merge, close, open, write, flush, merge, die.
    private static func scenario(_ disk: MemoryFileSystem, _ ledger: Ledger, seed: UInt64) throws {
        let world = EngineWorld(seed: seed, disk: disk)
        try world.simulated.run { _ in
            var random = SeededGenerator(seed: seed)
            func write(_ region: Region, _ count: Int) async throws {
                for _ in 0..<count { try await ledger.write(region) { NumberedWrite(number: $0, &random) } }
            }
            var region = try await world.open()
            try await write(region, 5)
            try await region.flush()
            try await write(region, 5)
            try await region.flush()
            try await write(region, 2)
            try await region.compact()
            try await write(region, 2)
            try await region.close()
            region = try await world.open()
            try await write(region, 4)
            try await region.flush()
            try await region.compact()
            try await write(region, 3)
        }
    }

    private static func crashPoints() throws -> [CrashPoint] {
        let (disk, ledger, points) = (MemoryFileSystem(), Ledger(), CrashPoints())
        disk.observe { [unowned disk] in points.add($0, disk, ledger) }
        try scenario(disk, ledger, seed: 11)
        disk.observe(nil)
        points.add(disk.operationCount + 1, disk, ledger)
        return points.all
    }

    /// Recovers from `point`; crashes inside that recovery and recovers from those, and so on, `depth` deep.
    private static func recover(
        _ point: CrashPoint, _ outcome: CrashOutcome, depth: Int, inner: Int, path: String, _ counts: inout [Int]
    ) throws -> [String] {
        let seed = UInt64(point.operation) &* 31 &+ UInt64(depth)
        let disk = point.disk.crash(outcome, seed: seed)
        let world = EngineWorld(seed: seed, disk: disk)
        let points = CrashPoints(limit: depth > 0 ? inner : 0, seed: seed)
        let path = "\(path) \(point.operation)"
        counts[depth] += 1
        do {
            // A second look at every fourth, or at all of them.
            let twice = setting("CRASH_SWEEP_DEPTH") != nil || point.operation % 4 == 0
            let problems = try world.recover(point.ledger.copy(), twice: twice) { [unowned disk] in
                if depth > 0 { points.add($0, disk, point.ledger) }
            }
            if !problems.isEmpty { return problems.map { "crash at\(path), \(outcome): \($0)" } }
        } catch {
            return ["crash at\(path), \(outcome): recovery says \(error)"]
        }
        var found: [String] = []
        for next in points.all {
            found += try recover(next, outcome, depth: depth - 1, inner: inner, path: path, &counts)
        }
        return found
    }

    /// Crashes at every operation; `CRASH_SWEEP_DEPTH` and `CRASH_SWEEP_INNER` ask for more crashes inside recoveries.
    @Test(arguments: [CrashOutcome.none, .subset, .torn])
    func nothingAcknowledgedIsLostWhereverTheCrashIs(outcome: CrashOutcome) throws {
        let inner = setting("CRASH_SWEEP_INNER") ?? 1
        let deep = setting("CRASH_SWEEP_DEPTH") ?? 2
        let points = try Self.crashPoints()
        #expect(points.count > 200)
        var counts = [Int](repeating: 0, count: deep + 1)
        for point in points {
            // Two deep at some, so that the test stays short.
            let depth = setting("CRASH_SWEEP_DEPTH") != nil || point.operation % 10 == 0 ? deep : 0
            let problems = try Self.recover(point, outcome, depth: depth, inner: inner, path: "", &counts)
            try #require(problems == [])
        }
        if setting("CRASH_PRINT") != nil {
            print("sweep \(outcome): \(points.count) points, recoveries by depth \(counts)")
        }
    }

    /// The same crash at the same place of the opening, four times over: what each leaves behind must not add up to
    /// something that the last one cannot open.
    @Test(arguments: [CrashOutcome.none, .torn])
    func anOpeningThatNeverGetsFurtherLosesNothing(outcome: CrashOutcome) throws {
        let points = try Self.crashPoints()
        for point in points.suffix(1) {
            var operation = 1
            var wasCut = true
            while wasCut {
                wasCut = false
                var disk = point.disk.crash(outcome, seed: 3)
                for life in 0..<4 {
                    disk.cutPower(atOperation: operation)
                    let world = EngineWorld(seed: UInt64(operation * 10 + life), disk: disk)
                    _ = try? world.simulated.run { _ in _ = try await world.open() }
                    wasCut = wasCut || disk.isPowerCut
                    disk = disk.crash(outcome, seed: UInt64(life))
                }
                let world = EngineWorld(seed: 5, disk: disk)
                let problems: [String]
                do { problems = try world.recover(point.ledger.copy()) } catch { problems = ["\(error)"] }
                try #require(problems == [], "four crashes at operation \(operation) of the opening")
                operation += 1
            }
            #expect(operation > 20)
        }
    }

    /// A process that is killed leaves everything it wrote.
    @Test func aKillAtAnyOperationLosesNothing() throws {
        for point in try Self.crashPoints() where point.operation % 4 == 0 {
            let world = EngineWorld(seed: 1, disk: point.disk.killed())
            try #require(try world.recover(point.ledger) == [], "killed at \(point.operation)")
        }
    }
}
