import MetricModel
import Testing

/// Values that are put together from decoded and encoded parts read as one array.
@Suite struct SampleValuesTests {
    private final class Counting: EncodedValues {
        private let first: Double
        init(first: Double) { self.first = first }
        func decode(_ range: Range<Int>, divisor: Double, to out: UnsafeMutablePointer<Double>) {
            for (i, at) in range.enumerated() { (out + i).initialize(to: first + Double(at) / divisor) }
        }
    }

    /// Values from `first` on, a half apart, as rows of something longer.
    private static func encoded(_ first: Double, _ count: Int) -> SampleValues {
        .encoded(Counting(first: first - 8), 16..<16 + count, divisor: 2)
    }

    @Test(arguments: 0..<50) func partsJoinInTheirOrder(seed: Int) {
        var values = SampleValues.none
        var expected: [Double] = []
        var state = UInt64(seed) &* 6_364_136_223_846_793_005 &+ 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<next(7) {
            let count = next(5)
            let new = (0..<count).map { Double(expected.count * 10) + Double($0) / 2 }
            switch next(3) {
            case 0: values.append(Self.encoded(Double(expected.count * 10), count))
            case 1: values.append(.ready(new))
            default:
                var both = Self.encoded(Double(expected.count * 10), count)
                both.append(.ready([7]))
                values.append(both)
                expected += new + [7]
                continue
            }
            expected += new
        }
        #expect(values.count == expected.count && values.decoded == expected)
        for low in 0...expected.count {
            for high in low...expected.count { #expect(values.decoded(low..<high) == Array(expected[low..<high])) }
        }
    }
}
