import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// What goes when it is past retention, and that it goes.
@Suite struct ExpiryTests {
    private static func part(_ counter: UInt64, table: UInt16 = 1, _ segment: TimeRange) -> SSTMetadata {
        SSTMetadata(
            id: SSTID(claim: .init(1), counter: counter), table: table, segment: segment, size: 1, checksum: 0, rows: 1,
            minTime: segment.lowerBound, maxTime: segment.lowerBound, minKey: 0, maxKey: 0,
            minSequence: .init(counter), maxSequence: .init(counter))
    }

    @Test func wholeSegmentsGoByTheirEnd() {
        let live = [
            Self.part(5, 100..<200), Self.part(1, 0..<100), Self.part(2, 0..<100), Self.part(3, table: 2, 0..<100),
            Self.part(4, TimeSegments.allTime), Self.part(6, -100..<0),
        ]
        func expired(_ oldest: Int64) -> [[UInt64]] {
            Expiry.expired(live, oldestTime: oldest).map { $0.ids.map(\.counter) }
        }
        #expect(expired(.min) == [])
        #expect(expired(-1) == [])
        #expect(expired(0) == [[6]])
        #expect(expired(99) == [[6]], "its end counts, not its first row")
        #expect(expired(100) == [[6], [1, 2], [3]])
        #expect(expired(.max) == [[6], [1, 2], [3], [5]], "what has no end never goes")
    }

    @Test func theOldestTimeIsSaturated() {
        #expect(Expiry.oldestTime(now: 5_000, retention: nil) == nil)
        #expect(Expiry.oldestTime(now: 5_000, retention: .milliseconds(1_500)) == 3_500)
        #expect(Expiry.oldestTime(now: 5_000, retention: .seconds(Int64.max)) == 5_000 - Int64.max)
        #expect(Expiry.oldestTime(now: -5_000, retention: .seconds(Int64.max)) == .min)
        #expect(Expiry.oldestTime(now: 5_000, retention: .seconds(Int64.max / 500)) == 5_000 - Int64.max)
    }

    @Test func aQuietTableLosesItsOldSegmentsInOneChange() async throws {
        let time = SimulatedTime(start: 3_700_000)
        var environment = Environment.simulated(seed: 1)
        environment.time = time
        var options = RegionOptions()
        options.runsInBackground = false
        options.retention = .seconds(3_600)
        let store = MemoryStore()
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        for second in 100..<104 {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(second) * 1_000, 1)])]))
        }
        try await region.flush()
        let version = region.statistics.manifestVersion
        await region.keepHouse()
        #expect(region.statistics.objects == 4)

        time.advance(by: .seconds(62))
        region.updateRetention()
        let reader = region.snapshot
        await region.keepHouse()
        #expect(region.statistics.objects == 0)
        #expect(region.statistics.expirations == 4)
        #expect(region.statistics.manifestVersion == version + 1)
        #expect(try await store.listAll(under: "samples/").count == 4, "a reader still holds them")
        withExtendedLifetime(reader) {}
        try await region.close()
        let again = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        #expect(try await store.listAll(under: "samples/").isEmpty)
        try await again.close()
    }

    @Test func objectsOfExpiredSegmentsAreDeletedWhenNobodyReads() async throws {
        let time = SimulatedTime(start: 3_700_000)
        var environment = Environment.simulated(seed: 2)
        environment.time = time
        var options = RegionOptions()
        options.runsInBackground = false
        options.retention = .seconds(3_600)
        let store = MemoryStore()
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 100_000, 1), (1, 400_000, 2)])]))
        try await region.flush()
        time.advance(by: .seconds(62))
        region.updateRetention()
        await region.keepHouse()
        await region.garbage.waitUntilIdle()
        #expect(try await store.listAll(under: "samples/").count == 1)
        #expect(try await region.snapshot.allSamples().map(\.1) == [2])
        try await region.close()
    }

    @Test func aClockThatJumpsAheadIsBelievedAfterTwoEvenRounds() {
        var trust = ClockTrust()
        var monotonic: UInt64 = 5_000_000_000
        func round(_ wall: Int64) -> Bool {
            monotonic += 60_000_000_000
            return trust.mayExpire(wall: wall, monotonic: monotonic)
        }
        let hour = ClockTrust.tolerance
        #expect(round(1_000_000))
        #expect(round(1_060_000 + hour), "within the tolerance")
        #expect(!round(1_120_001 + 2 * hour))
        #expect(!round(1_180_001 + 2 * hour))
        #expect(round(1_240_001 + 2 * hour), "seen twice more")
        #expect(round(0), "set back")
        #expect(!round(.max) && !round(.min) && !round(.max), "one that goes to and fro is never believed")
        #expect(!round(.max) && round(.max))
    }

    @Test func aJumpOfTheClockRemovesNothingAtOnce() async throws {
        let time = SimulatedTime(start: 10_000_000)
        var environment = Environment.simulated(seed: 4)
        environment.time = time
        var options = RegionOptions()
        options.runsInBackground = false
        options.retention = .seconds(3_600)
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(), environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 9_999_000, 1)])]))
        try await region.flush()
        func round() async {
            time.advance(by: .seconds(60))
            region.updateRetention()
            await region.keepHouse()
        }
        await round()
        time.jump(to: 100_000_000)
        await round()
        await round()
        #expect(region.statistics.objects == 1)
        time.jump(to: 10_180_000)
        region.updateRetention()
        #expect(try await region.snapshot.allSamples().count == 1, "it was set right: nothing is lost")
        time.jump(to: 100_000_000)
        for _ in 0..<3 { await round() }
        #expect(region.statistics.objects == 0, "it is as late as the clock says")
        try await region.close()
    }

    @Test func aClockThatWasAheadHidesNothingForEver() async throws {
        let time = SimulatedTime(start: 10_000_000)
        var environment = Environment.simulated(seed: 3)
        environment.time = time
        var options = RegionOptions()
        options.runsInBackground = false
        options.retention = .seconds(3_600)
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(), environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 9_999_000, 1)])]))
        time.jump(to: 100_000_000)
        region.updateRetention()
        #expect(try await region.snapshot.allSamples().isEmpty)
        time.jump(to: 10_001_000)
        region.updateRetention()
        #expect(try await region.snapshot.allSamples().count == 1)
        try await region.close()
    }
}
