import Columnar
import ManifestLog
import ObjectStorage
import Platform
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

    @Test func anEmptyChangeIsNoCommit() async throws {
        let writer = try await ManifestWriter.claim(store: MemoryStore(), claimantID: 1, environment: .live)
        #expect(try await writer.commit(ManifestChange()).version == .zero)
    }
}
