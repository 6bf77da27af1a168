// Crash tests as an optimised program: `make crash-test`. Sweeps every story at every operation, then runs
// seeds; says what it counted; ends with 1 when anything was lost, changed or invented.
//
//     CRASH_FIRST_SEED, CRASH_SEEDS   which seeds; 2,000 from 0 by default
//     CRASH_SWEEP_STRIDE              each of the three outcomes at every so manieth operation, at others each; 2 by
//                                     default: each operation once or twice; 1: with all three; 0: no sweeps
//     CRASH_SWEEP_DEEP                every so manieth point is crashed in its recoveries, too; 80 by default
//     CRASH_SWEEP_DEPTH, CRASH_SWEEP_INNER   how deep, and how many in each; 5 and 1 by default
//     CRASH_SECONDS                   goes on with further seeds until so many seconds are over
import CrashHarness
import Glibc
import Simulation

// A dictionary's order is chance of its own, unless told otherwise; the runtime asks when the process starts.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
    print("cannot start again with SWIFT_DETERMINISTIC_HASHING=1: seeds will not replay")
}

let clock = ContinuousClock()
let start = clock.now
var failed = 0

/// At once, also into a pipe.
func say(_ line: String) {
    print(line)
    fflush(nil)
}

func seconds(since moment: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (clock.now - moment).components
    return Double(seconds) + Double(attoseconds) / 1e18
}

var plan = SweepPlan()
plan.stride = setting("CRASH_SWEEP_STRIDE") ?? (setting("CRASH_FIRST_SEED") == nil ? 2 : 0)
plan.deepStride = max(setting("CRASH_SWEEP_DEEP") ?? 80, 1)
plan.depth = setting("CRASH_SWEEP_DEPTH") ?? 5
plan.inner = setting("CRASH_SWEEP_INNER") ?? 1
if plan.stride > 0 {
    let outcomes = [CrashOutcome.none, .subset, .torn]
    let reports = await CrashRun.sweep(plan, outcomes) { report in
        print(report.line)
        for problem in report.problems { print("FAILED \(problem)") }
        fflush(nil)
    }
    failed += reports.reduce(0) { $0 + $1.problems.count }
    let points = reports.reduce(0) { $0 + $1.points }
    let recoveries = reports.reduce(0) { $0 + $1.recoveries.reduce(0, +) }
    say(
        "sweeps: \(reports.count) stories, \(points) crash points, \(outcomes.count) outcomes, \(recoveries) recoveries, "
            + "\(Int(seconds(since: start))) s")
}

var next = UInt64(setting("CRASH_FIRST_SEED") ?? 0)
let count = UInt64(setting("CRASH_SEEDS") ?? 2_000)
let limit = setting("CRASH_SECONDS").map(Double.init)
repeat {
    let range = next..<next + count
    next = range.upperBound
    let kinds: [(String, @Sendable (UInt64) -> SeedReport)] = [
        ("lives", { SeededLives.run(seed: $0) }), ("duels", { SeededDuels.run(seed: $0) }),
    ]
    for (what, run) in kinds {
        let begin = clock.now
        let totals = await CrashRun.seeds(range, run)
        let took = seconds(since: begin)
        say("\(totals.line(what)), \(Int(Double(totals.steps) / max(took, 0.001))) steps/s, \(Int(took)) s")
        for failure in totals.failures { say("FAILED \(failure.complaint(what))") }
        failed += totals.failures.count
    }
} while failed == 0 && limit.map { seconds(since: start) < $0 } ?? false

say(failed == 0 ? "crash tests passed: 0 lost, 0 changed, 0 invented" : "crash tests FAILED")
exit(failed == 0 ? 0 : 1)
