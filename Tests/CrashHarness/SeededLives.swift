import Platform
public import Simulation
import StorageEngine
import Synchronization
import WAL

/// What a run from one seed came to.
public struct SeedReport: Sendable {
    public var seed: UInt64
    public var problems: [String] = []
    /// Stands for everything that happened.
    public var trace: UInt64 = 0xcbf2_9ce4_8422_2325
    public var steps = 0
    public var lives = 0
    public var owed = 0

    mutating func fold(_ number: UInt64) { trace = (trace ^ number) &* 0x100_0000_01b3 }
}

/// Lives of a region, all from one seed: options by chance, concurrent writers, readers, flushes, merges, expiry, faults
/// of disk and store, crashes.
public struct SeededLives {
    private let ledger = Ledger()
    private var disk = MemoryFileSystem()
    private var now: Int64 = 1_780_000_000_000
    private var report: SeedReport
    private var random: SeededGenerator
    private let retention: Duration?
    private let grid: TimeGrid
    private let lie: DiskLie?
    /// A layout is for ever, like a schema.
    private let isParquet: Bool
    /// An earlier life acknowledged what it did not sync, and no opening has synced it since.
    private var owesUnsynced = false

    enum Ending: CaseIterable { case closed, killed, powerCut }

    /// - Parameter lie: of the disk, which the run must notice.
    public static func run(seed: UInt64, lie: DiskLie? = nil) -> SeedReport {
        var lives = SeededLives(seed: seed, lie: lie)
        lives.run()
        return lives.report
    }

    private init(seed: UInt64, lie: DiskLie?) {
        report = SeedReport(seed: seed)
        random = SeededGenerator(seed: seed)
        self.lie = lie
        retention = Int.random(in: 0..<5, using: &random) == 0 ? .seconds(150) : nil
        isParquet = Int.random(in: 0..<4, using: &random) == 0
        grid = retention == nil ? TimeGrid() : EngineWorld.retentionGrid(now)
    }

    private mutating func run() {
        for _ in 0..<Int.random(in: 2...4, using: &random) where report.problems.isEmpty { live() }
        guard report.problems.isEmpty else { return }
        var world = EngineWorld(seed: random.next(), disk: disk, time: SimulatedTime(start: now))
        if let retention { world.keep(retention) }
        world.tables.isParquet = isParquet
        world.options.runsInBackground = false
        do {
            report.problems += try world.recover(ledger).map { "at the end: \($0)" }
        } catch { report.problems.append("at the end recovery says \(error)") }
        report.owed = ledger.owedCount
    }

    private mutating func live() {
        report.lives += 1
        let ending = Ending.allCases.randomElement(using: &random) ?? .closed
        if ending == .powerCut {
            disk.cutPower(atOperation: disk.operationCount + Int.random(in: 1...400, using: &random))
        }
        var world = EngineWorld(seed: random.next(), disk: disk, time: SimulatedTime(start: now))
        world.chooseOptions(&random)
        world.tables.isParquet = isParquet
        if let retention { world.keep(retention) }
        var mayFail = ending == .powerCut
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            mayFail = true
            for _ in 0..<Int.random(in: 1...3, using: &random) { disk.fail(RandomFault.ofDisk(&random)) }
        case 1:
            mayFail = true
            for _ in 0..<Int.random(in: 1...3, using: &random) { RandomFault.ofStore(world.store, &random) }
        default: break
        }
        if report.lives == 1, let lie { disk.lie(lie) }
        let life = Life(
            world: world, ledger: ledger, grid: grid, mayFail: mayFail, closes: ending == .closed)
        let plan = random.next()
        do {
            try world.simulated.run(limit: 400_000) { _ in await life.run(plan: plan) }
        } catch { life.report("the life ends with \(error)") }
        world.simulated.executor.observe(nil)
        report.problems += life.problems.map { "life \(report.lives) (\(ending)): \($0)" }
        let executor = world.simulated.executor
        report.fold(executor.trace)
        report.fold(UInt64(disk.operationCount))
        report.steps += executor.steps
        now = world.now + 5
        disk.heal()
        let outcome = CrashOutcome.allCases.randomElement(using: &random) ?? .none
        let losesPower = ending == .powerCut || disk.isPowerCut
        let acknowledgesUnsynced = world.options.durability != .always
        if losesPower, acknowledgesUnsynced || (owesUnsynced && !life.hasOpened) { ledger.forgiveUnsynced() }
        if losesPower {
            owesUnsynced = false
        } else if life.hasOpened {
            owesUnsynced = acknowledgesUnsynced
        }
        disk = losesPower ? disk.crash(outcome, seed: random.next()) : disk.killed()
    }
}

/// One life: from opening to the end of all that work on the region.
final class Life: Sendable {
    let world: EngineWorld
    let ledger: Ledger
    let grid: TimeGrid
    /// Faults are planned: errors are no surprise, wrong answers are.
    let mayFail: Bool
    let closes: Bool
    private let found = Mutex<[String]>([])
    private let wasOpened = Mutex(false)

    init(world: EngineWorld, ledger: Ledger, grid: TimeGrid, mayFail: Bool, closes: Bool) {
        self.world = world
        self.ledger = ledger
        self.grid = grid
        self.mayFail = mayFail
        self.closes = closes
    }

    private var node: Int { world.node }
    var problems: [String] { found.withLock { $0 } }
    /// Opening syncs what the log held before.
    var hasOpened: Bool { wasOpened.withLock { $0 } }
    func report(_ problem: String) { found.withLock { $0.append(problem) } }

