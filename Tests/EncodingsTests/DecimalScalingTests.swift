import Encodings
import Platform
import Testing

/// Every value back, bit for bit: integers over the divisor, exceptions from the original.
private func comesBack(_ values: [Double], _ column: DecimalScaling.ScaledColumn) -> Bool {
    var restored: [Double] = []
    column.integers.withUnsafeBufferPointer { DecimalScaling.restore($0, divisor: column.divisor, into: &restored) }
    let exceptions = Set(column.exceptions)
    return restored.count == values.count
        && values.indices.allSatisfy { exceptions.contains($0) || restored[$0].bitPattern == values[$0].bitPattern }
        && column.integers.allSatisfy { $0.magnitude < 1 << 53 }
        && column.exceptions == exceptions.sorted()
}

/// The smallest scale that fits each value without cunning; nil if some value fits none.
private func slowScale(_ values: [Double]) -> Int? {
    (0...9).first { scale in
        let divisor = (0..<scale).reduce(1.0) { product, _ in product * 10 }
        return values.allSatisfy { value in
            let product = (value * divisor).rounded()
            guard product.magnitude < 0x1p53 else { return false }
            return (Double(Int64(product)) / divisor).bitPattern == value.bitPattern
        }
    }
}

@Suite struct DecimalScalingTests {
    @Test(arguments: UInt64(0)..<60) func decimalsAreExactAndTheScaleTheSmallest(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let scale = Int(seed % 10)
        let divisor = (0..<scale).reduce(1.0) { product, _ in product * 10 }
        // Beyond 2^50 the product may round to a neighbour, and the value is an exception.
        let magnitude = Int64(1) << Int64.random(in: 1...50, using: &random)
        let count = Int.random(in: 1...2_000, using: &random)
        let values = (0..<count).map { _ in Double(Int64.random(in: -magnitude...magnitude, using: &random)) / divisor }
        let usable = values.map { $0 == 0 ? 0 : $0 }
        let column = try #require(DecimalScaling.choose(usable))
        #expect(comesBack(usable, column))
        let expected = try #require(slowScale(usable))
        if expected > 0 && column.exceptions.isEmpty {
            #expect(column.divisor == (0..<expected).reduce(1.0) { product, _ in product * 10 }, "seed \(seed)")
        } else if expected == 0 {
            #expect(column.divisor <= 1)
        }
    }

    @Test func wholeNumbersShiftOutTheirZeros() throws {
        let pages = (0..<1_000).map { Double(4_096 * $0) }
        let column = try #require(DecimalScaling.choose(pages))
        #expect(column.divisor == 1 / 4_096.0 && column.integers[999] == 999 && comesBack(pages, column))
        let huge = [Double(1 << 40), 0, -Double(3 << 41)]
        let shifted = try #require(DecimalScaling.choose(huge))
        #expect(shifted.divisor == 1 / Double(1 << 20) && comesBack(huge, shifted))
        let zeros = try #require(DecimalScaling.choose([0, 0]))
        #expect(zeros.divisor == 1 && zeros.integers == [0, 0])
    }

    @Test func oddValuesAreExceptionsUpToATenth() throws {
        let stale = Double(bitPattern: 0x7ff0_0000_0000_0002)
        var values = (0..<100).map { Double($0) / 100 }
        for (row, odd) in zip([3, 17, 42, 60, 99], [stale, .infinity, -.infinity, -0.0, 1 / 3.0]) { values[row] = odd }
        let column = try #require(DecimalScaling.choose(values))
        #expect(column.exceptions == [3, 17, 42, 60, 99] && column.divisor == 100)
        #expect(comesBack(values, column))
        for row in 20..<26 { values[row] = .pi * Double(row) }
        #expect(DecimalScaling.choose(values) == nil)
        #expect(DecimalScaling.choose([stale]) == nil)
        #expect(DecimalScaling.choose([]) == nil)
        #expect(DecimalScaling.choose([Double](repeating: .nan, count: 50)) == nil)
    }

    @Test func aScaleThatTheProbesMissedIsFound() throws {
        var values = [Double](repeating: 7, count: 5_000)
        for row in 1_000..<1_400 { values[row] = Double(row) / 1_000 }
        let column = try #require(DecimalScaling.choose(values))
        #expect(column.divisor == 1_000 && column.exceptions.isEmpty && comesBack(values, column))
    }

    @Test func theLargestIntegersStayExact() throws {
        let edge = Double(1 << 53)
        let values = [edge - 1, -(edge - 1), edge - 2, 1, 4_503_599_627_370_497, 2_251_799_813_685_249]
        let column = try #require(DecimalScaling.choose(values))
        #expect(column.divisor == 1 && column.exceptions.isEmpty && comesBack(values, column))
        #expect(DecimalScaling.choose([edge, edge * 2, edge * 4]) == nil)
    }

    @Test func anyBitsComeBack() {
        var random = SeededGenerator(seed: 77)
        for _ in 0..<500 {
            var values = (0..<Int.random(in: 1...60, using: &random)).map { Double($0) / 8 }
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                values[Int.random(in: values.indices, using: &random)] = Double(bitPattern: random.next())
            }
            if let column = DecimalScaling.choose(values) {
                #expect(comesBack(values, column) && column.exceptions.count * 10 <= values.count)
            }
        }
    }
}
