import Columnar
import Platform
import Simulation
import Synchronization
import Testing

@testable import WAL

/// A log on a simulated disk whose operations fail by rule: repair in place (rule R6).
private struct HealingWorld {
    let simulated: SimulatedWorld
    var options = WALOptions()
    var disk: MemoryFileSystem { simulated.fileSystem }

    init(seed: UInt64 = 1, disk: MemoryFileSystem? = nil, capacity: UInt64 = .max) {
        simulated = SimulatedWorld(seed: seed, fileSystem: disk ?? MemoryFileSystem(capacity: capacity))
        options.segmentSize = .kibibytes(32)
        options.dataDirectory = "/data"
    }

    func open() async throws(WALError) -> RegionLog {
        try await RegionLog.open(
            directory: "/data/wal/r", region: "r", options: options, environment: simulated.environment)
    }
    func run<Value: Sendable>(_ body: @escaping @Sendable (HealingWorld) async throws -> Value) throws -> Value {
        try simulated.run { _ in try await body(self) }
    }
    /// Waits until the log is whole. - Returns: seconds that took.
    func healed(_ log: RegionLog) async throws -> Double {
        let start = simulated.time.monotonic()
        while log.statistics.failure != nil {
            try await simulated.time.sleep(for: .milliseconds(50))
            try #require(simulated.time.monotonic() - start < 60_000_000_000, "not repaired after a minute")
        }
        return Double(simulated.time.monotonic() - start) / 1e9
    }
    /// What power loss leaves of this moment.
    func crashed(_ outcome: CrashOutcome = .none, seed: UInt64 = 1) -> HealingWorld {
        var world = HealingWorld(disk: disk.crash(outcome, seed: seed))
        world.options = options
        return world
    }
    var contents: [UInt64] {
        get throws { try run { world in try await world.open().sequences } }
    }
}

extension RegionLog {
    /// - Returns: whether it was acknowledged.
    fileprivate func tryAppend(_ sequence: UInt64, bytes: Int = 100) async -> Bool {
        do {
            try await append(record(sequence, bytes: bytes))
            return true
        } catch { return false }
    }
}

