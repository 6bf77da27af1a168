import Columnar
import Platform
import Testing

@testable import WAL

/// FLIP: every byte of a sealed log of 64 KiB, and every length it can be cut to.
@Suite struct FlipTests {
    private static let size = 64 << 10
    private static let shards = 4

    /// One log segment, full to the last kibibyte.
    private func log(close: Bool) async throws -> (LogWorld, [LogRecord]) {
        let world = LogWorld(segmentSize: Self.size)
        let log = try await world.open()
        var records: [LogRecord] = []
        while let used = world.disk.contents(of: world.path(1))?.lastIndex(where: { $0 != 0 }),
            used < Self.size - 2_200
        {
            records.append(record(UInt64(records.count + 1), bytes: 2_000))
            try await log.append(records[records.count - 1])
        }
        #expect(log.statistics.segments == 1)
        if close { try await log.close() }
        return (world, records)
    }

    /// - Returns: what a reader gets; nil when it is refused by file and offset.
    private func answer(_ world: LogWorld) async throws -> [LogRecord]? {
        do {
            let log = try await RegionLog.openReadOnly(
                directory: LogWorld.directory, region: "r", options: world.options, environment: world.environment)
            return try await log.contents()
        } catch WALError.damaged(let text) {
            #expect(text.contains("0000000000000001.log is damaged at byte "))
            return nil
        } catch WALError.foreign { return nil }
    }

    @Test(arguments: 0..<shards)
    func everyFlippedByteIsRefusedOrChangesNothing(shard: Int) async throws {
        let (world, records) = try await log(close: true)
        let bytes = try #require(world.disk.contents(of: world.path(1)))
        #expect(bytes.count == Self.size)
        var refused = 0
        for place in stride(from: shard, to: bytes.count, by: Self.shards) {
            var flipped = bytes
            flipped[place] ^= 1 << UInt8(place % 8)
            world.disk.replace(world.path(1), with: flipped)
            guard let found = try await answer(world) else {
                refused += 1
                continue
            }
            // The last seal and the zeros behind it: nothing synced lies there.
            try #require(found == records, "byte \(place)")
        }
        #expect(refused > bytes.count / Self.shards - 1_000)
    }

    @Test(arguments: 0..<shards)
    func everyCutIsRefusedOrLeavesAPrefix(shard: Int) async throws {
        let (world, records) = try await log(close: true)
        let bytes = try #require(world.disk.contents(of: world.path(1)))
        for length in stride(from: shard, to: bytes.count, by: Self.shards) {
            world.disk.replace(world.path(1), with: Array(bytes[..<length]))
            guard let found = try await answer(world) else { continue }
            // One log segment cut short cannot be told from one whose end was never synced.
            try #require(Array(records.prefix(found.count)) == found, "\(length) bytes")
        }
    }

    /// The last batch of a log that was not sealed was perhaps never acknowledged: cut off, kept, reported.
    @Test func everyFlippedByteOfTheLastUnsealedBatchIsCutAndReported() async throws {
        let (world, records) = try await log(close: false)
        let bytes = try #require(world.disk.contents(of: world.path(1)))
        let end = try #require(bytes.lastIndex { $0 != 0 }) + 1
        let start = (end + 7) & ~7 - (BatchHeader.size + 2_000 + 24)
        for place in stride(from: start, to: end, by: 1) {
            var copy = world
            copy.disk = world.disk.copy()
            var flipped = bytes
            flipped[place] ^= 1 << UInt8(place % 8)
            copy.disk.replace(copy.path(1), with: flipped)
            let log = try await copy.open()
            try #require(try await log.contents() == Array(records.dropLast()), "byte \(place)")
            try #require(log.recovery.tornBytes > 0)
            let kept = try #require(log.recovery.quarantined.first)
            try #require(copy.disk.contents(of: kept) == Array(flipped[start..<start + Int(log.recovery.tornBytes)]))
        }
    }
}
