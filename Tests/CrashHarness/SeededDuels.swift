import Columnar
import ManifestLog
import ObjectStorage
import Platform
public import Simulation
import StorageEngine
import Synchronization
import WAL

/// Three nodes that each take themselves for the writer of one region in one store, which is slow and loses answers: one
/// node's commits count, the others learn of it with their next commit, and whatever they acknowledged is in the store or
/// in their own log (rules R1 to R4).
public struct SeededDuels {
    private let ledger = Ledger()
    private let time = SimulatedTime()
    private let shared: any ObjectStore
    private var random: SeededGenerator
    private var report: SeedReport

    /// - Parameter lie: of the store, which the run must notice.
    public static func run(seed: UInt64, lie: LyingStore.Lie? = nil) -> SeedReport {
        var duels = SeededDuels(seed: seed, lie: lie)
        duels.run()
        return duels.report
    }

    private init(seed: UInt64, lie: LyingStore.Lie?) {
        report = SeedReport(seed: seed)
        random = SeededGenerator(seed: seed ^ 0xd0e1)
        let store = MemoryStore(time: time)
        shared = lie.map { LyingStore(store, $0) } ?? store
    }

    private mutating func run() {
        let world = SimulatedWorld(seed: random.next(), time: time)
        let nodes = (1...3).map { number in
            DuelNode(number: number, world: world, shared: shared, ledger: ledger, seed: random.next())
        }
        do {
            try world.run(limit: 2_000_000) { _ in
                await withTaskGroup(of: Void.self) { group in
                    for node in nodes { group.addTask { await node.run() } }
                }
            }
        } catch { report.problems.append("the duel ends with \(error)") }
        report.problems += nodes.flatMap(\.problems)
        report.lives = nodes.reduce(0) { $0 + $1.lives }
        if report.problems.isEmpty { judge(nodes) }
        report.fold(world.executor.trace)
        report.steps += world.executor.steps
        report.owed = ledger.owedCount
    }

    /// A fourth opener, without a log: finds everything stored, and everything acknowledged that is in no log.
    private mutating func judge(_ nodes: [DuelNode]) {
        let simulated = SimulatedWorld(seed: random.next(), time: time)
        var found: Set<Int> = []
        do {
            let world = EngineWorld(simulated, node: 0, shared: shared)
            let (problems, shown) = try simulated.run(limit: 1_000_000) { [ledger] _ in
                let region = try await world.open()
                let contents = try await Contents(of: region.snapshot)
                let problems = ledger.problems(contents, owed: ledger.stored)
                return (try await problems + world.manifestProblems() + region.problems(), contents.writes)
            }
            found = shown
            report.problems += problems.map { "at the end: \($0)" }
            for node in nodes {
                let kept = try simulated.run(limit: 1_000_000) { _ in try await node.loggedWrites() }
                let lost = ledger.owedWrites(of: node.number).subtracting(found).subtracting(kept)
                if !lost.isEmpty {
                    report.problems.append("node \(node.number): in neither store nor log: writes \(lost.sorted())")
                }
            }
        } catch { report.problems.append("at the end: \(error)") }
        report.steps += simulated.executor.steps
    }
}

/// One node of a duel: its disk, and its lives one after the other.
private final class DuelNode: Sendable {
    let number: Int
    private let simulated: SimulatedWorld
    private let shared: any ObjectStore
    private let ledger: Ledger
    private let seed: UInt64
    private let found = Mutex<[String]>([])
    private let disk: Mutex<MemoryFileSystem>
    private let livesSoFar = Mutex(0)

    init(number: Int, world: SimulatedWorld, shared: any ObjectStore, ledger: Ledger, seed: UInt64) {
        self.number = number
        simulated = world
        self.shared = shared
        self.ledger = ledger
        self.seed = seed
        disk = Mutex(MemoryFileSystem(time: world.time))
    }

    var problems: [String] { found.withLock { $0 } }
    var lives: Int { livesSoFar.withLock { $0 } }

    /// The node as the engine sees it: the common clock and threads, its own disk and its own way to the store.
    private func world(_ random: inout SeededGenerator) -> EngineWorld {
        let slow = StallingStore(shared, time: simulated.time, seed: random.next())
        var world = EngineWorld(
            simulated.with(disk.withLock { $0 }, random: random.next()), node: number, shared: slow)
        world.options.flushSize = .kibibytes(4)
        world.options.compaction.fanIn = 2
        world.options.manifest.attempts = 3
        world.options.manifest.foldInBackground = 3
        world.options.runsInBackground = Bool.random(using: &random)
        return world
    }