@Suite struct HealingTests {
    @Test func pausesAreShortEnoughToHealWithinTenSeconds() {
        #expect(
            (0...7).map { HealingSchedule.pause(before: $0) / .milliseconds(1) } == [
                100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000,
            ])
    }

    @Test(arguments: [FileOperation.write, .sync])
    func oneFaultFailsEveryWaiterAndThenTheLogRepairsItself(operation: FileOperation) throws {
        let world = HealingWorld()
        try world.run { world in
            let log = try await world.open()
            for sequence in UInt64(1)...5 { try await log.append(record(sequence)) }
            world.disk.fail(FaultRule([operation], path: ".log"))
            for sequence in UInt64(6)...8 { try log.enqueue(record(sequence)) }
            for sequence in UInt64(6)...8 {
                await #expect(throws: WALError.self) { try await log.waitUntilDurable(SequenceNumber(sequence)) }
            }
            // What was acknowledged stays so, reading and releasing go on, nothing new is taken.
            try await log.waitUntilDurable(SequenceNumber(5))
            #expect(try await log.sequences == [1, 2, 3, 4, 5])
            #expect(throws: WALError.self) { try log.enqueue(record(9)) }
            try await log.release(upTo: SequenceNumber(1))
            #expect(log.statistics.failure != nil && log.statistics.failures == 1)

            #expect(try await world.healed(log) < 1)
            // The writes that failed are wholly there, before anything new.
            #expect(try await log.sequences == [1, 2, 3, 4, 5, 6, 7, 8])
            try await log.append(record(9))
            #expect(try await log.sequences == [1, 2, 3, 4, 5, 6, 7, 8, 9])
            #expect(log.statistics.repairs == 1)
        }
        // A failed sync has dropped the old copies from the disk: only what was written anew counts.
        #expect(try world.crashed().contents == [1, 2, 3, 4, 5, 6, 7, 8, 9])
    }

    @Test(arguments: [FileSystemError.Kind.failed, .full])
    func itHealsWithinSecondsOfTheFaultsEndHoweverLongItTook(kind: FileSystemError.Kind) throws {
        let world = HealingWorld()
        try world.run { world in
            let log = try await world.open()
            try await log.append(record(1))
            world.disk.fail(FaultRule([.write, .sync, .truncate, .open], path: ".log", times: nil, kind))
            #expect(await !log.tryAppend(2))
            #expect(log.statistics.failure?.isDiskFull == (kind == .full))
            try await world.simulated.time.sleep(for: .seconds(300))
            #expect(await !log.tryAppend(3))
            #expect(try await log.sequences(ignoring: world) == nil, "a disk that refuses everything cannot be read")
            world.disk.heal()
            #expect(try await world.healed(log) <= 2.1)
            #expect(await log.tryAppend(3))
            #expect(try await log.sequences == [1, 2, 3])
            try await log.close()
        }
        #expect(try world.crashed().contents == [1, 2, 3])
    }

    /// The power goes at every operation of a repair, with every outcome: what was acknowledged is there, nothing else than
    /// what was sent, in order, without a hole; a second recovery shows the same.
    @Test(arguments: CrashOutcome.allCases, [FileOperation.write, .sync])
    func aCrashWithinARepairLosesNothing(outcome: CrashOutcome, operation: FileOperation) throws {
        var steps = 0
        while true {
            let world = HealingWorld(seed: UInt64(steps))
            let progress = Mutex<(acknowledged: UInt64, sent: UInt64)>((0, 0))
            let step = steps
            try world.run { world in
                let log = try await world.open()
                for sequence in UInt64(1)...3 { try await log.append(record(sequence, bytes: 2_000)) }
                progress.withLock { $0 = (3, 5) }
                world.disk.fail(FaultRule([operation], path: ".log"))
                try log.enqueue(record(4, bytes: 2_000))
                try log.enqueue(record(5, bytes: 2_000))
                await #expect(throws: WALError.self) { try await log.waitUntilDurable(SequenceNumber(4)) }
                world.disk.cutPower(atOperation: world.disk.operationCount + 1 + step)
                try await world.simulated.time.sleep(for: .milliseconds(150))
                guard log.statistics.failure == nil else { return }
                for sequence in UInt64(6)...7 {
                    progress.withLock { $0.sent = sequence }
                    guard await log.tryAppend(sequence) else { return }
                    progress.withLock { $0.acknowledged = sequence }
                }
            }
            let isOver = !world.disk.isPowerCut
            let (acknowledged, sent) = progress.withLock { $0 }
            let after = world.crashed(outcome, seed: UInt64(steps))
            let found = try after.contents
            try #require(found == Array(1...UInt64(found.count)), "step \(steps)")
            try #require(UInt64(found.count) >= acknowledged && UInt64(found.count) <= sent, "step \(steps): \(found)")
            try #require(try after.crashed().contents == found, "second recovery, step \(steps)")
            if isOver { break }
            steps += 1
        }
        #expect(steps > 10)
    }

    @Test func whatIsReleasedWhileBrokenIsOwedNoMore() throws {
        let world = HealingWorld()
        try world.run { world in
            let log = try await world.open()
            try await log.append(record(1))
            world.disk.fail(FaultRule([.sync], path: ".log", times: 3))
            #expect(await !log.tryAppend(7))
            // A flush has brought it into objects.
            try await log.release(upTo: SequenceNumber(7))
            _ = try await world.healed(log)
            #expect(try await log.sequences == [1])
            #expect(log.lastSequence == SequenceNumber(7))
            try await log.waitUntilDurable(SequenceNumber(7))
        }
        try world.crashed().run { world in
            let log = try await world.open()
            #expect(try await log.sequences.allSatisfy { $0 == 1 })
            #expect(log.lastSequence == SequenceNumber(7), "the number is not given out again")
        }
    }

    @Test(arguments: [Durability.interval, .os])
    func whatWasAcknowledgedBeforeItsSyncIsKeptInMemoryUntilThen(durability: Durability) throws {
        var world = HealingWorld()
        world.options.durability = durability
        try world.run { world in
            let log = try await world.open()
            for sequence in UInt64(1)...5 { try await log.append(record(sequence)) }
            #expect(log.statistics.syncs == 0)
            world.disk.fail(FaultRule([.sync], path: ".log"))
            // The clock's sync, or that of closing, finds that the page cache has lied.
            if durability == .interval {
                while log.statistics.failures == 0 { try await world.simulated.time.sleep(for: .milliseconds(100)) }
                _ = try await world.healed(log)
                #expect(try await log.sequences == [1, 2, 3, 4, 5])
            } else {
                try await log.close()
            }
            #expect(log.statistics.repairs == 1)
        }
        #expect(try world.crashed().contents == [1, 2, 3, 4, 5])
    }

    @Test func withoutASyncMemoryIsBoundedAllTheSame() throws {
        var world = HealingWorld()
        world.options.durability = .os
        world.options.segmentSize = .mebibytes(64)
        try world.run { world in
            let log = try await world.open()
            for sequence in UInt64(1)...30 {
                try await log.append(record(sequence, bytes: 1 << 20))
                let held = log.state.withLock { $0.committer?.unsyncedBytes ?? 0 }
                #expect(held <= Committer.unsyncedLimit + 2 << 20)
            }
            #expect(log.statistics.syncs >= 2)
        }
    }

    @Test func closingABrokenLogRepairsItOnceMore() throws {
        let world = HealingWorld()
        try world.run { world in
            let log = try await world.open()
            try await log.append(record(1))
            world.disk.fail(FaultRule([.sync], path: ".log"))
            #expect(await !log.tryAppend(2))
            try await log.close()
            #expect(throws: WALError.closed) { try log.enqueue(record(3)) }
        }
        #expect(try world.crashed().contents == [1, 2])

        let dead = HealingWorld()
        try dead.run { world in
            let log = try await world.open()
            try await log.append(record(1))
            world.disk.fail(FaultRule([.sync, .open], path: ".log", times: nil))
            #expect(await !log.tryAppend(2))
            await #expect(throws: WALError.self) { try await log.close() }
            world.disk.heal()
            let operations = world.disk.operationCount
            try await world.simulated.time.sleep(for: .seconds(30))
            #expect(world.disk.operationCount == operations, "after close nothing touches the directory")
        }
    }

    @Test func aDiskThatWasFullAtOpeningIsWrittenOnceThereIsRoom() throws {
        let capacity: UInt64 = 300 << 10
        let world = HealingWorld(capacity: capacity)
        try world.run { world in
            let log = try await world.open()
            for sequence in UInt64(1)...3 { try await log.append(record(sequence)) }
        }
        // Not closed: opening wants a new log segment, and somebody has taken the room.
        let full = HealingWorld(disk: world.disk.killed())
        try full.run { world in
            let filler = try world.disk.open("/filler", .createNew)
            let free = try world.disk.freeBytes(at: "/")
            try filler.write(Bytes(repeating: 1, count: Int(free)), at: 0)
            let log = try await world.open()
            #expect(try await log.sequences == [1, 2, 3])
            #expect(log.statistics.failure?.isDiskFull == true)
            #expect(await !log.tryAppend(4))
            try await world.simulated.time.sleep(for: .seconds(20))
            #expect(await !log.tryAppend(4))
            try filler.truncate(to: 0)
            #expect(try await world.healed(log) <= 2.1)
            #expect(await log.tryAppend(4))
            #expect(try await log.sequences == [1, 2, 3, 4])
            try await log.close()
        }
        #expect(try full.crashed().contents == [1, 2, 3, 4])
    }

    @Test func aSmallDiskGetsSmallLogSegments() {
        let mebibyte: UInt64 = 1 << 20
        #expect(WALOptions.size(wanted: 64 * mebibyte, records: 0, free: .max) == 64 * mebibyte)
        #expect(WALOptions.size(wanted: 64 * mebibyte, records: 0, free: 40 * mebibyte) == 5 * mebibyte)
        #expect(WALOptions.size(wanted: 64 * mebibyte, records: 0, free: 0) == 64 << 10)
        #expect(WALOptions.size(wanted: 16 << 10, records: 0, free: 0) == 16 << 10)
        let needed = WALOptions.size(wanted: 64 * mebibyte, records: 9 * mebibyte, free: mebibyte)
        #expect(needed >= 9 * mebibyte + 4_096 + 40 && needed < 10 * mebibyte)
    }

    /// Faults come and go at random: whatever was acknowledged stays, in order, without a hole, over every crash.
    @Test(arguments: UInt64(0)..<20)
    func faultsAtRandomLoseNothing(seed: UInt64) throws {
        var world = HealingWorld(seed: seed)
        var random = SeededGenerator(seed: seed)
        world.options.durability = [.always, .always, .interval].randomElement(using: &random) ?? .always
        world.options.segmentSize = .kibibytes([16, 24, 64].randomElement(using: &random) ?? 16)
        let start = random.next()
        let model = Mutex(LogModel())
        for life in 0..<3 {
            try world.run { world in
                var random = SeededGenerator(seed: start &+ UInt64(life))
                let log = try await world.open()
                for _ in 0..<60 {
                    switch Int.random(in: 0..<14, using: &random) {
                    case 0:
                        let operations: [FileOperation] = [.write, .sync, .open, .rename, .syncDirectory, .truncate]
                        let kind: FileSystemError.Kind = Bool.random(using: &random) ? .failed : .full
                        world.disk.fail(
                            FaultRule(
                                Set(operations.filter { _ in Bool.random(using: &random) }), path: "wal",
                                passing: Int.random(in: 0...2, using: &random),
                                times: Int.random(in: 1...6, using: &random), kind))
                    case 1:
                        let pause = Int.random(in: 1...3_000, using: &random)
                        try await world.simulated.time.sleep(for: .milliseconds(pause))
                    case 2: world.disk.heal()
                    case 3...7:
                        guard let last = log.lastSequence else { continue }
                        let isDurable = (try? await log.waitUntilDurable(last)) != nil
                        if isDurable, world.options.durability == .always {
                            model.withLock { $0.acknowledged = last.rawValue }
                        }
                    default:
                        let next = (log.lastSequence?.rawValue ?? 0) + UInt64.random(in: 1...3, using: &random)
                        let record = randomRecord(next, &random)
                        // Refused, it leaves no trace.
                        if (try? log.enqueue(record)) != nil { model.withLock { $0.enqueued.append(record) } }
                    }
                }
            }
            let outcome = CrashOutcome.allCases.randomElement(using: &random) ?? .none
            var next = world.crashed(outcome, seed: random.next())
            next.disk.heal()
            let (found, last) = try next.run { world in
                let log = try await world.open()
                return (try await log.contents(), log.lastSequence)
            }
            let problems = model.withLock { $0.problems(found, last: last) }
            try #require(problems == [], "seed \(seed), life \(life), \(outcome)")
            model.withLock { $0.survive(last) }
            swap(&world, &next)
        }
    }
}

extension RegionLog {
    /// nil when the disk refuses to be read.
    fileprivate func sequences(ignoring world: HealingWorld) async throws -> [UInt64]? {
        do { return try await sequences } catch WALError.io { return nil }
    }
}
