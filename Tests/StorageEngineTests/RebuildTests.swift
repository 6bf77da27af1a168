import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// A manifest that is lost or damaged, made again: every row is there, nothing is deleted, and the region opens.
@Suite struct RebuildTests {
    static let tables = [TestTables.plainSamples(), plainNotes]
    static var plainNotes: TableDefinition {
        var table = TestTables.notes
        table.layout = PlainLayout()
        return table
    }

    private static var options: RegionOptions {
        var options = RegionOptions()
        options.runsInBackground = false
        options.logDirectory = "/log"
        options.logSegmentSize = .kibibytes(16)
        options.compaction.maximumOutput = .kibibytes(2)
        return options
    }

    enum Loss: CaseIterable { case head, headFlipped, deltasGone, everything }

    private static func destroy(_ loss: Loss, _ store: any ObjectStore) async throws {
        let prefix = "regions/main/manifest/"
        let head = ObjectKey(trusted: prefix + "head")
        switch loss {
        case .head: try await store.delete(head)
        case .headFlipped:
            var bytes = try await store.get(head).bytes
            bytes[bytes.count / 2] ^= 4
            try await store.put(bytes, at: head, .always)
        case .deltasGone:
            for object in try await store.listAll(under: prefix) where object.key != head {
                try await store.delete(object.key)
            }
        case .everything:
            for object in try await store.listAll(under: prefix) { try await store.delete(object.key) }
        }
    }

    private static func rebuild(
        _ store: any ObjectStore, _ quarantine: any ObjectStore, _ environment: Environment
    ) async throws -> RegionRebuild {
        try await RegionRebuild.run(
            store: store, quarantine: quarantine, name: "manifest-1", tables: tables, region: "main",
            logDirectory: "/log", environment: environment, counters: { _ in ["numbers": 70] })
    }

