import Platform
import Testing

@testable import MetricEngine

@Suite struct SamplesPageCuttingTests {
    @Test func pagesEndWithSeries() {
        // A day of 5,760 rows: each series one page.
        #expect(SamplesPageCutting.pageEnds([5_760, 5_760, 5_760], target: 4_096) == [5_760, 11_520, 17_280])
        // Short series share pages.
        #expect(SamplesPageCutting.pageEnds([1_000, 1_000, 1_000, 1_000, 1_000, 10], target: 4_096) == [5_000, 5_010])
        #expect(SamplesPageCutting.pageEnds([], target: 4_096).isEmpty)
        #expect(SamplesPageCutting.pageEnds([1], target: 4_096) == [1])
    }

    @Test func aSeriesThatIsLongEnoughHasPagesOfItsOwn() {
        #expect(SamplesPageCutting.pageEnds([2_880, 2_880], target: 4_096, own: 2_048) == [2_880, 5_760])
        #expect(SamplesPageCutting.pageEnds([2_047, 2_047, 9], target: 4_096, own: 2_048) == [4_103])
        // One that began behind another shares its page; pieces of a longer one are no series.
        #expect(SamplesPageCutting.pageEnds([10, 2_880, 2_880], target: 4_096, own: 2_048) == [5_770])
        #expect(SamplesPageCutting.pageEnds([8_193], target: 4_096, own: 2_048) == [4_096, 8_193])
    }

    @Test func longSeriesAreSplitEvenly() {
        #expect(SamplesPageCutting.pageEnds([8_192], target: 4_096) == [8_192])
        #expect(SamplesPageCutting.pageEnds([8_193], target: 4_096) == [4_096, 8_193])
        #expect(SamplesPageCutting.pageEnds([100, 20_000], target: 4_096) == [6_766, 13_433, 20_100])
    }

    @Test func rowGroupsEndWithSeriesToo() {
        #expect(SamplesPageCutting.rowGroupEnd([400, 400, 400], most: 1_000) == 800)
        #expect(SamplesPageCutting.rowGroupEnd([400, 600, 400], most: 1_000) == 1_000)
        #expect(SamplesPageCutting.rowGroupEnd([5_000, 400], most: 1_000) == 1_000)
    }

    @Test(arguments: UInt64(0)..<50) func endsAscendAndPagesAreNeitherLongNorMany(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let lengths = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            Int.random(in: 1...(Bool.random(using: &random) ? 30 : 3_000), using: &random)
        }
        let target = Int.random(in: 1...500, using: &random)
        let ends = SamplesPageCutting.pageEnds(lengths, target: target)
        #expect(ends.last == lengths.reduce(0, +))
        for (start, end) in zip([0] + ends, ends) {
            #expect(end > start && end - start < 3 * target)
            #expect(end - start >= target || end == ends.last)
        }
    }
}
