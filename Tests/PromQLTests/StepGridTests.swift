import Testing

@testable import PromQL

@Suite struct StepGridTests {
    @Test(arguments: [(0, 0), (100, 0), (101, 1), (110, 1), (111, 2), (150, 5), (151, 6), (160, 6), (1_000, 6)])
    func theFirstStepAtATimeOrLater(time: Int64, step: Int) {
        // 100, 110, … 150.
        #expect(StepGrid(start: 100, end: 159, step: 10).firstStep(notBefore: time) == step)
    }

    @Test func farAwayIsBeyondTheEnd() {
        let grid = StepGrid(start: -QueryTime.bound, end: -QueryTime.bound + 10, step: 1)
        #expect(grid.firstStep(notBefore: .max) == grid.count && grid.firstStep(notBefore: .min) == 0)
        #expect(StepGrid(start: 5, end: 4, step: 1).firstStep(notBefore: 9) == 0)
    }
}