    @Test(arguments: Loss.allCases, 0..<3)
    func everyRowIsThereAfterARebuild(loss: Loss, seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let store = MemoryStore()
        var files = MemoryFileSystem()
        func world() -> Environment {
            Environment(
                fileSystem: files, time: SimulatedTime(), random: SeededRandomSource(seed: UInt64(seed)),
                blocking: InlineExecutor())
        }
        func open(_ environment: Environment) async throws -> Region {
            try await Region.open(
                Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
        }
        var samples: [SampleKey: Double] = [:]
        var notes: [String: String?] = [:]
        for round in 0..<6 {
            let region = try await open(world())
            for step in 0..<12 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0: try await region.flush()
                case 1: try await region.compact()
                default:
                    let rows = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                        (
                            id: Int64.random(in: 0..<30, using: &random),
                            time: Int64.random(in: 0..<3_000, using: &random),
                            value: Double.random(in: 0..<1, using: &random)
                        )
                    }
                    let note = (name: "n\(Int.random(in: 0..<9, using: &random))", text: "\(round).\(step)")
                    try await region.write(WriteBatch([TestTables.sampleRows(rows), TestTables.noteRows([note])]))
                    for row in rows { samples[SampleKey(id: row.id, time: row.time)] = row.value }
                    notes[note.name] = .some(note.text)
                }
            }
            // Killed: some rows are in the log only, and what the region still does beside does not reach the next.
            await region.manifest.finishBackgroundWork()
            files = files.killed()
            let environment = world()
            try await Self.destroy(loss, store)
            let objects = Set(try await store.listAll(under: "samples/").map(\.key))
            let isNeeded = try await RegionRebuild.isNeeded(store: store, tables: Self.tables, region: "main")
            let quarantine = MemoryStore()
            if isNeeded {
                let old = try await store.listAll(under: "regions/main/manifest/").map(\.key.path)
                let report = try await Self.rebuild(store, quarantine, environment)
                #expect(report.damaged == [])
                #expect(report.unknown == [])
                let kept = try await quarantine.listAll(under: "manifest-1/").count
                #expect(kept == old.count, "the old manifest is kept")
                #expect(Set(try await store.listAll(under: "samples/").map(\.key)) == objects, "nothing is deleted")
            }
            let check = try await ObjectCheck.run(
                store: store, tables: Self.tables, region: "main", progress: { _, _ in })
            #expect(check.problems == [])
            let again = try await open(environment)
            let place: Comment = "\(loss), seed \(seed), round \(round)"
            #expect(again.snapshot.parts.problems() == [], place)
            let found = Dictionary(uniqueKeysWithValues: try await again.snapshot.allSamples())
            try #require(found == samples, place)
            try #require(try await again.snapshot.allNotes() == notes, place)
            if isNeeded { #expect(again.counters["numbers"] == 70) }
            // What is written next is newer than everything before.
            try await again.write(WriteBatch([TestTables.sampleRows([(1, 1, 1_000 + Double(round))])]))
            samples[SampleKey(id: 1, time: 1)] = 1_000 + Double(round)
            try await again.close()
        }
    }

    /// The new manifest names what is listed, and its cut lets the log go: an object that a killed flush had named, but whose
    /// name was not synced, must last first.
    @Test(arguments: CrashOutcome.allCases)
    func aPowerCutAfterARebuildTakesNothing(_ outcome: CrashOutcome) async throws {
        var files = MemoryFileSystem()
        func world() -> Environment {
            Environment(
                fileSystem: files, time: SimulatedTime(), random: SeededRandomSource(seed: 9),
                blocking: InlineExecutor())
        }
        func open(_ environment: Environment) async throws -> (Region, DirectoryStore) {
            let store = DirectoryStore(root: "/objects", environment: environment)
            try await store.prepare()
            let region = try await Region.open(
                Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
            return (region, store)
        }
        var (region, store) = try await open(world())
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        try await region.flush()
        try await region.write(WriteBatch([TestTables.sampleRows([(2, 1, 2)])]))
        files.fail(FaultRule([.syncDirectory], path: "samples", times: nil))
        await #expect(throws: StorageError.self) { try await region.flush() }
        await region.manifest.finishBackgroundWork()
        files = files.killed()

        store = DirectoryStore(root: "/objects", environment: world())
        try await Self.destroy(.everything, store)
        let report = try await Self.rebuild(
            store, DirectoryStore(root: "/quarantine", environment: world()), world())
        (region, store) = try await open(world())
        #expect(report.objects > 1, "the killed flush's object counts")
        #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2])
        try await region.close()
        files = files.killed().crash(outcome, seed: 5)
        (region, store) = try await open(world())
        #expect(try await region.snapshot.allSamples().map(\.1) == [1, 2])
        try await region.close()
    }

    @Test func anObjectThatCannotBeReadGoesToQuarantineAndIsNamed() async throws {
        let environment = Environment.simulated(seed: 1)
        let store = MemoryStore()
        let region = try await Region.open(
            Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
        for i in 0..<3 {
            try await region.write(WriteBatch([TestTables.sampleRows([(Int64(i), 1, 1)])]))
            try await region.flush()
        }
        try await region.close()
        let keys = try await store.listAll(under: "samples/").map(\.key).sorted()
        var bytes = try await store.get(keys[1]).bytes
        bytes[10] ^= 1
        try await store.put(bytes, at: keys[1], .always)
        try await Self.destroy(.head, store)
        let quarantine = MemoryStore()
        let report = try await Self.rebuild(store, quarantine, environment)
        #expect(report.damaged == [keys[1].path])
        #expect(report.reasons[keys[1].path]?.contains(keys[1].path) == true)
        #expect(report.objects == 2)
        #expect(try await quarantine.get(ObjectKey(trusted: "manifest-1/" + keys[1].path)).bytes == bytes)
        let again = try await Region.open(
            Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
        #expect(try await again.snapshot.allSamples().map(\.0.id) == [0, 2])
        try await again.close()
    }

    /// A crash between any two steps of a rebuild: the next rebuild ends the same.
    @Test func aRebuildThatFailsAnywhereCanBeRepeated() async throws {
        for n in 1...40 {
            let environment = Environment.simulated(seed: UInt64(n))
            let memory = MemoryStore()
            let store = FaultyStore(memory)
            let region = try await Region.open(
                Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
            for i in 0..<4 {
                try await region.write(
                    WriteBatch([TestTables.sampleRows([(Int64(i), 1, 1)]), TestTables.noteRows([("n\(i)", "t")])]))
                try await region.flush()
                if i == 2 { try await region.compact() }
            }
            try await region.close()
            try await Self.destroy(.headFlipped, memory)
            let quarantine = MemoryStore()
            store.fail(Set(FaultyStore.Operation.allCases), occurrence: n, .after(.unanswered))
            _ = try? await Self.rebuild(store, quarantine, environment)
            store.heal()
            if try await RegionRebuild.isNeeded(store: store, tables: Self.tables, region: "main") {
                _ = try await Self.rebuild(store, quarantine, environment)
            }
            let again = try await Region.open(
                Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
            #expect(try await again.snapshot.allSamples().map(\.0.id) == [0, 1, 2, 3], "fault \(n)")
            #expect(try await again.snapshot.allNotes().count == 4, "fault \(n)")
            try await again.close()
        }
    }

    /// Else the next but one opening would take every object for an orphan (S4-8).
    @Test func objectsWithoutAManifestAreNoNewRegion() async throws {
        let environment = Environment.simulated(seed: 1)
        let store = MemoryStore()
        let region = try await Region.open(
            Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        try await region.close()
        try await Self.destroy(.everything, store)
        let error = await #expect(throws: StorageError.self) {
            _ = try await Region.open(
                Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
        }
        #expect(error?.kind == .damaged)
        #expect(error?.text.contains("varve rebuild") == true)
        let check = try await ObjectCheck.run(
            store: store, tables: Self.tables, region: "main", progress: { _, _ in })
        #expect(check.problems.count == 1)
    }

    @Test func aManifestThatIsWholeNeedsNoRebuild() async throws {
        let environment = Environment.simulated(seed: 1)
        let store = MemoryStore()
        let region = try await Region.open(
            Self.options, tables: Self.tables, contributor: nil, store: store, environment: environment)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        try await region.close()
        #expect(try await !RegionRebuild.isNeeded(store: store, tables: Self.tables, region: "main"))
        let key = try #require(try await store.listAll(under: "samples/").first?.key)
        try await store.delete(key)
        #expect(try await RegionRebuild.isNeeded(store: store, tables: Self.tables, region: "main"))
    }
}
