import Columnar
import Platform
import Testing

@testable import WAL

@Suite struct HousekeepingTests {
    private func inspect(_ world: LogWorld) async throws -> LogInspection {
        try await LogInspection.read(
            directory: LogWorld.directory, options: world.options, environment: world.environment)
    }

    /// Lets the clock tick until `condition` holds; every tick waits for a sleeper, so nothing is timed.
    private func tick(_ world: LogWorld, until condition: () async throws -> Bool) async throws {
        for _ in 0..<1_000 {
            if try await condition() { return }
            world.time.advance(by: .seconds(1))
            for _ in 0..<20 { await Task.yield() }
        }
        Issue.record("nothing happened in 1,000 ticks")
    }

    @Test func anIdleLogIsSealedOnceAndTheTimerEnds() async throws {
        let world = LogWorld()
        let log = try await world.open()
        try await log.append(record(1))
        await world.time.somebodySleeps()
        #expect(try await inspect(world).segments[0].seals == 0)
        try await tick(world) { try await inspect(world).segments[0].seals == 1 }
        try await tick(world) { world.time.sleepers == 0 }
        #expect(try await inspect(world).segments[0].seals == 1)
        try await log.append(record(2))
        await world.time.somebodySleeps()
        try await tick(world) { try await inspect(world).segments[0].seals == 2 }
        // Sealed: a flip of the last record is damage now, not a torn tail.
        try await log.close()
        #expect(try await inspect(world).segments[0].seals == 2)
        #expect(try await world.open().sequences == [1, 2])
    }

    @Test func intervalSyncsByTheClock() async throws {
        var world = LogWorld()
        world.options.durability = .interval
        let log = try await world.open()
        let syncs = world.disk.syncs
        for sequence in 1...5 { try await log.append(record(UInt64(sequence))) }
        #expect(world.disk.syncs == syncs)
        await world.time.somebodySleeps()
        try await tick(world) { log.statistics.syncs >= 1 }
        world.disk = world.disk.crash(.everything, seed: 1)
        #expect(try await world.open().sequences == [1, 2, 3, 4, 5])
    }

    @Test func osNeverSyncsBeforeTheEnd() async throws {
        var world = LogWorld()
        world.options.durability = .os
        let log = try await world.open()
        let syncs = world.disk.syncs
        for sequence in 1...5 { try await log.append(record(UInt64(sequence))) }
        #expect(world.disk.syncs == syncs && world.time.sleepers == 0)
        try await log.close()
        #expect(world.disk.syncs > syncs)
        world.disk = world.disk.crash(.everything, seed: 1)
        #expect(try await world.open().sequences == [1, 2, 3, 4, 5])
    }

    @Test func aFullDiskStopsWritesNotReading() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        let log = try await world.open()
        for sequence in 1...3 { try await log.append(record(UInt64(sequence), bytes: 3_000)) }
        world.disk.setFreeBytes(2_000)
        await #expect(throws: WALError.self) {
            for sequence in 4...20 { try await log.append(record(UInt64(sequence), bytes: 3_000)) }
        }
        let kept = try await log.sequences
        #expect(kept.starts(with: [1, 2, 3]))
        await #expect(throws: WALError.self) { try await log.close() }

        // Opening needs a new log segment and finds no room: it can be read and released, not written.
        let full = try await world.open()
        #expect(try await full.sequences == kept)
        let refusal = try #require(full.recovery.refusal)
        #expect(refusal.contains("No space left"))
        #expect(throws: WALError.poisoned(reason: refusal)) { try full.enqueue(record(30)) }
        try await full.release(upTo: SequenceNumber(1))

        world.disk.setFreeBytes(.max)
        let healed = try await world.open()
        #expect(healed.recovery.refusal == nil)
        try await healed.append(record(31))
        #expect(try await healed.sequences == kept + [31])
    }

    @Test func inspectionTellsWhatIsThere() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        let log = try await world.open()
        try await log.append(
            LogRecord(
                sequence: SequenceNumber(5),
                entries: [LogEntry(table: 1, payload: [1, 2, 3]), LogEntry(table: 9, payload: [4])]))
        try await log.append(
            LogRecord(sequence: SequenceNumber(6), entries: [LogEntry(table: 1, payload: [1, 2])]))
        try await log.close()
        let inspection = try await inspect(world)
        #expect(inspection.region == "r" && inspection.damage == nil && inspection.tornBytes == 0)
        let segment = try #require(inspection.segments.first)
        #expect(segment.batches == 2 && segment.seals == 1 && segment.records == 2)
        #expect(segment.sequences == SequenceNumber(5)...SequenceNumber(6))
        #expect(segment.tables[1] == LogInspection.Table(entries: 2, bytes: 5))
        #expect(segment.tables[9] == LogInspection.Table(entries: 1, bytes: 1))

        var bytes = try #require(world.disk.contents(of: world.path(1)))
        bytes[4_100] ^= 1
        world.disk.replace(world.path(1), with: bytes)
        let operations = world.disk.operations
        let damaged = try await inspect(world)
        #expect(world.disk.operations == operations)
        #expect(damaged.segments[0].strayBatches == 2)
        #expect(
            damaged.lines.last?.hasPrefix("/data/wal/r/0000000000000001.log is damaged at byte 4096: CRC-32C 0x")
                == true)
    }

    @Test func noLogTakesEverythingAndKeepsNothing() async throws {
        let log = NoLog()
        try log.enqueue(record(3))
        try await log.waitUntilDurable(SequenceNumber(3))
        #expect(log.lastSequence == SequenceNumber(3))
        try await log.replay(after: .zero, batchBytes: 1) { _ in Issue.record("a record came back") }
        try await log.close()
        #expect(throws: WALError.closed) { try log.enqueue(record(4)) }
    }
}
