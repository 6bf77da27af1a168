public import Simulation
import Synchronization

/// Many seeds or a sweep, on all cores, with what they counted.
public enum CrashRun {
    /// - Parameter parts: so many run at a time.
    public static func seeds(
        _ range: Range<UInt64>, parts: Int = 2, _ run: @escaping @Sendable (UInt64) -> SeedReport
    ) async -> SeedTotals {
        await withTaskGroup(of: SeedTotals.self) { group in
            for part in 0..<UInt64(max(parts, 1)) {
                group.addTask {
                    var totals = SeedTotals()
                    for seed in range where seed % UInt64(max(parts, 1)) == part && totals.failures.count < 3 {
                        totals.add(run(seed))
                    }
                    return totals
                }
            }
            return await group.reduce(into: SeedTotals()) { $0.add($1) }
        }
    }

    /// - Parameter heard: of each story when it is done.
    public static func sweep(
        _ plan: SweepPlan, _ outcomes: [CrashOutcome], heard: @escaping @Sendable (SweepReport) -> Void = { _ in }
    ) async -> [SweepReport] {
        await withTaskGroup(of: SweepReport.self) { group in
            for story in EngineStory.all { group.addTask { Sweep(story, plan).run(outcomes) } }
            group.addTask { Sweep(MetricStory(), plan).run(outcomes) }
            return await group.reduce(into: []) {
                heard($1)
                $0.append($1)
            }
        }
    }
}

public struct SeedTotals: Sendable {
    public var seeds = 0
    public var lives = 0
    public var steps = 0
    public var owed = 0
    /// Equal for equal runs, in whatever order the seeds were run.
    public var trace: UInt64 = 0
    public var failures: [SeedReport] = []

    public init() {}

    mutating func add(_ report: SeedReport) {
        seeds += 1
        lives += report.lives
        steps += report.steps
        owed += report.owed
        trace ^= (report.trace ^ report.seed) &* 0x9e37_79b9_7f4a_7c15
        if !report.problems.isEmpty { failures.append(report) }
    }

    mutating func add(_ other: SeedTotals) {
        seeds += other.seeds
        lives += other.lives
        steps += other.steps
        owed += other.owed
        trace ^= other.trace
        failures += other.failures
    }

    public func line(_ what: String) -> String {
        "\(what): \(seeds) seeds, \(lives) lives, \(steps) steps, \(owed) writes owed, trace \(String(trace, radix: 16))"
    }
}

extension SeedReport {
    /// What went wrong, and how to see it again.
    public func complaint(_ what: String) -> String {
        """
        \(what), seed \(seed): \(problems.prefix(4).joined(separator: "; "))
            again: CRASH_FIRST_SEED=\(seed) CRASH_SEEDS=1 make crash-test
            in a debug build: SWIFT_DETERMINISTIC_HASHING=1 CRASH_FIRST_SEED=\(seed) CRASH_SEEDS=1 \
        swift test --filter SeededTests
        """
    }
}
