import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

/// One fault at every store operation of a fixed scenario: afterwards the manifest is the one before or the one after the
/// commit, and what the writer said is true.
struct CommitFaultTests {
    static let faults: [FaultyStore.Fault] = [
        .before(.unavailable), .before(.unanswered), .before(.refused), .before(.full), .before(.conditionFailed),
        .after(.unanswered), .after(.conditionFailed),
    ]

    /// What the steps of the scenario said.
    private struct Story {
        /// Certainly durable.
        var known = Content()
        /// Durable perhaps, instead.
        var perhaps: Content?
        var stopped: ManifestError?
    }

    private let scenario: [ManifestChange] = {
        var first = ManifestChange.adding(.sample(1, counter: 1), .sample(1, counter: 2))
        first.cut = SequenceNumber(1 << 40 + 30)
        first.counters = ["series-numbers": 5]
        var third = ManifestChange.adding(.sample(1, counter: 3))
        third.removed = [SSTID(1, 1), SSTID(1, 2)]
        var fourth = ManifestChange()
        fourth.collected = [SSTID(1, 1)]
        fourth.counters = ["series-numbers": 9]
        return [first, .adding(.sample(1, counter: 7)), third, fourth, .removing(SSTID(1, 7))]
    }()

    /// The scenario's own changes, as far as they fit what is there.
    private func play(_ store: any ObjectStore, _ environment: Environment) async -> (Story, ManifestWriter?) {
        var story = Story()
        let writer: ManifestWriter
        do {
            writer = try await .settled(store, claimant: 1, .swift(fold: 2), environment)
        } catch {
            story.stopped = error
            return (story, nil)
        }
        for change in scenario {
            do throws(ManifestError) {
                _ = try await writer.commit(change)
                story.known = story.known.with(change)
            } catch {
                switch error {
                case .store, .invalid: continue  // `.invalid`: it builds on one that did not happen
                case .unknown:
                    story.perhaps = story.known.with(change)
                    story.stopped = error
                    return (story, writer)
                case .fenced, .damaged, .unsupportedVersion:
                    Issue.record("\(error)")
                    return (story, writer)
                }
            }
        }
        return (story, writer)
    }

    @Test(arguments: faults, [1, 3, 1_000_000])
    func oneFaultAtEveryOperationLeavesTheOldOrTheNewManifest(_ fault: FaultyStore.Fault, times: Int) async throws {
        let calm = FaultyStore(MemoryStore())
        _ = await play(calm, .simulated(seed: 1))
        let operations = calm.requests.count
        #expect(operations > 25)

        for number in 1...operations {
            let inner = MemoryStore()
            let store = FaultyStore(inner)
            store.fail(Set(FaultyStore.Operation.allCases), occurrence: number, times: times, fault)
            let (story, writer) = await play(store, .simulated(seed: 1))
            store.heal()
            let place = "operation \(number), \(fault) × \(times)"

            // Whoever only reads finds one of the two…
            var found = Content()
            do {
                if let manifest = try await ManifestReader.load(store: inner) { found = Content(manifest) }
            } catch {
                Issue.record("\(place): \(error)")
            }
            #expect(found == story.known || found == story.perhaps, "\(place)")
            // …the writer finds out which, and goes on…
            if let writer, let stopped = story.stopped, case .unknown = stopped {
                await #expect(throws: stopped) { try await writer.commit(.adding(.sample(1, counter: 90))) }
                let resolved = try await writer.resolveDoubt()
                #expect(Content(resolved) == story.perhaps, "\(place): the same bytes again")
                found = Content(resolved)
            }
            if let writer {
                let more = try await writer.commit(.adding(.sample(1, counter: 99)))
                found = found.with(.adding(.sample(1, counter: 99)))
                #expect(Content(more) == found, "\(place)")
            }
            // …and the next opener, too. Nothing is left lying about that no head names.
            let next = try await ManifestWriter.settled(inner, claimant: 2, .swift(fold: 2), .simulated(seed: 2))
            #expect(Content(next.manifest) == found, "\(place)")
            #expect(next.manifest.problems().isEmpty)
            #expect(next.notes.isEmpty)
            try await expectNoLitter(inner, "\(place)")
        }
    }

