import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// What merges take before they start, and that all of it comes back.
@Suite struct WorkLedgerTests {
    private static func id(_ i: UInt64) -> SSTID { SSTID(claim: .init(1), counter: i) }

    private static func estimate(disk: UInt64) -> MergeEstimate {
        let part = SSTMetadata(
            id: id(1), table: 1, segment: 0..<1_000, size: disk, checksum: 0, rows: 10, minTime: 0, maxTime: 0,
            minKey: 0,
            maxKey: 0, minSequence: .init(1), maxSequence: .init(1))
        return MergeEstimate(inputs: [part], runs: 1, table: TestTables.samples, options: .init())
    }

    @Test func aReservationGivesBackOnceHoweverItEnds() throws {
        let ledger = WorkLedger(memory: .mebibytes(256), setAside: ByteCount(0))
        do {
            let reservation = try ledger.reserve([Self.id(1), Self.id(2)], Self.estimate(disk: 100), free: nil)
            #expect(ledger.busy == [Self.id(1), Self.id(2)])
            #expect(ledger.memory.inUse > 0)
            reservation.release()
            reservation.release()
            #expect(ledger.problems() == [])
        }
        #expect(ledger.problems() == [], "the end of its life is no second release")
        _ = try ledger.reserve([Self.id(1)], Self.estimate(disk: 100), free: nil)
        #expect(ledger.problems() == [], "dropped is released, too")
    }

