import Platform
import Testing

@testable import StorageEngine

/// Rows of a chunk chosen by key: stretches of its order against a look at every row.
@Suite struct KeyStretchesTests {
    @Test(arguments: UInt64(0)..<40)
    func stretchesChooseTheRowsOfTheWantedKeys(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        // From no row to many, from one key to nearly one a row.
        let rows = Int.random(in: 0...400, using: &random)
        let distinct = Int.random(in: 1...max(rows, 1), using: &random)
        let keys = (0..<rows).map { _ in Int64(Int.random(in: 0..<distinct, using: &random)) * 7 - 100 }
        let order = (0..<UInt32(rows)).sorted { (keys[Int($0)], $0) < (keys[Int($1)], $1) }
        let stretches = keys.withUnsafeBufferPointer { KeyStretches(order, $0) }
        #expect(stretches.rows == rows)
        for share in [1, 2, 10, 100] {
            let wanted = (Int64(-130)..<Int64(distinct) * 7).filter { _ in
                Int.random(in: 0..<share, using: &random) == 0
            }
            guard let found = stretches.select(wanted, from: order) else {
                #expect(rows == 0 || Set(keys).count * 4 > rows, "seed \(seed): it should know")
                continue
            }
            let chosen = Set(wanted)
            #expect(found == order.filter { chosen.contains(keys[Int($0)]) }, "seed \(seed), one of \(share)")
        }
    }

    @Test(arguments: UInt64(0)..<40)
    func gallopingFindsTheFirstThatIsNotBelow(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let values = (0..<Int.random(in: 0...200, using: &random)).map { _ in
            Int64.random(in: -500...500, using: &random)
        }.sorted()
        for _ in 0..<100 {
            let start = Int.random(in: 0...values.count, using: &random)
            let value = Int64.random(in: -600...600, using: &random)
            let expected = (start..<values.count).first { values[$0] >= value } ?? values.count
            #expect(values.firstIndex(notBelow: value, galloping: start) == expected, "seed \(seed)")
        }
    }
}
