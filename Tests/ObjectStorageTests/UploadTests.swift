import ObjectStorage
import Platform
import Simulation
import Testing

/// Objects that are made piece by piece.
@Suite struct UploadTests {
    private static func stores() -> [(name: String, store: any ObjectStore, files: MemoryFileSystem?)] {
        let files = MemoryFileSystem()
        let environment = Environment(
            fileSystem: files, time: SimulatedTime(), random: SeededRandomSource(seed: 1), blocking: InlineExecutor())
        let directory = DirectoryStore(root: "/objects", environment: environment)
        return [
            ("memory", MemoryStore(), nil), ("directory", directory, files),
            ("prefixed", PrefixedStore(directory, prefix: "below/"), files),
        ]
    }

    @Test func anUploadIsThereWholeOrNotAtAll() async throws {
        for (name, store, files) in Self.stores() {
            let key = ObjectKey(trusted: "a/b.parquet")
            let upload = try await store.upload(to: key)
            try await upload.append([1, 2, 3])
            #expect(try await store.list(under: "", after: nil).isEmpty, "\(name)")
            try await upload.append([4])
            try await upload.finish()
            #expect(try await store.get(key).bytes == [1, 2, 3, 4], "\(name)")

            // As a put with `.ifAbsent`: the first stays.
            let second = try await store.upload(to: key)
            try await second.append([9])
            let error = await #expect(throws: ObjectStoreError.self) { try await second.finish() }
            #expect(error?.kind == .conditionFailed, "\(name)")
            #expect(try await store.get(key).bytes == [1, 2, 3, 4], "\(name)")

            let third = try await store.upload(to: ObjectKey(trusted: "a/c.parquet"))
            try await third.append([9])
            await third.abandon()
            #expect(try await store.list(under: "a/", after: nil).count == 1, "\(name)")
            if let files { #expect(try files.list("/objects/~temporary").isEmpty, "\(name) leaves files behind") }
        }
    }

    /// Power is cut after every operation of the disk: the object is there whole, or not at all.
    @Test func anUploadSurvivesPowerCutsOrNeverWas() async throws {
        for n in 0..<24 {
            let files = MemoryFileSystem()
            let environment = Environment(
                fileSystem: files, time: SimulatedTime(), random: SeededRandomSource(seed: 1),
                blocking: InlineExecutor())
            let store = DirectoryStore(root: "/objects", environment: environment)
            let key = ObjectKey(trusted: "a/b.parquet")
            files.cutPower(atOperation: n)
            var isDone = false
            do {
                let upload = try await store.upload(to: key)
                try await upload.append([UInt8](repeating: 7, count: 3_000))
                try await upload.append([8])
                try await upload.finish()
                isDone = true
            } catch {}
            for outcome in CrashOutcome.allCases {
                let after = Environment(
                    fileSystem: files.crash(outcome, seed: UInt64(n)), time: SimulatedTime(),
                    random: SeededRandomSource(seed: 2), blocking: InlineExecutor())
                let again = DirectoryStore(root: "/objects", environment: after)
                do {
                    #expect(try await again.get(key).bytes == [UInt8](repeating: 7, count: 3_000) + [8])
                } catch {
                    #expect(error.kind == .absent)
                    #expect(!isDone, "acknowledged and gone after operation \(n), \(outcome)")
                }
            }
            if isDone { return }
        }
        Issue.record("the upload takes more operations than were tried")
    }
}
