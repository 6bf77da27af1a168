import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// Objects that are missing, swapped or flipped: an error that names them, never another answer.
@Suite struct DamagedPartTests {
    private static var options: RegionOptions {
        var options = RegionOptions()
        options.runsInBackground = false
        options.cacheSize = ByteCount(0)
        return options
    }

    /// Two parts of one segment; the younger overwrites some of the older.
    private static func world() async throws -> (store: MemoryStore, region: Region, keys: [ObjectKey]) {
        let store = MemoryStore()
        let region = try await Region.open(
            options, tables: [TestTables.plainSamples()], contributor: nil, store: store,
            environment: .simulated(seed: 1))
        for part in 0..<2 {
            let rows = (0..<40).map { (id: Int64(10 + $0 + part * 20), time: Int64(1), value: 1.0) }
            try await region.write(WriteBatch([TestTables.sampleRows(rows)]))
            try await region.flush()
        }
        return (store, region, try await store.listAll(under: "samples/").map(\.key).sorted())
    }

    private static func reopened(_ store: any ObjectStore) async throws -> Region {
        try await Region.open(
            options, tables: [TestTables.plainSamples()], contributor: nil, store: store,
            environment: .simulated(seed: 2))
    }

    @Test func aMissingPartIsNamedAndOthersAreReadOnRequest() async throws {
        let (store, region, keys) = try await Self.world()
        try await region.close()
        try await store.delete(keys[0])
        let again = try await Self.reopened(store)
        let scan = again.snapshot.scan(ScanRequest(table: 1, segment: 0..<1_000))
        let error = await #expect(throws: StorageError.self) { while try await scan.next() != nil {} }
        #expect(error?.kind == .damaged)
        #expect(error?.text.contains(keys[0].path) == true)
        // What does not need it is answered.
        #expect(try await again.snapshot.allSamples(keys: [60, 65]).count == 2)

        var request = ScanRequest(table: 1, segment: 0..<1_000)
        request.skipsDamagedParts = true
        let rest = again.snapshot.scan(request)
        var rows = 0
        while let batch = try await rest.next() { rows += batch.rowCount }
        #expect(rows == 40)
        #expect(rest.skipped.count == 1)
        #expect(rest.skipped.first?.text.contains(keys[0].path) == true)
        try await again.close()
    }

    @Test func aSwappedObjectIsNotReadInTheOthersPlace() async throws {
        let (store, region, keys) = try await Self.world()
        try await region.close()
        let other = try await store.get(keys[1]).bytes
        let own = try await store.get(keys[0]).bytes
        try #require(other.count == own.count, "only then the size does not tell already")
        try await store.put(other, at: keys[0], .always)
        let again = try await Self.reopened(store)
        let error = await #expect(throws: StorageError.self) { _ = try await again.snapshot.allSamples() }
        #expect(error?.kind == .damaged)
        #expect(error?.text.contains("not the one that the manifest means") == true, "\(error?.text ?? "")")
        let check = try await ObjectCheck.run(
            store: store, tables: [TestTables.plainSamples()], region: "main", progress: { _, _ in })
        #expect(check.problems.count == 1)
        #expect(check.problems.first?.contains(keys[0].path) == true)
        try await again.close()
    }

    /// Every byte of an SST, one bit each: an error, or the same rows.
    @Test func everyFlippedByteOfAnObjectIsAnErrorOrChangesNothing() async throws {
        let (store, region, keys) = try await Self.world()
        let metadata = try #require(region.snapshot.objects.first { ObjectPaths.sstID(of: keys[0]) == $0.id })
        try await region.close()
        let bytes = try await store.get(keys[0]).bytes
        let table = TestTables.plainSamples()
        func rows() async throws -> [RecordBatch] {
            let part = SSTPart(
                metadata, definition: table, region: "main",
                objects: ObjectCache(store: store, limit: ByteCount(0)), onLastRelease: { _ in })
            let cursor = SSTCursor(part, FileScan())
            var found: [RecordBatch] = []
            while let batch = try await cursor.next() { found.append(batch) }
            return found
        }
        let expected = try await rows()
        var errors = 0
        for i in bytes.indices {
            var damaged = bytes
            damaged[i] ^= 1 << UInt8(i % 8)
            try await store.put(damaged, at: keys[0], .always)
            do {
                let found = try await rows()
                try #require(found == expected, "byte \(i) changed the answer")
            } catch let error as StorageError {
                errors += 1
                try #require(error.kind == .damaged || error.kind == .foreign, "byte \(i): \(error)")
                try #require(error.text.contains(keys[0].path), "byte \(i): \(error) names no object")
            }
            let check = try await ObjectCheck.run(
                store: store, tables: [table], region: "main", progress: { _, _ in })
            try #require(check.problems.count == 1, "verify does not see byte \(i)")
        }
        #expect(errors > bytes.count / 2)
    }
}
