import MetricModel
import Testing

@Suite struct SelectionBoundTests {
    @Test func patternsMakeChoosingDear() throws {
        let equal = LabelMatcher("a", equals: "b")
        let listed = try LabelMatcher("a", .matches, "b|c")
        let pattern = try LabelMatcher("a", .notMatches, "b.*")
        #expect(SelectionBound(candidates: 10, matchers: [equal, listed]) == SelectionBound(series: 10, looks: 10))
        #expect(
            SelectionBound(candidates: 10, series: 3, matchers: [pattern])
                == SelectionBound(series: 3, looks: 10 * (1 + SelectionBound.patternCost)))
        #expect(SelectionBound(candidates: .max, matchers: [pattern]).looks == .max)
    }

    @Test func sumsStopAtTheLargestNumber() {
        let some = SelectionBound(series: 2, looks: .max)
        #expect(some + some == SelectionBound(series: 4, looks: .max))
    }
}
