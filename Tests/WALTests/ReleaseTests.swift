import Columnar
import Platform
import Synchronization
import Testing

@testable import WAL

@Suite struct ReleaseTests {
    /// Twelve records, three or so to a log segment.
    private func filledLog() async throws -> (LogWorld, RegionLog) {
        let world = LogWorld(segmentSize: 16 << 10)
        let log = try await world.open()
        for sequence in 1...12 { try await log.append(record(UInt64(sequence) * 10, bytes: 5_000)) }
        return (world, log)
    }

    @Test func onlyWholeSegmentsGoAndNeverTheActiveOne() async throws {
        let (world, log) = try await filledLog()
        let before = log.statistics
        #expect(before.segments == 6)
        try await log.release(upTo: SequenceNumber(35))
        #expect(try await log.sequences == Array(stride(from: 30, through: 120, by: 10)))
        #expect(log.statistics.segments == 5 && log.statistics.bytes < before.bytes)
        try await log.release(upTo: SequenceNumber(35))
        try await log.release(upTo: SequenceNumber(5))
        #expect(log.statistics.segments == 5)
        try await log.release(upTo: SequenceNumber(1_000))
        #expect(log.statistics.segments == 1)
        #expect(try await log.sequences == [110, 120])
        try await log.append(record(130))
        try await log.close()
        #expect(try await world.open().sequences == [110, 120, 130])
    }

    @Test func theLastSequenceIsKnownWhenEverythingWasReleased() async throws {
        var (world, log) = try await filledLog()
        try await log.release(upTo: SequenceNumber(120))
        // Without a close: the last batch is written again into a new log segment; then that, too, is released.
        for _ in 0..<4 {
            world.disk = world.disk.crash(.everything, seed: 1)
            let again = try await world.open()
            #expect(again.lastSequence == SequenceNumber(120))
            try await again.release(upTo: SequenceNumber(120))
        }
        world.disk = world.disk.crash(.everything, seed: 1)
        log = try await world.open()
        try await log.append(record(121))
        #expect(log.lastSequence == SequenceNumber(121))
    }

    /// Found by seed 1468 of the crash test: released up to its end while the next one was still empty.
    @Test func aSegmentStaysUntilItsSuccessorHasASyncedBatch() async throws {
        var world = LogWorld(segmentSize: 16 << 10)
        world.options.durability = .os
        let log = try await world.open()
        for sequence in 1...3 { try await log.append(record(UInt64(sequence), bytes: 5_000)) }
        #expect(log.statistics.segments == 2)
        try await log.release(upTo: SequenceNumber(3))
        #expect(log.statistics.segments == 2)
        world.disk = world.disk.crash(.everything, seed: 1)
        #expect(try await world.open().lastSequence == SequenceNumber(2))
    }

    @Test func aSegmentBeingReadStays() async throws {
        let (world, log) = try await filledLog()
        let all = Collected()
        let isFirst = Mutex(true)
        try await log.replay(after: .zero, batchBytes: 1) { batch in
            if isFirst.withLock({ first in
                defer { first = false }
                return first
            }) {
                try await log.release(upTo: SequenceNumber(120))
            }
            all.add(batch)
        }
        #expect(all.records.count == 12)
        #expect(world.segmentPaths.count == 7)  // six with records, one made ahead
        try await log.release(upTo: SequenceNumber(120))
        #expect(log.statistics.segments == 1)
    }

    @Test func aFileThatWillNotGoIsTriedAgain() async throws {
        let (world, log) = try await filledLog()
        world.disk.failRemoving(world.path(4))
        await #expect(throws: WALError.self) { try await log.release(upTo: SequenceNumber(120)) }
        #expect(log.statistics.segments == 3)  // two are kept to be written over, one went
        #expect(try await log.sequences == Array(stride(from: 70, through: 120, by: 10)))
        world.disk.failRemoving(nil)
        try await log.release(upTo: SequenceNumber(120))
        #expect(log.statistics.segments == 1)
    }

    /// Random appends, waits, releases and reopenings against a list.
    @Test(arguments: UInt64(0)..<8)
    func aLogAnswersLikeAList(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var world = LogWorld(segmentSize: 16 << 10)
        world.options.durability = Durability.allCases.randomElement(using: &random) ?? .always
        var log = try await world.open()
        var model: [LogRecord] = []
        var released: UInt64 = 0
        for step in 0..<150 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                try await log.close()
                log = try await world.open()
            case 1:
                // Dropped without a close: nothing was lost but the seal.
                if let last = log.lastSequence { try await log.waitUntilDurable(last) }
                world.disk = world.disk.crash(.nothing, seed: seed)
                log = try await world.open()
            case 2:
                let to = UInt64.random(in: released...max(released, model.last?.sequence.rawValue ?? 0), using: &random)
                released = to
                try await log.release(upTo: SequenceNumber(to))
            case 3, 4:
                if let last = log.lastSequence { try await log.waitUntilDurable(last) }
                let found = try await log.contents(after: released)
                try #require(found == model.filter { $0.sequence.rawValue > released }, "seed \(seed), step \(step)")
            default:
                let next = (model.last?.sequence.rawValue ?? 0) + UInt64.random(in: 1...2, using: &random)
                model.append(randomRecord(next, &random))
                try log.enqueue(model[model.count - 1])
            }
            try #require(log.lastSequence == model.last?.sequence, "seed \(seed), step \(step)")
        }
    }
}
