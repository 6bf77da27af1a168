import Columnar
import Platform
import Testing

@testable import WAL

@Suite struct DamageTests {
    /// A small log: two segments, six records, sealed.
    private func sealedLog(close: Bool = true) async throws -> (LogWorld, [LogRecord]) {
        let world = LogWorld(segmentSize: 16 << 10)
        let log = try await world.open()
        let records =
            [record(1, bytes: 20), record(2, bytes: 5_900), record(3, bytes: 6_000)]
            + (4...6).map { record($0, bytes: 30) }
        for record in records { try await log.append(record) }
        #expect(log.statistics.segments == 2)
        if close { try await log.close() }
        return (world, records)
    }

    /// What opening gives: records, or nil when it is refused with a message that helps.
    private func reopen(_ world: LogWorld) async throws -> [LogRecord]? {
        do {
            let log = try await world.open()
            return try await log.contents()
        } catch let error as WALError {
            switch error {
            case .damaged(let text):
                #expect(text.contains("/data/wal/r/000000000000000") && text.contains("at byte "))
                #expect(text.contains("`varve wal salvage --data /data`"))
                return nil
            case .foreign: return nil
            default: throw error
            }
        }
    }

    @Test(arguments: [UInt64(1), 2])
    func everyFlippedByteIsRefusedOrChangesNothing(segment: UInt64) async throws {
        let (world, records) = try await sealedLog()
        let bytes = try #require(world.disk.contents(of: world.path(segment)))
        let inspection = try await LogInspection.read(
            directory: LogWorld.directory, options: world.options, environment: world.environment)
        let used = Int(inspection.segments[Int(segment) - 1].usedBytes)
        var random = SeededGenerator(seed: segment)
        // Every byte of headers and small batches; of the long payloads and the zeros behind, some.
        let places = (0..<bytes.count).filter {
            $0 < 80 || (4_090..<4_200).contains($0) || (used - 300..<used + 64).contains($0) || $0 % 797 == 0
        }
        for place in places {
            var flipped = bytes
            flipped[place] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
            var copy = world
            copy.disk = world.disk.copy()
            copy.disk.replace(copy.path(segment), with: flipped)
            guard let found = try await reopen(copy) else { continue }
            // Only what no synced position covers may be taken for torn, and then nothing acknowledged is lost: the
            // last seal itself, and zeros.
            try #require(found == records, "byte \(place)")
        }
    }

    @Test(arguments: [UInt64(1), 2])
    func everyCutIsRefusedOrLosesNothingAcknowledged(segment: UInt64) async throws {
        let (world, records) = try await sealedLog()
        let bytes = try #require(world.disk.contents(of: world.path(segment)))
        let lengths = (0..<bytes.count).filter { $0 < 60 || (4_090..<4_200).contains($0) || $0 % 801 == 0 }
        for length in lengths {
            var copy = world
            copy.disk = world.disk.copy()
            copy.disk.replace(copy.path(segment), with: Array(bytes.prefix(length)))
            guard let found = try await reopen(copy) else { continue }
            // The youngest segment without anything behind it cannot be told from one that was never written.
            let isPrefix = Array(records.prefix(found.count)) == found
            try #require(isPrefix && (found == records || segment == 2), "\(length) bytes")
        }
    }

    @Test func aLogThatWasNotSealedTakesItsLastBatchForTorn() async throws {
        let (world, records) = try await sealedLog(close: false)
        let path = world.path(2)
        var bytes = try #require(world.disk.contents(of: path))
        let last = try #require(bytes.lastIndex { $0 != 0 })
        bytes[last] ^= 1
        world.disk.replace(path, with: bytes)
        let log = try await world.open()
        #expect(try await log.contents() == Array(records.dropLast()))
        #expect(log.recovery.tornBytes > 0)
        let copy = try #require(log.recovery.quarantined.first)
        #expect(copy == "/data/wal/r/quarantine/r-0000000000000002.log-\(last + 1 - Int(log.recovery.tornBytes))")
        #expect(world.disk.contents(of: copy)?.count == Int(log.recovery.tornBytes))
        try await log.append(record(9))
        try await log.close()
        let again = try await world.open()
        #expect(again.recovery == LogRecoveryReport())
        #expect(try await again.contents() == records.dropLast() + [record(9)])
    }

