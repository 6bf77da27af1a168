import MetricModel
import Testing

@testable import PromQL

@Suite struct QueryReachTests {
    private func reach(
        _ query: String, start: Int64 = 0, end: Int64 = 0, step: Int64? = nil, bound: Int? = 10
    ) -> Int? {
        QueryReach.samples(of: query, start: start, end: end, step: step, options: QueryOptions()) { _ in
            bound.map { SelectionBound(series: $0, looks: 0) }
        }
    }

    @Test func anInstantSelectorReachesOneSampleOfEachSeries() throws {
        let reached = try #require(reach("up"))
        #expect((10...12).contains(reached))
    }

    @Test func aRangeReachesItsSamplesAndItsSteps() throws {
        // A sample a second at most, for an hour and the window before it, and 61 steps, each of which looks back: a sixteenth
        // of what is in its window.
        let reached = try #require(reach("rate(up[5m])", end: 3_600_000, step: 60_000))
        #expect((50_000...52_000).contains(reached))
    }

    @Test func longWindowsAreLookedThroughAtEachStep() throws {
        #expect(try #require(reach("max_over_time(up[1d])", end: 3_600_000, step: 1_000)) > 100_000_000)
    }

    @Test func choosingSeriesCounts() {
        let reached = QueryReach.samples(of: "up", start: 0, end: 0, step: nil, options: QueryOptions()) { _ in
            SelectionBound(series: 1, looks: 1_000)
        }
        #expect(reached == 1_002)
    }

    @Test func severalSelectorsAddUp() throws {
        let one = try #require(reach("a"))
        let two = try #require(reach("a + b"))
        #expect(two >= 2 * one - 2)
    }

    @Test(arguments: [
        "max_over_time(up[1h:1s])", "1 + sum(avg_over_time(rate(up[5m])[10m:]))",
        "topk(scalar(max_over_time(up[1h:])), up)",
    ])
    func whatASubqueryReachesIsNotTold(query: String) { #expect(reach(query) == nil) }

    @Test func whatMustBeReadFirstIsNotTold() { #expect(reach("up", bound: nil) == nil) }

    @Test(arguments: ["up{", "sum(", "rate(up)", ""])
    func whatIsRefusedReachesNothing(query: String) { #expect(reach(query) == 0) }

    @Test func hugeNumbersStopAtTheLargest() {
        #expect(reach("up[100y]", bound: .max) == .max)
        #expect(reach("up + up + up", start: 0, end: 1 << 50, step: 1, bound: .max) == .max)
        #expect(reach("1", start: .min, end: .max, step: 1) ?? .max > 1 << 40)
    }

    @Test func aTextWithoutSelectorsCountsByItsLength() throws {
        let sum = repeatElement("1", count: 1_000).joined(separator: "+")
        #expect(try #require(reach(sum, end: 10_000_000, step: 1_000)) > 4_000_000)
    }
}
