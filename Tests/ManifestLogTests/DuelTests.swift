import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import Synchronization
import Testing

/// Several writers of one region, with lost answers and stalls, in interleavings from a seed: one writer's commits count,
/// and each loser is told the truth (rules R1 to R3).
struct DuelTests {
    private final class Ledger: Sendable {
        struct Entries {
            var acknowledged: Set<SSTID> = []
            var failed: Set<SSTID> = []
            var unknown: Set<SSTID> = []
            var fenced = 0
        }
        let entries = Mutex(Entries())
    }

    /// Claims and commits until it is stopped or has done enough.
    private static func live(
        _ claimant: UInt64, _ inner: any ObjectStore, _ ledger: Ledger, _ environment: Environment, seed: UInt64
    ) async {
        var random = SeededGenerator(seed: seed)
        let store = FaultyStore(YieldingStore(inner))
        for life in UInt64(0)..<3 {
            let faults = CommitFaultTests.faults
            for _ in 0..<3 {
                store.fail(
                    Set(FaultyStore.Operation.allCases), occurrence: Int.random(in: 1...40, using: &random),
                    faults[Int.random(in: 0..<faults.count, using: &random)])
            }
            try? await environment.time.sleep(for: .milliseconds(Int.random(in: 0...20, using: &random)))
            guard
                let writer = try? await ManifestWriter.claim(
                    store: store, claimantID: claimant * 100 + life, options: .swift(fold: 3, attempts: 2),
                    environment: environment)
            else { continue }
            for counter in UInt64(1)...8 {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    try? await environment.time.sleep(for: .milliseconds(Int.random(in: 1...10, using: &random)))
                }
                let sst = SSTMetadata.sample(writer.claim.rawValue, counter: counter)
                do throws(ManifestError) {
                    _ = try await writer.commit(.adding(sst))
                    ledger.entries.withLock { _ = $0.acknowledged.insert(sst.id) }
                } catch .fenced {
                    ledger.entries.withLock {
                        $0.failed.insert(sst.id)
                        $0.fenced += 1
                    }
                    break
                } catch .unknown {
                    ledger.entries.withLock { _ = $0.unknown.insert(sst.id) }
                    break
                } catch {
                    ledger.entries.withLock { _ = $0.failed.insert(sst.id) }
                }
            }
            await writer.finishBackgroundWork()
        }
    }

    @Test func oneWritersCommitsCountAndTheLosersKnow() throws {
        var fenced = 0
        for seed in UInt64(0)..<150 {
            let store = MemoryStore()
            let ledger = Ledger()
            let world = SimulatedWorld(seed: seed)
            try world.run { environment in
                await withTaskGroup(of: Void.self) { group in
                    for claimant in UInt64(1)...3 {
                        group.addTask {
                            await Self.live(claimant, store, ledger, environment, seed: seed &* 31 &+ claimant)
                        }
                    }
                }
            }
            let manifest = try world.run { _ in try await ManifestReader.load(store: store) }
            let live = Set(try #require(manifest).live.keys)
            let entries = ledger.entries.withLock { $0 }
            #expect(entries.acknowledged.subtracting(live).isEmpty, "seed \(seed): acknowledged and lost")
            #expect(entries.failed.intersection(live).isEmpty, "seed \(seed): said to have failed, and there")
            #expect(
                live.subtracting(entries.acknowledged).subtracting(entries.unknown).isEmpty, "seed \(seed): invented")
            fenced += entries.fenced
        }
        #expect(fenced > 50)
    }
}
