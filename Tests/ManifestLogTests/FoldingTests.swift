import Columnar
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import ManifestLog

struct FoldingTests {
    private func head(_ store: any ObjectStore) async throws -> Head {
        try #require(try await LoadedManifest.head(of: store)).0
    }

    @Test func twoSnapshotsAndTheDeltasBetweenAreKept() async throws {
        let store = MemoryStore()
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 3), .simulated(seed: 1))
        for counter in UInt64(1)...20 {
            _ = try await writer.commit(.adding(.sample(1, counter: counter)))
            let head = try await head(store)
            #expect(head.unfolded.count < 3)
            #expect(head.deltas.count < 6)
            #expect(Set(try await store.listAll(under: "").map(\.key)) == head.names.union([ManifestPaths.head]))
            #expect(try await ManifestReader.load(store: store) == writer.manifest)
        }
        #expect(writer.manifest.live.count == 20)
        let last = try await head(store)
        #expect(last.current != nil && last.previous != nil)
        #expect(last.version == writer.manifest.version)
    }

    @Test func thresholdsDecideWhoFolds() async throws {
        var options = ManifestOptions.swift(fold: 5, attempts: 1)
        options.foldInBackground = 3
        options.foldBeforeCommit = 7
        #expect(options.problems().isEmpty)
        let store = FaultyStore(MemoryStore())
        let writer = try await ManifestWriter.settled(store, claimant: 1, options, .simulated(seed: 1))
        func commit(_ counter: UInt64) async throws {
            _ = try await writer.commit(.adding(.sample(1, counter: counter)))
        }
        var snapshotPuts: Int { store.requests.filter { $0.operation == .put && $0.key.hasPrefix("snapshot/") }.count }

        try await commit(1)
        try await commit(2)
        await writer.finishBackgroundWork()
        #expect(snapshotPuts == 0)
        try await commit(3)
        await writer.finishBackgroundWork()
        #expect(snapshotPuts == 1)
        #expect(try await head(store).unfolded.isEmpty)

        // Folding fails for a while: commits go on (R9), and each beyond the second threshold tries again.
        store.fail(.put, under: "snapshot/", times: nil, .before(.full))
        for counter in UInt64(4)...13 {
            try await commit(counter)
            await writer.finishBackgroundWork()
        }
        #expect(try await head(store).unfolded.count == 10)
        #expect(writer.stopped == nil)
        store.heal()
        store.forgetRequests()
        let held = store.hold(.put, under: "delta/")
        let waiting = Task { try await writer.commit(.adding(.sample(1, counter: 14))) }
        await held.arrival()
        #expect(snapshotPuts == 1)  // before the commit's own delta
        held.release()
        _ = try await waiting.value
        #expect(try await head(store).unfolded.count == 1)
        #expect(writer.manifest.live.count == 14)
    }

    @Test func whatTheHeadNoLongerNamesIsDeletedOnlyAfterwards() async throws {
        let store = FaultyStore(MemoryStore())
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 2), .simulated(seed: 1))
        for counter in UInt64(1)...12 {
            let before = try await head(store).names
            store.forgetRequests()
            _ = try await writer.commit(.adding(.sample(1, counter: counter)))
            let requests = store.requests
            for (i, request) in requests.enumerated() where request.operation == .delete {
                let swap = requests.lastIndex { $0 == .init(operation: .put, key: "head") }
                #expect(try #require(swap) < i)
                #expect(before.contains(ObjectKey(trusted: request.key)))
                #expect(try await !head(store).names.contains(ObjectKey(trusted: request.key)))
            }
        }
    }

    @Test func aDamagedSnapshotIsReplacedByTheOneBeforeAndSaid() async throws {
        for damage in 0..<3 {
            for reopening in [false, true] {
                let store = MemoryStore()
                let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 3), .simulated(seed: 1))
                for counter in UInt64(1)...7 { _ = try await writer.commit(.adding(.sample(1, counter: counter))) }
                let current = try #require(try await head(store).current)
                let key = ManifestPaths.snapshot(current.version, current.claim)
                var bytes = try await store.get(key).bytes
                switch damage {
                case 0: try await store.delete(key)
                case 1: try await store.put(Array(bytes.dropLast()), at: key, .always)
                default:
                    bytes[30] ^= 1
                    try await store.put(bytes, at: key, .always)
                }
                #expect(try await ManifestReader.load(store: store) == writer.manifest)
                guard reopening else { continue }
                let next = try await ManifestWriter.settled(store, claimant: 2, .swift(fold: 3), .simulated(seed: 1))
                #expect(Content(next.manifest) == Content(writer.manifest))
                #expect(next.notes.count == 1)
                #expect(next.notes.first?.hasPrefix("\(key) is damaged") == true)
                // It has been folded anew: the next opener finds nothing odd.
                let third = try await ManifestWriter.settled(store, claimant: 3, .swift(fold: 3), .simulated(seed: 1))
                #expect(third.notes.isEmpty)
                #expect(Content(third.manifest) == Content(writer.manifest))
            }
        }
    }

    @Test func everyDamagedObjectThatCannotBeReplacedIsNamed() async throws {
        let store = MemoryStore()
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 3), .simulated(seed: 1))
        for counter in UInt64(1)...8 { _ = try await writer.commit(.adding(.sample(1, counter: counter))) }
        let unfolded = try await head(store).unfolded
        #expect(!unfolded.isEmpty)
        for delta in unfolded {
            let key = ManifestPaths.delta(delta.version, delta.claim)
            let copy = store.copy()
            try await copy.delete(key)
            await #expect { try await ManifestReader.load(store: copy) } throws: {
                "\($0)".hasPrefix("\(key) is damaged at byte 0: it is not there, although the head names it.")
            }
            let flipped = store.copy()
            var bytes = try await flipped.get(key).bytes
            bytes[bytes.count - 1] ^= 0x80
            try await flipped.put(bytes, at: key, .always)
            await #expect { try await ManifestReader.load(store: flipped) } throws: {
                "\($0)".hasPrefix("\(key) is damaged at byte 0: CRC-32C is")
            }
        }
        // A whole, valid delta, only not the one that was committed.
        let delta = try #require(unfolded.first)
        let other = ManifestDelta(version: delta.version, claim: delta.claim, change: .adding(.sample(1, counter: 70)))
        try await store.put(other.encoded(), at: ManifestPaths.delta(delta.version, delta.claim), .always)
        await #expect { try await ManifestReader.load(store: store) } throws: { "\($0)".contains("the head says") }
    }

    @Test func aNameThatIsGoneSendsTheReaderBackToTheHead() async throws {
        let inner = MemoryStore()
        let writer = try await ManifestWriter.settled(inner, claimant: 1, .swift(fold: 2), .simulated(seed: 1))
        for counter in UInt64(1)...3 { _ = try await writer.commit(.adding(.sample(1, counter: counter))) }
        let store = FaultyStore(inner)
        let held = store.hold(.get, under: "delta/")
        let reader = Task { try await ManifestReader.load(store: store) }
        await held.arrival()
        for counter in UInt64(4)...9 { _ = try await writer.commit(.adding(.sample(1, counter: counter))) }
        held.release()
        #expect(try await reader.value == writer.manifest)
    }

    @Test func optionsComplainInOneGo() {
        var options = ManifestOptions()
        #expect(options.problems().isEmpty)
        options.foldInBackground = 60
        options.attempts = 0
        options.pause = .seconds(-1)
        #expect(options.problems().count == 3)
    }
}
