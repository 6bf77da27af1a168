import CrashHarness
import Simulation
import Testing

/// Lives and duels from seeds. `make crash-test` runs 2,000 of each, optimised; here are some of them, unoptimised, with
/// all checks of the language. `CRASH_SEEDS` says how many, `CRASH_FIRST_SEED` where to begin.
@Suite struct SeededTests {
    private static let first = UInt64(setting("CRASH_FIRST_SEED") ?? 10_000)
    private static let count = UInt64(setting("CRASH_SEEDS") ?? 60)

    @Test func everyLifeKeepsThePromise() async {
        let totals = await CrashRun.seeds(Self.first..<Self.first + Self.count) { SeededLives.run(seed: $0) }
        for failure in totals.failures { Issue.record("\(failure.complaint("lives"))") }
        if setting("CRASH_PRINT") != nil { print(totals.line("lives")) }
        #expect(totals.lives >= totals.seeds * 2 || !totals.failures.isEmpty)
    }

    @Test func oneWriterCountsAndTheOthersLearnOfIt() async {
        let totals = await CrashRun.seeds(Self.first..<Self.first + Self.count) { SeededDuels.run(seed: $0) }
        for failure in totals.failures { Issue.record("\(failure.complaint("duels"))") }
        if setting("CRASH_PRINT") != nil { print(totals.line("duels")) }
        #expect(totals.lives >= totals.seeds * 3 || !totals.failures.isEmpty)
    }

    /// Sets and dictionaries have an order of their own in each process unless this is set, as `make` does.
    @Test(.enabled(if: setting("SWIFT_DETERMINISTIC_HASHING") == 1))
    func theSameSeedIsTheSameRun() {
        for seed in UInt64(500)..<508 {
            for run in [{ SeededLives.run(seed: $0) }, { SeededDuels.run(seed: $0) }] as [(UInt64) -> SeedReport] {
                let (first, second) = (run(seed), run(seed))
                #expect(first.trace == second.trace, "seed \(seed)")
                #expect(first.steps == second.steps && first.owed == second.owed, "seed \(seed)")
                #expect(first.problems == second.problems)
            }
        }
    }
}
