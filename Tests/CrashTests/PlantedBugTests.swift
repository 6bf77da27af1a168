#if PLANTED_BUGS
    import CrashHarness
    import Platform
    import Simulation
    import Testing

    /// Would the crash tests notice? The mistakes of which each has lost somebody's data, made on purpose: seeds are run
    /// until one of them complains, and 1,000 without a complaint are a failure of the crash tests.
    @Suite struct PlantedBugTests {
        private static let most = UInt64(1_000)

        /// Where a mistake is made.
        enum Spot: Sendable {
            case disk(DiskLie)
            case store(LyingStore.Lie)
            case code(PlantedBug)
        }

        struct Planted: Sendable, CustomTestStringConvertible {
            let name: String
            let spot: Spot
            /// Whether it takes one node alone to see it, or several.
            var isOfOne = true
            var testDescription: String { name }
        }

        /// The twenty of the fault matrix, section 7, in its order; where one stands for two, both; and two that were found here.
        static let all = [
            Planted(name: "no fdatasync", spot: .disk(.forgetsBytes)),
            Planted(name: "acknowledged before fdatasync", spot: .code(.acknowledgesBeforeSync)),
            Planted(name: "no fsync of the directory after rotation", spot: .disk(.forgetsNames(below: "/data/log"))),
            Planted(name: "no fsync of the directory after a put", spot: .disk(.forgetsNames(below: "/data/objects"))),
            Planted(name: "rename for link", spot: .store(.replacesWhatIsThere), isOfOne: false),
            Planted(name: "short write ignored", spot: .disk(.writesShort)),
            Planted(name: "fsync retried", spot: .disk(.syncsAgain)),
            Planted(name: "append behind a torn tail", spot: .code(.appendsBehindTornTail)),
            Planted(name: "CRC unchecked", spot: .code(.ignoresBatchChecksum)),
            Planted(name: "sequence restarts", spot: .code(.sequenceRestarts)),
            Planted(name: "log deleted before the delta", spot: .code(.releasesLogBeforeDelta)),
            Planted(name: "delta before the SST", spot: .code(.namesObjectBeforePut)),
            Planted(name: "412 = committed", spot: .store(.refusedSwapSucceeds), isOfOne: false),
            Planted(name: "unknown = lost, cleaned up", spot: .code(.unknownIsLost)),
            Planted(name: "swap without condition", spot: .store(.swapsUnconditionally), isOfOne: false),
            Planted(name: "claim not checked", spot: .code(.ignoresClaim), isOfOne: false),
            Planted(name: "deltas in list order", spot: .code(.takesDeltasAsListed)),
            Planted(name: "snapshot without its version", spot: .code(.snapshotWithoutVersion)),
            Planted(name: "GC with an old manifest", spot: .code(.collectsByOldManifest), isOfOne: false),
            Planted(name: "sequences collapsed over another part's range", spot: .code(.mergesAcrossANeighbour)),
            Planted(name: "failed flush drops the mem part", spot: .code(.failedFlushDropsMemPart)),
            Planted(name: "inputs deleted under readers", spot: .code(.deletesInputsUnderReaders)),
            Planted(name: "another's cut taken for one's own", spot: .code(.takesAnothersCut), isOfOne: false),
        ]

        private static func run(_ planted: Planted, seed: UInt64) -> SeedReport {
            switch planted.spot {
            case .disk(let lie): return SeededLives.run(seed: seed, lie: lie)
            case .store(let lie): return SeededDuels.run(seed: seed, lie: lie)
            case .code(let bug):
                return PlantedBug.$current.withValue(bug) {
                    planted.isOfOne ? SeededLives.run(seed: seed) : SeededDuels.run(seed: seed)
                }
            }
        }

        @Test(arguments: all)
        func isNoticed(planted: Planted) throws {
            for seed in 0..<Self.most {
                guard let problem = Self.run(planted, seed: seed).problems.first else { continue }
                print("planted: \(planted.name): noticed by seed \(seed): \(problem)")
                return
            }
            Issue.record("\(planted.name): \(Self.most) seeds notice nothing")
        }

        @Test func allTwentyAreMadeSomewhere() {
            let made = Set(
                Self.all.compactMap { planted -> PlantedBug? in
                    guard case .code(let bug) = planted.spot else { return nil }
                    return bug
                })
            #expect(made == Set(PlantedBug.allCases))
            #expect(Self.all.count == 23)
        }
    }
#endif