    @Test func aRefusedReservationTakesNothing() throws {
        let ledger = WorkLedger(memory: .mebibytes(256), setAside: ByteCount(0))
        let first = try ledger.reserve([Self.id(1)], Self.estimate(disk: 100), free: nil)
        let memory = ledger.memory.inUse
        #expect(throws: WorkLedger.Refusal.inputsAreBusy) {
            _ = try ledger.reserve([Self.id(2), Self.id(1)], Self.estimate(disk: 100), free: nil)
        }
        #expect(ledger.busy == [Self.id(1)])
        #expect(ledger.memory.inUse == memory)
        first.release()
        #expect(ledger.problems() == [])
    }

    @Test func memoryIsCheckedAndTakenInOneStep() throws {
        let one = Self.estimate(disk: 1).memory
        let ledger = WorkLedger(memory: ByteCount(one * 2 + one / 2), setAside: ByteCount(0))
        let held = try (1...2).map { try ledger.reserve([Self.id($0)], Self.estimate(disk: 1), free: nil) }
        #expect(throws: WorkLedger.Refusal.memory(wanted: one, free: one / 2)) {
            _ = try ledger.reserve([Self.id(3)], Self.estimate(disk: 1), free: nil)
        }
        for reservation in held { reservation.release() }
        #expect(ledger.problems() == [])
    }

    @Test func aMergeNeedsAFifthMoreThanItsOutputAndLeavesAFlushItsRoom() throws {
        let ledger = WorkLedger(memory: .mebibytes(1_024), setAside: ByteCount(1_000))
        #expect(throws: WorkLedger.Refusal.disk(wanted: 1_200, free: 1_199)) {
            _ = try ledger.reserve([Self.id(1)], Self.estimate(disk: 1_000), free: 2_199)
        }
        let first = try ledger.reserve([Self.id(1)], Self.estimate(disk: 1_000), free: 2_200)
        // What one merge will write another does not count on.
        #expect(throws: WorkLedger.Refusal.disk(wanted: 12, free: 0)) {
            _ = try ledger.reserve([Self.id(2)], Self.estimate(disk: 10), free: 2_200)
        }
        first.release()
        #expect(ledger.problems() == [])
    }

    /// A merge in which the n-th thing that is asked of the store fails, for every n, before and after its effect.
    @Test(arguments: [FaultyStore.Fault.before(.unavailable), .after(.unanswered), .before(.full), .before(.absent)])
    func whateverFailsInAMergeEverythingIsGivenBack(fault: FaultyStore.Fault) throws {
        var failures = 0
        for n in 1...60 {
            let failed: Bool = try SimulatedWorld(seed: UInt64(n)).run { environment in
                let memory = MemoryStore(time: environment.time)
                let store = FaultyStore(memory)
                var options = RegionOptions()
                options.runsInBackground = false
                options.logDirectory = "/log"
                options.logSegmentSize = .kibibytes(64)
                options.cacheSize = ByteCount(0)
                // Two rows end an output, so that there are several.
                options.compaction.maximumOutput = .kibibytes(1)
                // Half of the time each goes out in parts, half of the time whole.
                if n % 2 == 0 { options.compaction.uploadPart = ByteCount(100) }
                let region = try await Region.open(
                    options, tables: [TestTables.plainSamples(rowGroupRows: 16)], contributor: nil, store: store,
                    environment: environment)
                for i in 0..<3 {
                    let rows = (0..<60).map { (id: Int64($0), time: Int64(i), value: Double(i * 100 + $0)) }
                    try await region.write(WriteBatch([TestTables.sampleRows(rows)]))
                    try await region.flush()
                }
                let before = try await region.snapshot.allSamples().map(\.1)
                store.forgetRequests()
                store.fail(Set(FaultyStore.Operation.allCases), occurrence: n, fault)
                var failed = false
                do { try await region.compact() } catch { failed = true }
                store.heal()
                #expect(region.ledger.problems() == [], "operation \(n)")
                #expect(try await region.snapshot.allSamples().map(\.1) == before, "operation \(n)")
                // Nothing stays marked: the next one does it.
                try await region.compact()
                #expect(region.ledger.problems() == [])
                #expect(region.snapshot.partCount(of: 1, in: 0..<1_000) == 1, "operation \(n)")
                #expect(region.snapshot.parts.problems() == [])
                #expect(try await region.snapshot.allSamples().map(\.1) == before, "operation \(n)")
                try await region.close()
                let again = try await Region.open(
                    options, tables: [TestTables.plainSamples(rowGroupRows: 16)], contributor: nil, store: memory,
                    environment: environment)
                let live = Set(again.snapshot.objects.map(\.id))
                let there = try await memory.listAll(under: "samples/").compactMap { ObjectPaths.sstID(of: $0.key) }
                #expect(Set(there) == live, "operation \(n) left objects behind")
                try await again.close()
                return failed
            }
            failures += failed ? 1 : 0
        }
        #expect(failures > 5, "the faults must have met something")
    }

    @Test func aMergeThatDoesNotFitTheDiskWaitsAndSaysWhy() async throws {
        let time = SimulatedTime()
        let disk = MemoryFileSystem(time: time, capacity: 4 << 20)
        let environment = Environment(
            fileSystem: disk, time: time, random: SeededRandomSource(seed: 1), blocking: InlineExecutor())
        let store = DirectoryStore(root: "/objects", environment: environment)
        var options = RegionOptions()
        options.runsInBackground = false
        options.diskReserve = ByteCount(0)
        options.flushSize = .mebibytes(1)
        options.compaction.fanIn = 2
        options.compaction.fillingTime = 0
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
        for i in 0..<2 {
            let rows = (0..<80_000).map { (id: Int64($0), time: Int64(i), value: Double($0)) }
            try await region.write(WriteBatch([TestTables.sampleRows(rows)]))
            try await region.flush()
        }
        await region.compactWhereDue()
        #expect(region.snapshot.partCount(of: 1, in: 0..<1_000) == 2)
        #expect(region.statistics.compactionsPostponed == 1)
        #expect(region.statistics.compactionFailures == 0)
        #expect(region.statistics.compactionHindrance?.contains("free disk") == true)
        let error = await #expect(throws: StorageError.self) { try await region.compact() }
        #expect(error?.kind == .unavailable)
        #expect(error?.text.contains("of free disk") == true)
        #expect(region.ledger.problems() == [])
        #expect(try await region.snapshot.allSamples().count == 160_000, "readers go on")
        try await region.close()
    }

    @Test func aFailingInputIsLeftAloneForAnHourAndReported() async throws {
        let memory = MemoryStore()
        let time = SimulatedTime()
        let environment = Environment(
            fileSystem: MemoryFileSystem(time: time), time: time, random: SeededRandomSource(seed: 1),
            blocking: InlineExecutor())
        var options = RegionOptions()
        options.runsInBackground = false
        options.compaction.fanIn = 2
        options.compaction.fillingTime = 0
        options.cacheSize = ByteCount(0)
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: memory, environment: environment)
        for i in 0..<2 {
            try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(i), 1)])]))
            try await region.flush()
        }
        let first = try #require(try await memory.listAll(under: "samples/").first)
        let sound = try await memory.get(first.key).bytes
        try await memory.put([9, 9, 9], at: first.key, .always)
        for _ in 0..<6 { await region.compactWhereDue() }
        #expect(region.statistics.compactionFailures == 3)
        #expect(region.statistics.quarantined.count == 2)
        #expect(region.statistics.quarantined.first?.failures == 3)
        #expect(region.statistics.quarantined.first?.reason.isEmpty == false)
        time.advance(by: .seconds(3_601))
        #expect(region.statistics.quarantined.isEmpty)
        await region.compactWhereDue()
        #expect(region.statistics.compactionFailures == 4, "once more after an hour, then it is left alone again")
        await region.compactWhereDue()
        #expect(region.statistics.compactionFailures == 4)
        time.advance(by: .seconds(3_601))
        try await memory.put(sound, at: first.key, .always)
        await region.compactWhereDue()
        #expect(region.snapshot.partCount(of: 1, in: 0..<1_000) == 1)
        #expect(region.statistics.quarantined.isEmpty)
        try await region.close()
    }
}
