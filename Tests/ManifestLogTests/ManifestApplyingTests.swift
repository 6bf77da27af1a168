import Columnar
import ManifestLog
import Platform
import Testing

struct ManifestApplyingTests {
    private let base: Manifest

    init() throws {
        var change = ManifestChange.adding(.sample(1, counter: 1), .sample(1, counter: 2))
        change.cut = SequenceNumber(100)
        change.counters = ["series-numbers": 10]
        var manifest = Manifest()
        manifest.claim = ClaimNumber(1)
        let first = try manifest.applying(change, version: ManifestVersion(1), removedAt: 0)
        base = try first.applying(.removing(SSTID(1, 2)), version: ManifestVersion(2), removedAt: 77)
    }

    @Test func aChangeIsAppliedWhole() throws {
        #expect(base.live == [SSTID(1, 1): .sample(1, counter: 1)])
        #expect(base.removed == [SSTID(1, 2): RemovedSST(table: 0, segment: 0..<86_400_000, removedAt: 77)])
        #expect(base.cut == SequenceNumber(100))
        #expect(base.counters == ["series-numbers": 10])
        var change = ManifestChange.adding(.sample(1, counter: 3))
        change.removed = [SSTID(1, 1)]
        change.collected = [SSTID(1, 2)]
        change.cut = SequenceNumber(100)
        let next = try base.applying(change, version: ManifestVersion(9), removedAt: 88)
        #expect(Set(next.live.keys) == [SSTID(1, 3)])
        #expect(next.removed.mapValues(\.removedAt) == [SSTID(1, 1): 88])
        #expect(next.version == ManifestVersion(9))
        #expect(next.problems().isEmpty)
    }

    @Test func whatCannotHaveBeenMeantIsRefused() {
        func change(_ edit: (inout ManifestChange) -> Void) -> ManifestChange {
            var change = ManifestChange()
            edit(&change)
            return change
        }
        func sst(_ edit: (inout SSTMetadata) -> Void) -> ManifestChange {
            var sst = SSTMetadata.sample(1, counter: 9)
            edit(&sst)
            return .adding(sst)
        }
        let refused: [(ManifestChange, String)] = [
            (.adding(.sample(1, counter: 1)), "SST 1-1 is added although there is one of that name"),
            (.adding(.sample(1, counter: 2)), "SST 1-2 is added although there is one of that name"),
            (
                .adding(.sample(1, counter: 3), .sample(1, counter: 3)),
                "SST 1-3 is added although there is one of that name"
            ),
            (
                change {
                    $0.added = [.sample(1, counter: 1)]
                    $0.removed = [SSTID(1, 1)]
                }, "SST 1-1 is added although there is one of that name"
            ),
            (
                change {
                    $0.added = [.sample(1, counter: 2)]
                    $0.collected = [SSTID(1, 2)]
                }, "SST 1-2 is added although there is one of that name"
            ),
            (.removing(SSTID(1, 2)), "SST 1-2 is removed but is not live"),
            (.removing(SSTID(1, 1), SSTID(1, 1)), "SST 1-1 is removed but is not live"),
            (change { $0.collected = [SSTID(1, 1)] }, "SST 1-1 is collected but was not removed before"),
            (
                change {
                    $0.removed = [SSTID(1, 1)]
                    $0.collected = [SSTID(1, 1)]
                }, "SST 1-1 is collected but was not removed before"
            ),
            (change { $0.cut = SequenceNumber(99) }, "the cut falls from 100 to 99"),
            (change { $0.counters = ["series-numbers": 9] }, "counter series-numbers falls from 10 to 9"),
            (change { $0.counters = ["Ünname": 9] }, "a counter cannot be named `Ünname`"),
            (sst { $0.minTime = -1 }, "SST 1-9 has times -1 … 80 outside its segment 0..<86400000"),
            (sst { $0.maxTime = 86_400_000 }, "SST 1-9 has times 5 … 86400000 outside its segment 0..<86400000"),
            (sst { $0.minTime = 81 }, "SST 1-9 has times 81 … 80 outside its segment 0..<86400000"),
            (sst { $0.minKey = 10 }, "SST 1-9 has keys 10 … 9"),
            (
                sst { $0.maxSequence = SequenceNumber(0) },
                "SST 1-9 has sequences \(1 << 40 + 90) … 0"
            ),
        ]
        for (change, reason) in refused {
            #expect(throws: ManifestError.invalid(reason)) {
                try base.applying(change, version: ManifestVersion(3), removedAt: 0)
            }
        }
        for version in UInt64(0)...2 {
            #expect(throws: ManifestError.self) {
                try base.applying(ManifestChange(), version: ManifestVersion(version), removedAt: 0)
            }
        }
    }

    @Test func problemsNameWhatContradictsItself() throws {
        #expect(base.problems().isEmpty)
        var overlapping = SSTMetadata.sample(1, counter: 5)
        overlapping.minSequence = SSTMetadata.sample(1, counter: 1).maxSequence
        var manifest = base
        manifest.live[overlapping.id] = overlapping
        #expect(manifest.problems().count == 1)
        // Outputs of one compaction are cut by key.
        overlapping.minKey = 9
        overlapping.maxKey = 20
        manifest.live[overlapping.id] = overlapping
        #expect(manifest.problems().isEmpty)
        // Another table is another order.
        overlapping.minKey = 1
        overlapping.table = 1
        manifest.live[overlapping.id] = overlapping
        #expect(manifest.problems().isEmpty)

        manifest = base
        manifest.live[SSTID(1, 8)] = .sample(1, counter: 9)
        #expect(manifest.problems() == ["SST 1-9 is filed under 1-8"])
        manifest = base
        manifest.live[SSTID(1, 2)] = .sample(1, counter: 2)
        #expect(manifest.problems() == ["SST 1-2 is live and removed"])
        manifest = base
        manifest.live[SSTID(2, 2)] = .sample(2, counter: 2)
        #expect(manifest.problems() == ["SST 2-2 is of a newer claim than the manifest's 1"])
    }
}