    /// Everything that a calm manifest of at most two snapshots and the deltas since the first needs, and no more.
    private func expectNoLitter(_ store: any ObjectStore, _ note: String) async throws {
        #expect(try await store.listAll(under: "snapshot/").count <= 2, "\(note)")
        #expect(try await store.listAll(under: "delta/").count <= 2 * 2, "\(note)")
    }

    // MARK: Stories

    @Test func aCommitWhoseAnswerIsLostHappensOnce() async throws {
        let store = FaultyStore(MemoryStore())
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        store.forgetRequests()
        store.fail(.put, under: "head", .afterSuccess)

        let manifest = try await writer.commit(.adding(.sample(1, counter: 1)))

        #expect(Set(manifest.live.keys) == [SSTID(1, 1)])
        // Read back, not repeated.
        #expect(store.requests.filter { $0 == .init(operation: .put, key: "head") }.count == 1)
        #expect(try await ManifestReader.load(store: store) == manifest)
        #expect(writer.stopped == nil)
    }

    @Test func whileNobodyKnowsNothingIsDeletedAndNothingBegun() async throws {
        let store = FaultyStore(MemoryStore())
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 1), .simulated(seed: 1))
        _ = try await writer.commit(.adding(.sample(1, counter: 1)))
        store.fail(.put, under: "head", .afterSuccess)
        store.fail(.get, under: "head", times: nil, .beforeSuccess)
        await #expect { try await writer.commit(.adding(.sample(1, counter: 2))) } throws: {
            if case .unknown = $0 as? ManifestError { true } else { false }
        }
        store.forgetRequests()
        await #expect(throws: try #require(writer.stopped)) { try await writer.commit(.adding(.sample(1, counter: 3))) }
        #expect(store.requests.isEmpty)
        // It did take effect; the writer learns it when the store can be read again.
        #expect(Set(writer.manifest.live.keys) == [SSTID(1, 1)])
        store.heal()
        #expect(Set(try await writer.resolveDoubt().live.keys) == [SSTID(1, 1), SSTID(1, 2)])
        _ = try await writer.commit(.adding(.sample(1, counter: 3)))
    }

    @Test func afterAFoldInDoubtNothingIsDeletedUntilItIsSettled() async throws {
        let inner = MemoryStore()
        let store = FaultyStore(inner)
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(fold: 3), .simulated(seed: 1))
        for counter in UInt64(1)...5 { _ = try await writer.commit(.adding(.sample(1, counter: counter))) }
        store.fail(.put, under: "head", occurrence: 2, .afterSuccess)
        store.fail(.get, under: "head", times: nil, .beforeSuccess)
        store.forgetRequests()
        // Its own swap is answered; the fold's, right after it, is not.
        let committed = try await writer.commit(.adding(.sample(1, counter: 6)))
        #expect(committed.live.count == 6)
        #expect(!store.requests.contains { $0.operation == .delete })
        #expect(try await ManifestReader.load(store: inner).map { Content($0) } == Content(committed))
        // Until then a commit is not begun, and says that it did not happen.
        await #expect {
            try await writer.commit(.adding(.sample(1, counter: 7)))
        } throws: {
            if case .store(let error) = $0 as? ManifestError { error.kind == .unavailable } else { false }
        }
        #expect(writer.stopped == nil)
        store.heal()
        #expect(try await writer.commit(.adding(.sample(1, counter: 7))).live.count == 7)
        #expect(try await ManifestReader.load(store: inner) == writer.manifest)
    }

    @Test func aSwapThatMayStillArriveIsDoubtHoweverOftenTheHeadIsRead() async throws {
        let inner = MemoryStore()
        let store = FaultyStore(inner)
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        store.fail(.put, under: "head", times: nil, .before(.unanswered))
        await #expect {
            try await writer.commit(.adding(.sample(1, counter: 1)))
        } throws: {
            if case .unknown = $0 as? ManifestError { true } else { false }
        }
        #expect(writer.stopped != nil)
        #expect(store.requests.filter { $0 == .init(operation: .put, key: "head") }.count == 1 + 3)
    }

    @Test func aHeadThatWentBackIsNotSwappedAgain() async throws {
        let store = MemoryStore()
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        let old = try await store.get(ObjectKey(trusted: "head"))
        _ = try await writer.commit(.adding(.sample(1, counter: 1)))
        // Somebody restores a backup under a running writer.
        try await store.put(old.bytes, at: ObjectKey(trusted: "head"), .always)
        await #expect {
            try await writer.commit(.adding(.sample(1, counter: 2)))
        } throws: {
            if case .unknown(let reason) = $0 as? ManifestError {
                reason.contains("version 0 of claim 1")
            } else {
                false
            }
        }
        #expect(try await store.get(ObjectKey(trusted: "head")).bytes == old.bytes)
    }

    @Test func aStoreThatIsAwayStopsNobody() async throws {
        let store = FaultyStore(MemoryStore())
        let writer = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        for occurrence in 1...2 {
            store.fail(
                Set(FaultyStore.Operation.allCases), occurrence: occurrence, times: nil, .before(.unavailable))
            await #expect { try await writer.commit(.adding(.sample(1, counter: 1))) } throws: {
                if case .store(let error) = $0 as? ManifestError { error.kind == .unavailable } else { false }
            }
            #expect(writer.stopped == nil)
            store.heal()
        }
        #expect(Set(try await writer.commit(.adding(.sample(1, counter: 1))).live.keys) == [SSTID(1, 1)])
    }

    @Test func aSwapThatArrivesAfterTheTakeoverDoesNothing() async throws {
        let inner = MemoryStore()
        let store = FaultyStore(inner)
        let old = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        let held = store.hold(.put, under: "head")
        let stalled = Task { try await old.commit(.adding(.sample(1, counter: 1))) }
        await held.arrival()
        let new = try await ManifestWriter.settled(inner, claimant: 2, .swift(), .simulated(seed: 2))
        _ = try await new.commit(.adding(.sample(2, counter: 1)))
        held.release()
        await #expect(throws: ManifestError.fenced(by: ClaimNumber(2))) { try await stalled.value }
        #expect(Set(try await ManifestReader.load(store: inner)?.live.keys ?? [:].keys) == [SSTID(2, 1)])
        // The loser deletes nothing and begins nothing.
        store.forgetRequests()
        await #expect(throws: ManifestError.fenced(by: ClaimNumber(2))) {
            try await old.commit(.adding(.sample(1, counter: 2)))
        }
        await #expect(throws: ManifestError.fenced(by: ClaimNumber(2))) { try await old.resolveDoubt() }
        #expect(store.requests.isEmpty)
    }

    @Test func aCommitThatTookEffectBeforeTheTakeoverIsSaidToHave() async throws {
        let inner = MemoryStore()
        let store = FaultyStore(inner)
        let old = try await ManifestWriter.settled(store, claimant: 1, .swift(), .simulated(seed: 1))
        store.fail(.put, under: "head", .afterSuccess)
        let held = store.hold(.get, under: "head")
        let stalled = Task { try await old.commit(.adding(.sample(1, counter: 1))) }
        await held.arrival()
        let new = try await ManifestWriter.settled(inner, claimant: 2, .swift(), .simulated(seed: 2))
        #expect(Set(new.manifest.live.keys) == [SSTID(1, 1)])
        held.release()
        #expect(Set(try await stalled.value.live.keys) == [SSTID(1, 1)])
        #expect(old.stopped == .fenced(by: ClaimNumber(2)))
    }

    @Test func messagesTellWhatToDo() {
        #expect(
            ManifestError.fenced(by: ClaimNumber(7)).description
                == "another writer has taken over this region (claim 7); this one has stopped. Its log is kept: "
                + "`varve wal replay --url WRITER` brings unflushed samples in.")
        #expect(
            ManifestError.unknown(reason: "no answer").description
                == "it is unknown whether the last change of the manifest took effect (no answer). Nothing was deleted "
                + "and the log is kept; restart the writer when the store answers again.")
    }
}