    @Test func aMissingSegmentIsDamage() async throws {
        var world = LogWorld(segmentSize: 16 << 10)
        let log = try await world.open()
        for sequence in 1...12 { try await log.append(record(UInt64(sequence), bytes: 5_000)) }
        try await log.close()
        world.disk = world.disk.copy()
        try world.disk.remove(world.path(2))
        await #expect(throws: WALError.self) { try await world.open() }
    }

    @Test func leftoversOfACrashWhileMakingASegmentAreEmpty() async throws {
        let header = LogSegmentHeader(number: LogSegmentNumber(3), region: "r").encoded()
        let leftovers: [Bytes] = [
            [], Bytes(header[..<50]), Bytes(repeating: 0, count: 9_000), header, Bytes(header[..<4_095]),
        ]
        for bytes in leftovers {
            let (world, records) = try await sealedLog()
            world.disk.replace(world.path(3), with: bytes)
            world.disk.replace(world.path(4) + ".new", with: [1, 2, 3])
            let log = try await world.open()
            #expect(try await log.contents() == records)
            try await log.append(record(7))
            try await log.close()
            #expect(try await world.open().contents() == records + [record(7)])
            #expect(!world.disk.paths.contains(world.path(4) + ".new"))
        }
    }

    @Test func whatIsNotOursIsRefusedOrReported() async throws {
        let (world, records) = try await sealedLog()
        let directory = LogWorld.directory
        world.disk.replace("\(directory)/notes.txt", with: [1])
        #expect(try await world.open().recovery.foreignNames == ["notes.txt"])

        for name in ["1.log", "000000000000001x.log", "0000000000000000.log", "9999999999999999.log"] {
            var copy = world
            copy.disk = world.disk.copy()
            copy.disk.replace("\(directory)/\(name)", with: [])
            await #expect(throws: WALError.self) { try await copy.open() }
        }
        await #expect(throws: WALError.self) {
            try await RegionLog.open(
                directory: directory, region: "other", options: world.options, environment: world.environment)
        }
        var renamed = world
        renamed.disk = world.disk.copy()
        let bytes = try #require(world.disk.contents(of: world.path(2)))
        renamed.disk.replace(world.path(3), with: bytes)
        await #expect(throws: WALError.self) { try await renamed.open() }
        #expect(try await world.open().contents() == records)
    }

    @Test func damageFoundWhileReadingNamesThePlace() async throws {
        let (world, _) = try await sealedLog()
        let log = try await world.open()
        var bytes = try #require(world.disk.contents(of: world.path(1)))
        bytes[5_000] ^= 1
        world.disk.replace(world.path(1), with: bytes)
        await #expect(throws: WALError.self) { _ = try await log.contents() }
    }

    @Test func readingAnAbsentLogMakesNothing() async throws {
        let world = LogWorld()
        let log = try await RegionLog.openReadOnly(
            directory: LogWorld.directory, region: "r", options: world.options, environment: world.environment)
        #expect(try await log.contents().isEmpty && log.lastSequence == nil)
        #expect(world.disk.operations == 0)
    }

    @Test func readingOnlyChangesNothing() async throws {
        let (world, records) = try await sealedLog(close: false)
        let disk = world.disk.copy()
        var reader = world
        reader.disk = disk
        let log = try await RegionLog.openReadOnly(
            directory: LogWorld.directory, region: "r", options: world.options, environment: reader.environment)
        #expect(try await log.contents() == records)
        #expect(throws: WALError.self) { try log.enqueue(record(9)) }
        #expect(disk.operations == 0)
    }
}
