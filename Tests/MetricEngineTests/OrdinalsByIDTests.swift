import MetricModel
import Platform
import Testing

@testable import MetricEngine

/// Ids and their ordinals against a dictionary: numbers in a row, far apart, and shared by ids of several metrics.
@Suite struct OrdinalsByIDTests {
    @Test(arguments: UInt64(0)..<30) func anIdHasTheOrdinalThatItWasGiven(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = OrdinalsByID()
        var ids = AppendColumn<Int64>()
        var model: [Int64: UInt32] = [:]
        var next: Int64 = 1
        for _ in 0..<3_000 {
            let number: Int64
            switch Int.random(in: 0..<10, using: &random) {
            case 0: number = Int64.random(in: 0...SeriesID.maximumSeries, using: &random)
            case 1: number = Int64.random(in: 0...200, using: &random)
            default: number = next
            }
            next = number < 1 << 21 ? max(next, number) + Int64.random(in: 1...2, using: &random) : next
            let id = SeriesID(metric: Int64.random(in: 0...3, using: &random), series: number).rawValue
            guard model[id] == nil else { continue }
            let ordinal = UInt32(ids.count)
            ids.append(id)
            table.insert(id, ordinal)
            model[id] = ordinal
        }
        for (id, ordinal) in model { #expect(table.ordinal(of: id, ids.view) == ordinal) }
        for _ in 0..<500 {
            let id = Int64.random(in: 0...Int64.max, using: &random)
            #expect(table.ordinal(of: id, ids.view) == model[id])
        }
        #expect(table.memory < 64 << 20)
    }
}
