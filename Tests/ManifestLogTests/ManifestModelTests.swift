import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Testing

/// Random commits, folds, faults and reopenings: the manifest answers like a dictionary.
struct ManifestModelTests {
    @Test(arguments: UInt64(0)..<40)
    func itAnswersLikeADictionary(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let environment = Environment.simulated(seed: seed)
        let store = FaultyStore(MemoryStore())
        var options = ManifestOptions.swift(fold: Int.random(in: 1...8, using: &random))
        options.foldInBackground = Int.random(in: 1...options.foldAtOnce, using: &random)
        var model = Content()
        var counter: UInt64 = 0
        var claimant: UInt64 = 0
        var writer: ManifestWriter?
        for step in 0..<60 {
            let place = "seed \(seed), step \(step)"
            guard let open = writer, Int.random(in: 0..<12, using: &random) > 0 else {
                store.heal()
                claimant += 1
                let before = writer
                let next = try await ManifestWriter.claim(
                    store: store, claimantID: claimant, options: options, environment: environment)
                try #require(Content(next.manifest) == model, "\(place)")
                if let before {
                    var change = ManifestChange()
                    change.cut = SequenceNumber(model.cut.rawValue + 1)
                    await #expect(throws: (any Error).self, "\(place)") { try await before.commit(change) }
                }
                writer = next
                continue
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                let faults = CommitFaultTests.faults
                store.fail(
                    Set(FaultyStore.Operation.allCases), occurrence: Int.random(in: 1...6, using: &random),
                    times: Int.random(in: 1...5, using: &random),
                    faults[Int.random(in: 0..<faults.count, using: &random)])
            }
            let change = model.randomChange(claim: open.claim, counter: &counter, using: &random)
            var stopped: ManifestError?
            do throws(ManifestError) {
                let committed = try await open.commit(change)
                model = model.with(change)
                if Content(committed) != model { Issue.record("\(place): another manifest") }
            } catch {
                stopped = error
            }
            switch stopped {
            case nil, .store: break
            case .unknown:
                store.heal()
                let resolved = Content(try await open.resolveDoubt())
                try #require(resolved == model.with(change), "\(place)")
                model = resolved
            case .fenced, .invalid, .damaged, .unsupportedVersion:
                Issue.record("\(place): \(String(describing: stopped))")
            }
            // Folding in the background may have met a fault of its own, in doubt: that ends well, too.
            await open.finishBackgroundWork()
            try #require(open.stopped == nil, "\(place)")
            try #require(Content(open.manifest) == model, "\(place)")
            try #require(open.manifest.problems().isEmpty, "\(place)")
            if Int.random(in: 0..<4, using: &random) == 0 {
                store.heal()
                _ = try await open.resolveDoubt()
                let read = try await ManifestReader.load(store: store)
                try #require(read == open.manifest, "\(place)")
            }
        }
    }

    /// The same over files, with the power cut and everything reopened now and then.
    @Test(arguments: CrashOutcome.allCases, UInt64(0)..<4)
    func whatWasCommittedSurvivesPowerCuts(_ outcome: CrashOutcome, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var disk = MemoryFileSystem()
        var model = Content()
        var perhaps: Content?
        var counter: UInt64 = 0
        for life in UInt64(1)...12 {
            let world = SimulatedWorld(seed: seed &* 100 &+ life, fileSystem: disk)
            var environment = world.environment
            environment.taskExecutor = nil
            let directory = DirectoryStore(root: "/data/objects", environment: environment)
            try await directory.prepare()
            let store = PrefixedStore(directory, prefix: "regions/metrics/manifest/")
            let writer = try await ManifestWriter.settled(store, claimant: life, .swift(fold: 4), environment)
            let found = Content(writer.manifest)
            try #require(found == model || found == perhaps, "seed \(seed), life \(life)")
            model = found
            perhaps = nil
            disk.cutPower(atOperation: disk.operationCount + Int.random(in: 20...200, using: &random))
            while perhaps == nil {
                let change = model.randomChange(claim: writer.claim, counter: &counter, using: &random)
                do {
                    _ = try await writer.commit(change)
                    model = model.with(change)
                } catch {
                    perhaps = model.with(change)
                }
            }
            disk = disk.crash(outcome, seed: random.next())
        }
    }
}
