import CrashHarness
import Simulation
import Testing

/// Stories crashed at their operations. `make crash-test` crashes all of them at every operation with three outcomes;
/// here are some points of each. `CRASH_SWEEP_STRIDE` says how many are passed over.
@Suite struct SweepTests {
    private static let plan: SweepPlan = {
        var plan = SweepPlan()
        plan.stride = setting("CRASH_SWEEP_STRIDE") ?? 23
        plan.thoroughStride = 2
        plan.deepStride = 10
        plan.depth = 3
        return plan
    }()

    private func expectNoProblems(_ report: SweepReport) {
        for problem in report.problems { Issue.record("\(problem)") }
        if setting("CRASH_PRINT") != nil { print(report.line) }
        #expect(report.points > 200, "\(report.name)")
    }

    @Test(arguments: EngineStory.all)
    func nothingAcknowledgedIsLostWhereverTheCrashIs(story: EngineStory) {
        expectNoProblems(Sweep(story, Self.plan).run([.torn]))
    }

    @Test(arguments: [CrashOutcome.none, .torn])
    func anOpeningThatNeverGetsFurtherLosesNothing(outcome: CrashOutcome) throws {
        let story = try #require(EngineStory.all.first { $0.name == "flush and merge" })
        let report = Sweep(story).runOpeningsThatNeverGetFurther(outcome)
        for problem in report.problems { Issue.record("\(problem)") }
        #expect(report.points > 20)
    }

    @Test func noSampleIsLostOrWithoutItsLabels() {
        expectNoProblems(Sweep(MetricStory(), Self.plan).run([.subset]))
    }
}
