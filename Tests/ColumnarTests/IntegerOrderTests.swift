import Columnar
import Platform
import Simulation
import Testing

/// Orders and sets of integers against the obvious ones of the standard library.
@Suite struct IntegerOrderTests {
    /// Shapes of keys: dense, spread over many bits, negative, one only.
    private static func keys(_ shape: Int, _ count: Int, _ random: inout SeededGenerator) -> [Int64] {
        (0..<count).map { _ in
            switch shape {
            case 0: Int64.random(in: 0..<5_000, using: &random)
            case 1: Int64.random(in: 1..<9, using: &random) << 39 | Int64.random(in: 0..<2_000, using: &random)
            case 2: Int64.random(in: .min ... .max, using: &random)
            case 3: Int64.random(in: -40..<40, using: &random)
            case 4: Int64.random(in: 0..<3, using: &random) * 0x1111_1111_1111
            default: 7
            }
        }
    }

    @Test(arguments: UInt64(0)..<60)
    func rowsComeByBothIntegersAndThenByArrival(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 0..<4_000, using: &random)
        let first = Self.keys(Int(seed % 6), count, &random)
        let rises = Bool.random(using: &random)
        let second = (0..<count).map { Int64(rises ? $0 / 50 : Int.random(in: -20..<20, using: &random)) }
        var scratch = SortScratch()
        let order = first.withUnsafeBufferPointer { first in
            second.withUnsafeBufferPointer { SortOrder.byTwoIntegers(first, $0, &scratch) }
        }
        let expected = (0..<count).sorted { (first[$0], second[$0], $0) < (first[$1], second[$1], $1) }
        #expect(order.rows.map(Int.init) == expected, "seed \(seed)")
        let ends = (0..<count).filter { $0 + 1 == count || first[expected[$0]] != first[expected[$0 + 1]] }.map {
            $0 + 1
        }
        #expect(order.ends.map(Int.init) == ends, "seed \(seed)")
    }

    @Test(arguments: UInt64(0)..<12)
    func distinctIntegersAreASet(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var distinct = DistinctIntegers()
        var model: Set<Int64> = []
        for _ in 0..<8 {
            var column = Self.keys(Int(seed % 6), Int.random(in: 0..<900, using: &random), &random)
            if Bool.random(using: &random) { column.append(.min) }
            model.formUnion(column)
            column.withUnsafeBufferPointer { distinct.insert(contentsOf: $0) }
            #expect(distinct.sorted() == model.sorted(), "seed \(seed)")
        }
    }
}
