import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

struct ManifestWriterTests {
    @Test func whatIsCommittedIsThereAfterReopening() async throws {
        let store = MemoryStore()
        #expect(try await ManifestReader.load(store: store) == nil)
        #expect(try await ManifestWriter.readHead(store: store) == nil)
        let first = try await ManifestWriter.claim(store: store, claimantID: 7, environment: .live)
        #expect(first.manifest.claim == ClaimNumber(1))
        #expect(first.manifest.live.isEmpty)

        var change = ManifestChange()
        change.added = [.sample(1, counter: 1), .sample(1, counter: 2)]
        change.cut = SequenceNumber(40)
        change.counters = ["series-numbers": 12]
        let committed = try await first.commit(change)
        #expect(committed == first.manifest)
        #expect(Set(committed.live.keys) == [SSTID(1, 1), SSTID(1, 2)])

        var removal = ManifestChange()
        removal.removed = [SSTID(1, 1)]
        _ = try await first.commit(removal)
        #expect(try await ManifestReader.load(store: store) == first.manifest)
        #expect(try await ManifestWriter.readHead(store: store)?.claimant == 7)

        let second = try await ManifestWriter.claim(store: store, claimantID: 8, environment: .live)
        var expected = first.manifest
        expected.claim = ClaimNumber(2)
        #expect(second.manifest == expected)
        var late = ManifestChange()
        late.cut = SequenceNumber(50)
        await #expect(throws: ManifestError.fenced(by: ClaimNumber(2))) { try await first.commit(late) }
        #expect(first.stopped == .fenced(by: ClaimNumber(2)))
        #expect(try await ManifestReader.load(store: store) == expected)
    }

    @Test func removalsAreTimedByTheStoresClock() async throws {
        let time = SimulatedTime(start: 5_000)
        let store = MemoryStore(time: time)
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 3), .simulated(seed: 1))
        _ = try await writer.commit(.adding(.sample(1, counter: 1), .sample(1, counter: 2)))
        time.jump(to: 6_000)
        #expect(try await writer.commit(.removing(SSTID(1, 1))).removed.mapValues(\.removedAt) == [SSTID(1, 1): 6_000])
        time.jump(to: 7_000)
        let expected = [SSTID(1, 1): Int64(6_000), SSTID(1, 2): 7_000]
        // By delta, and after the fold that this commit brings by snapshot.
        #expect(try await writer.commit(.removing(SSTID(1, 2))).removed.mapValues(\.removedAt) == expected)
        #expect(try await ManifestReader.load(store: store)?.removed.mapValues(\.removedAt) == expected)
    }

    @Test func commitsOfManyTasksFollowOneAnother() async throws {
        let store = FaultyStore(YieldingStore(MemoryStore()))
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 4), .simulated(seed: 1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for counter in UInt64(1)...40 {
                group.addTask { _ = try await writer.commit(.adding(.sample(1, counter: counter))) }
            }
            try await group.waitForAll()
        }
        #expect(writer.manifest.live.count == 40)
        #expect(try await ManifestReader.load(store: store) == writer.manifest)
    }

    @Test func anEmptyChangeIsNoCommit() async throws {
        let writer = try await ManifestWriter.claim(store: MemoryStore(), claimantID: 1, environment: .live)
        #expect(try await writer.commit(ManifestChange()).version == .zero)
    }
}
