import Columnar
import Platform
import Testing

@testable import WAL

/// What a caller may rely on after a crash: every acknowledged record, no other than those enqueued, a prefix of them.
struct LogModel {
    /// Records in the order of their `enqueue` calls.
    var enqueued: [LogRecord] = []
    var acknowledged: UInt64 = 0
    /// Highest number that a release was asked for.
    var released: UInt64 = 0

    /// Problems of what a log gave back.
    func problems(_ found: [LogRecord], last: SequenceNumber?) -> [String] {
        var problems: [String] = []
        let survivors = Dictionary(enqueued.map { ($0.sequence.rawValue, $0) }) { _, later in later }
        for record in found where survivors[record.sequence.rawValue] != record {
            problems.append("record \(record.sequence) was never written so")
        }
        let numbers = found.map(\.sequence.rawValue)
        if numbers != numbers.sorted() || Set(numbers).count != numbers.count { problems.append("order \(numbers)") }
        let highest = numbers.last ?? 0
        let owed = enqueued.map(\.sequence.rawValue).filter { $0 > released && $0 <= max(acknowledged, highest) }
        let missing = Set(owed).subtracting(numbers)
        if !missing.isEmpty {
            problems.append("missing \(missing.sorted()), acknowledged to \(acknowledged), found to \(highest)")
        }
        if (last?.rawValue ?? 0) < max(acknowledged, highest) {
            problems.append("last sequence \(last?.rawValue ?? 0) after \(max(acknowledged, highest))")
        }
        return problems
    }

    /// After a crash the log goes on from what survived.
    mutating func survive(_ last: SequenceNumber?) {
        enqueued.removeAll { $0.sequence.rawValue > last?.rawValue ?? 0 }
        acknowledged = last?.rawValue ?? 0
    }
}

/// One life of a log: random writes, waits, releases, until `steps` are done or the process dies.
private func live(
    _ world: LogWorld, _ model: inout LogModel, _ random: inout SeededGenerator, steps: Int
) async -> Bool {
    do {
        let log = try await world.open()
        for _ in 0..<steps {
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                let to = UInt64.random(in: 0...model.acknowledged, using: &random)
                model.released = max(model.released, to)
                try await log.release(upTo: SequenceNumber(to))
            case 1:
                world.time.advance(by: .seconds(1))
            case 2...6:
                guard let last = log.lastSequence else { continue }
                try await log.waitUntilDurable(last)
                if world.options.durability == .always { model.acknowledged = last.rawValue }
            default:
                let next = (log.lastSequence?.rawValue ?? 0) + UInt64.random(in: 1...3, using: &random)
                let record = randomRecord(next, &random)
                model.enqueued.append(record)
                try log.enqueue(record)
            }
        }
        if Bool.random(using: &random) {
            let last = log.lastSequence
            try await log.close()
            model.acknowledged = last?.rawValue ?? 0
        }
        return true
    } catch {
        return false
    }
}

@Suite struct CrashTests {
    @Test(arguments: UInt64(0)..<12)
    func survivorsAreAPrefixThatHoldsEverythingAcknowledged(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var world = LogWorld(segmentSize: [16, 24, 64].randomElement(using: &random).map { $0 << 10 } ?? 0)
        world.options.durability = Durability.allCases.randomElement(using: &random) ?? .always
        var model = LogModel()
        for life in 0..<6 {
            if Bool.random(using: &random) {
                world.disk.die(atOperation: world.disk.operations + Int.random(in: 1...80, using: &random))
            }
            _ = await live(world, &model, &random, steps: 60)
            let loss = CrashingFileSystem.Loss.allCases.randomElement(using: &random) ?? .everything
            world.disk = world.disk.crash(loss, seed: random.next())
            world.time = ManualTime()

            let log = try await world.open()
            let found = try await log.contents()
            try #require(model.problems(found, last: log.lastSequence) == [], "seed \(seed), life \(life), \(loss)")
            let last = log.lastSequence

            world.disk = world.disk.crash(.everything, seed: 0)
            let again = try await world.open()
            try #require(try await again.contents() == found, "second recovery, seed \(seed), life \(life)")
            try #require(again.lastSequence == last)
            model.survive(last)
            world.disk = world.disk.crash(.afterPrefix, seed: random.next())
        }
    }

    /// The same life, dead at every operation in turn; recovery, too, dies at every one of its own.
    @Test(arguments: CrashingFileSystem.Loss.allCases)
    func aCrashAtEveryOperationKeepsThePromise(loss: CrashingFileSystem.Loss) async throws {
        var operation = 1
        while true {
            var world = LogWorld(segmentSize: 16 << 10)
            var model = LogModel()
            var random = SeededGenerator(seed: 7)
            world.disk.die(atOperation: operation)
            let finished = await live(world, &model, &random, steps: 40)
            world.disk = world.disk.crash(loss, seed: UInt64(operation))
            for inner in [1, 3] {
                let disk = world.disk.copy()
                disk.die(atOperation: inner * 2)
                world.disk = disk
                if let log = try? await world.open() { try? await log.close() }
                world.disk = world.disk.crash(loss, seed: UInt64(inner))
            }
            let log = try await world.open()
            let found = try await log.contents()
            try #require(model.problems(found, last: log.lastSequence) == [], "operation \(operation)")
            if finished { break }
            operation += 1
        }
        #expect(operation > 20)
    }

    /// Would the tests above notice? A disk that syncs nothing must break the promise.
    @Test func aDiskThatLiesIsNoticed() async throws {
        var broken = 0
        for seed in UInt64(0)..<20 {
            var world = LogWorld(segmentSize: 16 << 10)
            var model = LogModel()
            var random = SeededGenerator(seed: seed)
            let log = try await world.open()
            try await log.close()
            world.disk.ignoreSyncs()
            _ = await live(world, &model, &random, steps: 40)
            world.disk = world.disk.crash(.randomSectors, seed: seed)
            do {
                let log = try await world.open()
                if try await model.problems(log.contents(), last: log.lastSequence) != [] { broken += 1 }
            } catch {
                broken += 1
            }
        }
        #expect(broken > 10)
    }

    @Test func aProcessThatDiesBrokenLeavesWhatWasAcknowledged() async throws {
        var world = LogWorld()
        let log = try await world.open()
        for sequence in 1...5 { try await log.append(record(UInt64(sequence))) }
        world.disk.failSync(after: 1)
        try log.enqueue(record(6))
        await #expect(throws: WALError.self) { try await log.waitUntilDurable(SequenceNumber(6)) }
        #expect(throws: WALError.self) { try log.enqueue(record(7)) }
        await #expect(throws: WALError.self) { try await log.waitUntilDurable(SequenceNumber(7)) }
        try await log.waitUntilDurable(SequenceNumber(5))
        #expect(try await log.sequences == [1, 2, 3, 4, 5])

        // The clock stands, so the log is not repaired. Reopened, the page cache shows record 6, the disk does not have
        // it: it is written again, elsewhere.
        let again = try await world.open()
        #expect(try await again.sequences == [1, 2, 3, 4, 5, 6])
        #expect(again.recovery.rewrittenRecords >= 1)
        world.disk = world.disk.crash(.everything, seed: 1)
        #expect(try await world.open().sequences == [1, 2, 3, 4, 5, 6])
    }
}
