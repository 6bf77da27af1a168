import MetricModel
import Testing

/// Values that are put together from decoded and encoded parts read as one array.
@Suite struct SampleValuesTests {
    private struct Counting: EncodedValues {
        let first: Double
        let count: Int
        func decode(_ range: Range<Int>, to out: UnsafeMutablePointer<Double>) {
            for (i, at) in range.enumerated() { (out + i).initialize(to: first + Double(at)) }
        }
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
            let new = (0..<count).map { Double(expected.count * 10 + $0) }
            switch next(3) {
            case 0: values.append(.encoded(Counting(first: Double(expected.count * 10), count: count)))
            case 1: values.append(.ready(new))
            default:
                var both = SampleValues.encoded(Counting(first: Double(expected.count * 10), count: count))
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
