import Columnar
import Platform
import Testing

@testable import WAL

/// FLIP: every byte of a sealed log of 64 KiB, and every length it can be cut to.
@Suite struct FlipTests {
    private static let size = 64 << 10

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

    /// Where the batches of the sealed log start; the last one is the seal.
    private func batches(_ bytes: Bytes) throws -> [BatchPlace] {
        try SegmentScan.read(HeldBytes(bytes), number: LogSegmentNumber(1)).chain
    }

    private func isSound(_ bytes: Bytes, _ place: BatchPlace) throws -> Bool {
        var window = SegmentWindow(HeldBytes(bytes), size: UInt64(bytes.count))
        guard case .batch = try SegmentScan.step(&window, at: LogPosition(LogSegmentNumber(1), place.offset)) else {
            return false
        }
        return true
    }

    /// Opens the log for every byte of its headers and some of its payloads; of the other payload bytes it is enough that
    /// the batch is no longer sound, which is all that opening asks.
    @Test func everyFlippedByteIsRefusedOrChangesNothing() async throws {
        let (world, records) = try await log(close: true)
        var bytes = try #require(world.disk.contents(of: world.path(1)))
        #expect(bytes.count == Self.size)
        let chain = try batches(bytes)
        let seal = try #require(chain.last)
        #expect(seal.count == 0 && chain.count > 25)
        var (batch, refused) = (0, 0)
        for place in bytes.indices {
            bytes[place] ^= 1 << UInt8(place % 8)
            defer { bytes[place] ^= 1 << UInt8(place % 8) }
            while batch < chain.count, UInt64(place) >= chain[batch].end { batch += 1 }
            var isInHeader = place < LogSegmentHeader.size
            if !isInHeader, batch < chain.count {
                isInHeader = place - Int(chain[batch].offset) < BatchHeader.size + 24
                try #require(try !isSound(bytes, chain[batch]), "byte \(place) of a batch may change unseen")
            }
            guard isInHeader ? place < 64 || place >= LogSegmentHeader.size || place % 61 == 0 : place % 499 == 0 else {
                continue
            }
            world.disk.replace(world.path(1), with: bytes)
            let found = try await answer(world)
            if found == nil { refused += 1 }
            // Of the last seal, and of the zeros behind it, nothing was known synced; everything else is damage.
            try #require(found == nil || found == records, "byte \(place)")
            try #require((found == nil) == (place < Int(seal.offset)), "byte \(place)")
        }
        #expect(refused > 1_500)
    }

    @Test func everyCutIsRefusedOrLeavesAPrefix() async throws {
        let (world, records) = try await log(close: true)
        let bytes = try #require(world.disk.contents(of: world.path(1)))
        let chain = try batches(bytes)
        var batch = 0
        for length in bytes.indices {
            while batch < chain.count, UInt64(length) >= chain[batch].end { batch += 1 }
            var isNearABorder = length < 64 || abs(length - LogSegmentHeader.size) < 64
            if batch < chain.count {
                let (start, end) = (Int(chain[batch].offset), Int(chain[batch].end))
                isNearABorder = isNearABorder || length - start < 48 || end - length < 24
                if length > start, length % 16 < 2 {
                    try #require(try !isSound(Array(bytes[..<length]), chain[batch]), "\(length) bytes")
                }
            }
            guard isNearABorder || length % 401 == 0 else { continue }
            world.disk.replace(world.path(1), with: Array(bytes[..<length]))
            guard let found = try await answer(world) else { continue }
            // One log segment cut short cannot be told from one whose end was never synced.
            let whole = chain.count { $0.count > 0 && $0.end <= UInt64(length) }
            try #require(found == Array(records.prefix(whole)), "\(length) bytes")
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

/// A file that is read only.
private final class HeldBytes: FileHandle {
    private let bytes: Bytes
    let path = "/held"
    init(_ bytes: Bytes) { self.bytes = bytes }
    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> Bytes {
        let start = min(Int(offset), bytes.count)
        return Array(bytes[start..<min(start + count, bytes.count)])
    }
    func write(_ bytes: Bytes, at offset: UInt64) throws(FileSystemError) {
        throw FileSystemError("write", path, errno: 30)
    }
    func size() throws(FileSystemError) -> UInt64 { UInt64(bytes.count) }
    func truncate(to size: UInt64) throws(FileSystemError) { throw FileSystemError("truncate", path, errno: 30) }
    func sync() throws(FileSystemError) {}
}
