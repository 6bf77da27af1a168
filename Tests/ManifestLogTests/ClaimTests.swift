import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

struct ClaimTests {
    @Test func numbersGrowByOneAndTellTheirClaimants() async throws {
        let store = MemoryStore()
        for number in UInt64(1)...20 {
            let writer = try await ManifestWriter.settled(store, claimant: number * 7, .swift(), .simulated(seed: 1))
            #expect(writer.claim == ClaimNumber(number))
            #expect(
                try await ManifestWriter.readHead(store: store)
                    == HeadSummary(claim: ClaimNumber(number), claimant: number * 7, version: .init(number - 1)))
            _ = try await writer.commit(.adding(.sample(number, counter: 1)))
        }
    }

    @Test func ofManyOpenersEachNumberHasOneHolder() throws {
        for seed in UInt64(0)..<100 {
            let store = MemoryStore()
            let world = SimulatedWorld(seed: seed)
            let claims = try world.run { environment in
                await withTaskGroup(of: ClaimNumber?.self) { group in
                    for claimant in UInt64(1)...5 {
                        group.addTask {
                            // Every operation is a step of its own.
                            let slow = FaultyStore(YieldingStore(store))
                            return try? await ManifestWriter.claim(
                                store: slow, claimantID: claimant, options: .swift(), environment: environment
                            ).claim
                        }
                    }
                    return await group.reduce(into: [ClaimNumber]()) { if let claim = $1 { $0.append(claim) } }
                }
            }
            #expect(!claims.isEmpty)
            #expect(claims.sorted() == (1...UInt64(claims.count)).map { ClaimNumber($0) }, "seed \(seed)")
        }
    }

    /// Whoever looked at the head decided by its holder: another's claim meanwhile is not claimed over.
    @Test func aClaimIsMadeOverTheHolderThatWasLookedAt() async throws {
        let store = MemoryStore()
        func claim(_ claimant: UInt64, over holder: UInt64?) async throws(ManifestError) {
            _ = try await ManifestWriter.claim(
                store: store, claimantID: claimant, options: .swift(), environment: .simulated(seed: 1),
                over: .claimant(holder))
        }
        await #expect(throws: ManifestError.self) { try await claim(1, over: 9) }
        try await claim(1, over: nil)
        try await claim(2, over: 1)
        for stale: UInt64? in [1, nil] {
            await #expect(throws: ManifestError.fenced(by: ClaimNumber(2))) { try await claim(3, over: stale) }
        }
        #expect(try await ManifestWriter.readHead(store: store)?.claimant == 2)
        try await claim(3, over: 2)
    }

    @Test func aLostAnswerToAClaimIsSettledByTheRandomNumber() async throws {
        let inner = MemoryStore()
        for claimant in UInt64(1)...4 {
            let store = FaultyStore(inner)
            store.fail(.put, under: "head", .afterSuccess)
            let writer = try await ManifestWriter.settled(store, claimant: claimant, .swift(), .simulated(seed: 1))
            #expect(writer.claim == ClaimNumber(claimant))
            #expect(store.requests.filter { $0.operation == .put }.count == 1)
            _ = try await writer.commit(.adding(.sample(claimant, counter: 1)))
        }
    }

    @Test func aClaimThatMeetsACommitIsMadeAgain() async throws {
        let inner = MemoryStore()
        let holder = try await ManifestWriter.settled(inner, claimant: 1, .swift(), .simulated(seed: 1))
        let store = FaultyStore(inner)
        let held = store.hold(.put, under: "head")
        let opener = Task {
            try await ManifestWriter.settled(store, claimant: 2, .swift(), .simulated(seed: 2))
        }
        await held.arrival()
        _ = try await holder.commit(.adding(.sample(1, counter: 1)))
        held.release()
        let writer = try await opener.value
        #expect(writer.claim == ClaimNumber(2))
        #expect(Set(writer.manifest.live.keys) == [SSTID(1, 1)])
    }

    @Test func aLostHeadIsNotANewRegion() async throws {
        let store = MemoryStore()
        let regions = PrefixedStore(store, prefix: "regions/metrics/manifest/")
        let writer = try await ManifestWriter.settled(regions, claimant: 1, .swift(), .simulated(seed: 1))
        _ = try await writer.commit(.adding(.sample(1, counter: 1)))
        try await store.delete(ObjectKey(trusted: "regions/metrics/manifest/head"))
        for open in [
            { _ = try await ManifestReader.load(store: regions) },
            { _ = try await ManifestWriter.settled(regions, claimant: 2, .swift(), .simulated(seed: 1)) },
        ] {
            do {
                try await open()
                Issue.record("opened without a head")
            } catch {
                #expect(
                    "\(error)"
                        == "regions/metrics/manifest/head is damaged at byte 0: it is not there, although "
                        + "regions/metrics/manifest/delta/00000000000000000001-0000001 is. Nothing was changed. "
                        + "`varve rebuild` makes the manifest again from the Parquet objects.")
            }
        }
    }

    @Test func leftoversOfOlderWritersAreRemovedAndNothingElse() async throws {
        let store = MemoryStore()
        let first = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        _ = try await first.commit(.adding(.sample(1, counter: 1)))
        let leftover = ["delta/00000000000000000002-0000001", "snapshot/00000000000000000009-0000001"]
        let kept = [
            "delta/00000000000000000001-0000001", "delta/00000000000000000002-0000003", "delta/unknown",
            "head", "snapshot/1-1", "unknown",
        ]
        for path in leftover + kept where path != "head" && path != kept[0] {
            try await store.put([1], at: ObjectKey(trusted: path), .ifAbsent)
        }
        _ = try await ManifestWriter.settled(store, claimant: 2, .swift(), .simulated(seed: 2))
        #expect(try await store.listAll(under: "").map(\.key.path) == kept)
    }
}

/// Gives way before every operation: each is a step of its own under a seeded executor.
struct YieldingStore: ObjectStore {
    let store: any ObjectStore
    init(_ store: any ObjectStore) { self.store = store }

    func put(_ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition) async throws(ObjectStoreError) -> ObjectTag {
        await Task.yield()
        let tag = try await store.put(bytes, at: key, condition)
        await Task.yield()
        return tag
    }
    func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        await Task.yield()
        return try await store.get(key)
    }
    func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        await Task.yield()
        return try await store.read(key, range)
    }
    func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        await Task.yield()
        return try await store.metadata(of: key)
    }
    func list(under prefix: String, after start: ObjectKey?) async throws(ObjectStoreError) -> [ObjectMetadata] {
        await Task.yield()
        return try await store.list(under: prefix, after: start)
    }
    func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        await Task.yield()
        try await store.delete(key)
    }
}