    func run() async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            try? await simulated.time.sleep(for: .milliseconds(Int.random(in: 0...900, using: &random)))
            livesSoFar.withLock { $0 += 1 }
            let world = world(&random)
            for _ in 0..<Int.random(in: 0...2, using: &random) { RandomFault.ofStore(world.store, &random) }
            let dies = Int.random(in: 0..<3, using: &random) == 0
            if dies {
                let disk = world.disk
                disk.cutPower(atOperation: disk.operationCount + Int.random(in: 1...150, using: &random))
            }
            let life = DuelLife(world: world, ledger: ledger)
            await life.run(&random)
            found.withLock { $0 += life.problems.map { "node \(number): \($0)" } }
            if dies {
                // Nothing that the dead node may still try reaches the store.
                world.store.fail(Set(FaultyStore.Operation.allCases), times: nil, .beforeSuccess)
                disk.withLock { $0 = $0.crash(.subset, seed: random.next()) }
            } else {
                disk.withLock { $0 = $0.killed() }
            }
        }
    }

    /// Numbers of the writes that are in this node's log.
    func loggedWrites() async throws -> Set<Int> {
        var options = WALOptions()
        options.segmentSize = .kibibytes(16)
        let left = disk.withLock { $0.killed() }
        let log = try await RegionLog.openReadOnly(
            directory: "/data/log", region: "main", options: options,
            environment: simulated.with(left, random: 1).environment)
        let numbers = Mutex<Set<Int>>([])
        try await log.replay(after: .zero, batchBytes: 1 << 20) { records in
            for entry in records.lazy.flatMap(\.entries) where entry.table == 2 {
                let notes = try RowEncoding.decode(entry.payload, as: CrashTables.notes)
                numbers.withLock { $0.formUnion(NumberedWrite.numbers(in: notes)) }
            }
        }
        return numbers.withLock { $0 }
    }
}

/// One life of a node that others may fence.
private final class DuelLife: Sendable {
    private let world: EngineWorld
    private let ledger: Ledger
    private let found = Mutex<[String]>([])

    init(world: EngineWorld, ledger: Ledger) {
        self.world = world
        self.ledger = ledger
    }
    var problems: [String] { found.withLock { $0 } }
    private func report(_ problem: String) { found.withLock { $0.append(problem) } }

    /// Faults are everywhere here; but bytes are what they were, and errors say so.
    private func judge(_ error: any Error, _ what: String) {
        let kind = StorageError(wrapping: error).kind
        if ![.unavailable, .overloaded, .closed, .fenced].contains(kind) { report("\(what): \(kind), \(error)") }
    }

    func run(_ random: inout SeededGenerator) async {
        let node = world.node
        let owed = ledger.owedAtOpen(to: node)
        let region: Region
        do {
            region = try await world.open()
        } catch { return judge(error, "open") }
        do {
            let contents = try await Contents(of: region.snapshot)
            for problem in ledger.problems(contents, owed: owed, node: node) { report("after opening: \(problem)") }
            ledger.settle(contents, node: node)
        } catch {
            // A newer claim may have merged and removed what this one still names.
            await judgeReading(error, region)
            try? await region.close()
            return
        }
        let seeds = (random.next(), random.next(), random.next())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.write(region, seeds.0) }
            group.addTask { await self.keepHouse(region, seeds.1) }
            group.addTask { await self.read(region, seeds.2) }
        }
        // Some go on until they are told; the log of whoever is fenced keeps what it has.
        do {
            let last = ledger.owed(to: node)
            try await region.close()
            ledger.markStored(last)
        } catch { judge(error, "close") }
    }

    private func pause(_ random: inout SeededGenerator, upTo most: Int) async {
        let time = Int.random(in: -most..<most, using: &random)
        if time > 0 { try? await world.simulated.time.sleep(for: .milliseconds(time)) }
    }

    private func write(_ region: Region, _ seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<Int.random(in: 2...10, using: &random) {
            do {
                try await ledger.write(region, node: world.node) { NumberedWrite(number: $0, &random) }
            } catch { judge(error, "write") }
            await pause(&random, upTo: 300)
        }
    }

    private func keepHouse(_ region: Region, _ seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            await pause(&random, upTo: 400)
            do {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    try await region.compact()
                } else {
                    try await ledger.flush(region, node: world.node)
                }
            } catch { await judgeReading(error, region) }
        }
    }

    private func read(_ region: Region, _ seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            await pause(&random, upTo: 500)
            let owed = ledger.owed(to: world.node)
            do {
                let contents = try await Contents(of: region.snapshot)
                for problem in ledger.problems(contents, owed: owed, node: world.node) { report("reader: \(problem)") }
            } catch { await judgeReading(error, region) }
        }
    }

    /// An object that is gone is no damage when a newer claim has merged it away: then the next commit says so.
    private func judgeReading(_ error: any Error, _ region: Region) async {
        guard StorageError(wrapping: error).kind == .damaged, "\(error)".contains("is not there") else {
            return judge(error, "read")
        }
        for _ in 0..<20 {
            do {
                try await region.reserve(counter: "asked", upTo: (region.counters["asked"] ?? 0) + 1)
                return report("read: \(error), and nobody else has claimed the region")
            } catch {
                if StorageError(wrapping: error).kind == .fenced { return }
            }
            // In doubt, or the store is away: asked again later.
            try? await world.simulated.time.sleep(for: .seconds(5))
            if world.disk.isPowerCut { return }
        }
    }
}
