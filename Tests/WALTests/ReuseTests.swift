import Columnar
import Platform
import Testing

@testable import WAL

/// Log segments that are written over: nothing of the old one is ever seen, whatever is lost of the new one.
@Suite struct ReuseTests {
    private static let size = 16 << 10

    /// A log whose active segment is a reused one, old batches behind `count` new ones, the last record the `last`-th.
    private func world(_ count: UInt64 = 2) async throws -> (world: LogWorld, log: RegionLog, last: UInt64) {
        let world = LogWorld(segmentSize: Self.size)
        let log = try await world.open()
        var sequence: UInt64 = 0
        repeat {
            sequence += 1
            try #require(sequence < 200)
            try await log.append(record(sequence, bytes: 1_000))
            try await log.release(upTo: SequenceNumber(sequence - 1))
        } while try !active(world).isReused || active(world).chain.count > 1
        for _ in 1..<count {
            sequence += 1
            try await log.append(record(sequence, bytes: 100))
        }
        return (world, log, sequence)
    }

    private func active(_ world: LogWorld) throws -> SegmentScan {
        let path = try #require(
            world.segmentPaths.filter { path in
                (try? Self.scan(world, path).chain.isEmpty) == false
            }.max())
        return try Self.scan(world, path)
    }

    private static func scan(_ world: LogWorld, _ path: String) throws -> SegmentScan {
        let name = String(path.split(separator: "/").last ?? "")
        let number = try #require(LogDirectory.number(of: name))
        return try SegmentScan.read(world.disk.open(path, .read), number: number)
    }

    @Test func releasedSegmentsAreWrittenOver() async throws {
        let (world, log, last) = try await world()
        let scan = try active(world)
        #expect(scan.isReused && scan.found == nil && scan.dirtyEnd == scan.chainEnd && scan.strays.isEmpty)
        let rest = try world.disk.open(world.path(scan.number.rawValue), .read)
            .read(at: scan.chainEnd, count: Self.size)
        #expect(rest.prefix(BatchHeader.size).allSatisfy { $0 == 0 } && rest.contains { $0 != 0 })
        // Nothing was made of zeros but the first few.
        #expect(world.disk.paths.filter { $0.hasSuffix(".free") }.count <= SegmentFile.freeLimit)
        let inspection = try await LogInspection.read(
            directory: LogWorld.directory, options: world.options, environment: world.environment)
        #expect(inspection.foreignNames == [] && inspection.damage == nil)
        #expect(!inspection.unusedNames.isEmpty && inspection.unusedNames.allSatisfy { $0.hasSuffix(".free") })
        #expect(log.statistics.segments <= 3)
        #expect(try await log.sequences.suffix(2) == [last - 1, last])
    }

    @Test func whatWasSyncedIsFoundWhateverHappenedToTheRest() async throws {
        for count in [UInt64(1), 2, 5, 13] {
            let (world, log, new) = try await world(count)
            let wanted = try await log.sequences
            for seed in UInt64(0)..<4 {
                var copy = world
                copy.disk = world.disk.crash(.everything, seed: seed)
                var again = try await copy.open()
                #expect(try await again.sequences == wanted)
                #expect(again.recovery.tornBytes == 0)
                #expect(copy.disk.paths.allSatisfy { !$0.hasSuffix(".free") })
                try await again.append(record(new + 1, bytes: 2_000))
                try await again.close()
                again = try await copy.open()
                #expect(try await again.sequences == wanted + [new + 1])
            }
        }
    }

    /// Closed, reopened, written on: the same log segment goes on, and the old bytes behind stay unseen.
    @Test func aSealedOneGoesOn() async throws {
        let (world, log, last) = try await world()
        let wanted = try await log.sequences
        try await log.close()
        let number = try active(world).number
        let again = try await world.open()
        try await again.append(record(last + 1, bytes: 300))
        #expect(try active(world).number == number)
        #expect(try await again.sequences == wanted + [last + 1])
        try await again.close()
        #expect(try await world.open().sequences == wanted + [last + 1])
    }

    /// Every byte from the last synced batch's start to well behind the end mark, flipped: cut, or unseen; never an old
    /// record, never an error but for what a later batch vouches for.
    @Test func aFlippedByteNeverShowsWhatWasOverwritten() async throws {
        let (world, log, _) = try await world()
        let wanted = try await log.sequences
        let scan = try active(world)
        let batch = try #require(scan.chain.last)
        let path = world.path(scan.number.rawValue)
        let bytes = try world.disk.open(path, .read).read(at: 0, count: Self.size)
        for place in stride(from: Int(batch.offset), to: min(Int(scan.chainEnd) + 600, bytes.count), by: 1) {
            var copy = world
            copy.disk = world.disk.crash(.everything, seed: 1)
            try copy.disk.open(path, .update).write([bytes[place] ^ 0x10], at: UInt64(place))
            let again = try await copy.open()
            let found = try await again.sequences
            let isInLast = place < Int(batch.end)
            #expect(found == (isInLast ? Array(wanted.dropLast()) : wanted), "byte \(place)")
            let isInMark = place < Int(scan.chainEnd) + BatchHeader.size
            #expect((again.recovery.tornBytes > 0) == isInMark, "byte \(place)")
        }
    }

    @Test func aTornBatchOverOldOnesIsKeptAsideAsFarAsItSays() async throws {
        let (world, log, last) = try await world()
        let wanted = try await log.sequences
        let scan = try active(world)
        let path = world.path(scan.number.rawValue)
        var batch = LogBatch(SequenceNumber(last + 1), buffer: [])
        let torn = record(last + 1, bytes: 700)
        batch.append(torn, size: try #require(RecordEncoding.size(of: torn)))
        batch.removePadding()
        let length = batch.bytes.count - BatchHeader.size
        batch.bytes.padToEight()
        BatchHeader(
            length: UInt32(length), logSegment: scan.number, firstSequence: SequenceNumber(last + 1),
            synced: LogPosition(scan.number, scan.chain.last?.offset ?? 0), count: 1
        ).patch(into: &batch.bytes)
        try world.disk.open(path, .update).write(Bytes(batch.bytes.dropLast(100)), at: scan.chainEnd)
        _ = log
        let again = try await world.open()
        #expect(again.recovery.tornBytes == UInt64(batch.bytes.count))
        #expect(try await again.sequences == wanted)
    }

    @Test func aFullDiskGetsItsRoomBack() {
        #expect(SegmentFile.isRoom(for: 64 << 20, free: 512 << 20))
        #expect(!SegmentFile.isRoom(for: 64 << 20, free: (512 << 20) - 1))
    }
}