    /// An error that no fault explains, or of a kind that no fault of disk or store may look like.
    func judge(_ error: any Error, _ what: String) {
        let kind = StorageError(wrapping: error).kind
        let isFull = kind == .overloaded && world.options.memoryLimit < .mebibytes(1)
        let isExplained = mayFail && [.unavailable, .overloaded, .closed].contains(kind)
        if !isExplained && !isFull { report("\(what): \(kind), \(error)") }
    }

    func run(plan: UInt64) async {
        var random = SeededGenerator(seed: plan)
        let opened = world.now
        guard let region = await open(at: opened) else { return }
        wasOpened.withLock { $0 = true }
        watch(region)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let (seed, count) = (random.next(), Int.random(in: 2...10, using: &random))
                group.addTask { await self.write(region, count, seed) }
            }
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let seed = random.next()
                group.addTask { await self.read(region, opened, seed) }
            }
            let (flushes, merges) = (Int.random(in: 0...3, using: &random), Int.random(in: 0...2, using: &random))
            let (flushSeed, mergeSeed) = (random.next(), random.next())
            group.addTask {
                await self.repeatedly(flushes, flushSeed, "flush") {
                    try await self.ledger.flush(region, node: self.node)
                }
            }
            group.addTask { await self.repeatedly(merges, mergeSeed, "compact") { try await region.compact() } }
            // Long enough for the housekeeping to find something past retention.
            if world.options.retention != nil {
                group.addTask { try? await self.world.simulated.environment.time.sleep(for: .seconds(130)) }
            }
        }
        await check(region, opened, "at the end of the life")
        await heal(region)
        if closes {
            // Closing flushes.
            let owed = ledger.owed(to: node)
            do {
                try await region.close()
                ledger.markStored(owed)
            } catch { judge(error, "close") }
        }
    }

    /// nil when it could not be opened.
    func open(at opened: Int64) async -> Region? {
        let owed = ledger.owedAtOpen(to: node)
        do {
            let region = try await world.open()
            let contents = try await Contents(of: region.snapshot)
            for problem in ledger.problems(contents, owed: owed, node: node, world.retained(opened: opened)) {
                report("after opening: \(problem)")
            }
            ledger.settle(contents, node: node)
            return region
        } catch {
            judge(error, "open")
            return nil
        }
    }

    /// Looks at part list and manifest after every change of either.
    func watch(_ region: Region) {
        let state = Mutex(RegionState())
        world.simulated.executor.observe { [weak self, weak region] in
            guard let region else { return }
            for problem in state.withLock({ region.problems(since: &$0) }) { self?.report("invariant: \(problem)") }
        }
    }

    private func pause(_ random: inout SeededGenerator) async {
        // Mostly none: writes must fall into flushes and merges under way.
        let time = Int.random(in: -6..<4, using: &random)
        if time > 0 { try? await world.simulated.environment.time.sleep(for: .milliseconds(time * 250)) }
    }

    func write(_ region: Region, _ count: Int, _ seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<count {
            do {
                try await ledger.write(region, node: node) { NumberedWrite(number: $0, &random, grid) }
            } catch { judge(error, "write") }
            await pause(&random)
        }
    }

    func repeatedly(_ count: Int, _ seed: UInt64, _ what: String, _ work: () async throws -> Void) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<count {
            for _ in 0..<Int.random(in: 0..<30, using: &random) { await Task.yield() }
            await pause(&random)
            do { try await work() } catch { judge(error, what) }
        }
    }

    /// Snapshots, some held while the world goes on: what they show does not change.
    func read(_ region: Region, _ opened: Int64, _ seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            let owed = ledger.owed(to: node)
            let (snapshot, looked) = (region.snapshot, world.now)
            // Now and then the first look comes late: merges may have replaced what the snapshot holds.
            if Bool.random(using: &random) {
                for _ in 0..<Int.random(in: 0..<60, using: &random) { await Task.yield() }
                await pause(&random)
            }
            do {
                let first = try await Contents(of: snapshot)
                let retained = world.retained(opened: opened, looked: looked)
                for problem in ledger.problems(first, owed: owed, node: node, retained) { report("reader: \(problem)") }
                await pause(&random)
                if try await Contents(of: snapshot) != first { report("reader: a snapshot changed") }
            } catch { judge(error, "read") }
        }
    }

    /// When disk and store work again a write works within 10 s, and then a flush, too, without a restart.
    private func heal(_ region: Region) async {
        guard mayFail, !world.disk.isPowerCut else { return }
        world.disk.heal()
        world.store.heal()
        var random = SeededGenerator(seed: 1)
        let deadline = world.now + 10_000
        while true {
            do {
                try await ledger.write(region, node: node) { NumberedWrite(number: $0, &random, grid) }
                break
            } catch {
                guard StorageError(wrapping: error).kind == .unavailable, world.now < deadline, !world.disk.isPowerCut
                else {
                    judge(error, "write after healing")
                    if world.now >= deadline { report("the log is not healed after 10 s: \(error)") }
                    return
                }
                try? await world.simulated.environment.time.sleep(for: .milliseconds(250))
            }
        }
        do {
            try await ledger.flush(region, node: node)
        } catch {
            // Doubt about the manifest's head stops flushing until the next opening: the log keeps everything.
            let isDoubt = "\(error)".contains("it is unknown whether")
            if !world.disk.isPowerCut, !isDoubt { report("flush after healing: \(error)") }
        }
    }

    func check(_ region: Region, _ opened: Int64, _ moment: String) async {
        let owed = ledger.owed(to: node)
        let (snapshot, looked) = (region.snapshot, world.now)
        do {
            let contents = try await Contents(of: snapshot)
            let retained = world.retained(opened: opened, looked: looked)
            for problem in ledger.problems(contents, owed: owed, node: node, retained) {
                report("\(moment): \(problem)")
            }
        } catch { judge(error, moment) }
    }
}
