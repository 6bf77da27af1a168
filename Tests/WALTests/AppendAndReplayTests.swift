import Columnar
import Platform
import Synchronization
import Testing

@testable import WAL

@Suite struct AppendAndReplayTests {
    @Test func whatWasAppendedComesBackInOrder() async throws {
        let world = LogWorld()
        let log = try await world.open()
        #expect(log.lastSequence == nil)
        let records = (1...20).map { record(UInt64($0) * 3, bytes: $0 * 7, table: UInt16($0)) }
        for record in records { try await log.append(record) }
        #expect(try await log.contents() == records)
        #expect(try await log.contents(after: 30) == Array(records[10...]))
        #expect(try await log.contents(after: 31) == Array(records[10...]))
        #expect(try await log.contents(after: 60).isEmpty)
        #expect(log.lastSequence == SequenceNumber(60))
        try await log.close()

        let again = try await world.open()
        #expect(try await again.contents() == records)
        #expect(again.lastSequence == SequenceNumber(60))
        #expect(again.recovery == LogRecoveryReport())
        try await again.close()
    }

    @Test func aFreshLogIsEmptyAndStaysSoOverManyOpens() async throws {
        let world = LogWorld()
        for _ in 0..<5 {
            let log = try await world.open()
            #expect(log.lastSequence == nil)
            #expect(try await log.contents().isEmpty)
            try await log.close()
        }
        #expect(world.segmentPaths == [world.path(1)])
    }

    @Test func openingAndClosingManyTimesMakesNoFiles() async throws {
        let world = LogWorld()
        for sequence in 1...30 {
            let log = try await world.open()
            try await log.append(record(UInt64(sequence)))
            try await log.close()
        }
        #expect(world.segmentPaths == [world.path(1)])
        #expect(try await world.open().sequences == Array(1...30))
    }

    @Test func aLogGoesOnOverManySegments() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        var log = try await world.open()
        let records = (1...100).map { record(UInt64($0), bytes: 1_500) }
        for (index, record) in records.enumerated() {
            try await log.append(record)
            if index == 50 {
                try await log.close()
                log = try await world.open()
            }
        }
        #expect(log.statistics.segments > 10)
        #expect(try await log.contents() == records)
        try await log.close()
        let again = try await world.open()
        #expect(try await again.contents() == records)
        try await again.close()
    }

    @Test func batchesOfReplayAreBounded() async throws {
        let world = LogWorld()
        let log = try await world.open()
        for sequence in 1...40 { try log.enqueue(record(UInt64(sequence), bytes: 500)) }
        try await log.waitUntilDurable(SequenceNumber(40))
        let all = Collected()
        try await log.replay(after: .zero, batchBytes: 1_000) { batch in
            #expect(batch.count <= 2)
            all.add(batch)
        }
        #expect(all.records.count == 40 && all.batches == 20)
    }

    @Test func aRecordLargerThanASegmentIsRefusedAndHarmless() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        let log = try await world.open()
        let limit = world.options.recordBytesLimit
        #expect(throws: WALError.recordTooLarge(bytes: limit, limit: limit)) {
            try log.enqueue(record(1, bytes: limit))
        }
        try await log.append(record(2, bytes: limit - 24))  // 16 of the record, 8 of its entry
        try await log.append(record(3))
        #expect(try await log.sequences == [2, 3])
    }

    @Test func aRecordLargerThanTheFirstSegmentGoesIntoTheNext() async throws {
        let world = LogWorld(segmentSize: 8 << 20)  // the first one has 4 MiB
        let log = try await world.open()
        let large = LogRecord(
            sequence: SequenceNumber(1), entries: [LogEntry(table: 1, payload: Bytes(repeating: 7, count: 5 << 20))])
        try await log.append(large)
        try await log.append(record(2))
        #expect(try await log.contents() == [large, record(2)])
        try await log.close()
        let again = try await world.open()
        #expect(try await again.contents() == [large, record(2)])
    }

    @Test func afterCloseNothingIsAccepted() async throws {
        let log = try await LogWorld().open()
        try log.enqueue(record(1))
        try await log.close()
        try await log.waitUntilDurable(SequenceNumber(1))
        #expect(throws: WALError.closed) { try log.enqueue(record(2)) }
        await #expect(throws: WALError.closed) { try await log.waitUntilDurable(SequenceNumber(2)) }
        await #expect(throws: WALError.closed) { try await log.release(upTo: SequenceNumber(1)) }
        try await log.close()
    }

    @Test func whoeverHasNoTaskIsCalledOnce() async throws {
        let log = try await LogWorld().open()
        let answers = Mutex<[String]>([])
        func ask(_ sequence: UInt64) {
            log.whenDurable(SequenceNumber(sequence)) { result in
                answers.withLock { $0.append("\(sequence): \((try? result.get()) != nil)") }
            }
        }
        for sequence in 1...3 as ClosedRange<UInt64> {
            try log.enqueue(record(sequence))
            ask(sequence)
        }
        try await log.waitUntilDurable(SequenceNumber(3))
        // Durable already: answered before the call returns.
        ask(2)
        try await log.close()
        ask(3)
        ask(4)
        #expect(
            answers.withLock { $0.sorted() } == ["1: true", "2: true", "2: true", "3: true", "3: true", "4: false"])
    }

    /// The real world: threads, system calls, several log segments.
    @Test func onARealFileSystemTheSameHolds() async throws {
        let live = Environment.live
        let directory = "/tmp/varve-wal-\(live.random.next())/r"
        var options = WALOptions()
        options.segmentSize = .kibibytes(256)
        for round in UInt64(0)..<3 {
            let log = try await RegionLog.open(
                directory: directory, region: "r", options: options, environment: live)
            #expect(try await log.sequences == (0..<round * 100).map { $0 + 1 })
            for sequence in round * 100 + 1...round * 100 + 100 {
                try log.enqueue(record(sequence, bytes: 5_000))
                if sequence % 10 == 0 { try await log.waitUntilDurable(SequenceNumber(sequence)) }
            }
            try await log.close()
        }
        let log = try await RegionLog.open(directory: directory, region: "r", options: options, environment: live)
        #expect(try await log.contents() == (1...300).map { record($0, bytes: 5_000) })
        try await log.release(upTo: SequenceNumber(300))
        #expect(log.statistics.segments <= 2)
        try await log.close()
        for name in try live.fileSystem.list(directory) { try live.fileSystem.remove("\(directory)/\(name)") }
        try live.fileSystem.remove(directory)
        try live.fileSystem.remove(String(directory.dropLast(2)))
    }

    @Test func manyWritersShareCommits() async throws {
        let world = LogWorld(segmentSize: 1 << 20)
        let log = try await world.open()
        let order = Ordered(log)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask { for _ in 0..<50 { await order.appendNext() } }
            }
        }
        #expect(order.failures == 0)
        #expect(try await log.sequences == Array(1...800))
        #expect(log.statistics.records == 800)
        #expect(log.statistics.commits <= 800)
        try await log.close()
        #expect(try await world.open().sequences == Array(1...800))
    }
}
