import MetricModel
import PromQL
import Testing

@Suite struct RateTests {
    /// The definition, step by step and window by window: nothing shared, nothing precomputed.
    private static func plainRate(
        _ run: SeriesRun, at end: Int64, range: Int64, isCounter: Bool, isRate: Bool
    ) -> Double? {
        let start = end - range
        let inside = run.timestamps.indices.filter { run.timestamps[$0] > start && run.timestamps[$0] <= end }
        guard let first = inside.first, let last = inside.last, inside.count > 1 else { return nil }
        var result = run.values[last] - run.values[first]
        if isCounter {
            for i in inside.dropFirst() where run.values[i] < run.values[i - 1] { result += run.values[i - 1] }
        }
        var toStart = Double(run.timestamps[first] - start) / 1_000
        var toEnd = Double(end - run.timestamps[last]) / 1_000
        let interval = Double(run.timestamps[last] - run.timestamps[first]) / 1_000
        let average = interval / Double(inside.count - 1)
        if toStart >= average * 1.1 { toStart = average / 2 }
        if isCounter {
            var toZero = toStart
            if result > 0 && run.values[first] >= 0 { toZero = interval * (run.values[first] / result) }
            if toZero < toStart { toStart = toZero }
        }
        if toEnd >= average * 1.1 { toEnd = average / 2 }
        var factor = (interval + toStart + toEnd) / interval
        if isRate { factor /= Double(range) / 1_000 }
        return result * factor
    }

    @Test(arguments: UInt64(0)..<20)
    func ratesAreBitForBitThoseOfTheDefinition(seed: UInt64) async throws {
        var random = TestRandom(seed: seed)
        var runs: [SeriesRun] = []
        var shared: [Int64] = []
        for number in 0..<6 {
            if number % 2 == 0 {  // every other series has the times of the one before
                var time: Int64 = random.below(30_000)
                shared = (0..<200).map { _ in
                    time += 1 + random.below(random.below(10) == 0 ? 200_000 : 20_000)
                    return time
                }
            }
            var value = Double(random.below(50))
            let values = shared.map { _ -> Double in
                value = random.below(25) == 0 ? Double(random.below(9)) : value + Double(random.below(1_000)) / 7
                return value
            }
            runs.append(
                SeriesRun(
                    labels: Labels([("__name__", "x_total"), ("n", "\(number)")]), timestamps: shared, values: values))
        }
        let engine = QueryEngine(runs)
        for (function, isCounter, isRate) in [("rate", true, true), ("increase", true, false), ("delta", false, false)]
        {
            let start = random.below(60_000)
            let result = try await engine.range(
                "\(function)(x_total[3m])", start: start, end: start + 3_000_000, step: 17_000)
            guard case .matrix(let found) = result.value else { return }
            for (run, found) in zip(runs, found) {
                var expected: [UInt64] = []
                for time in stride(from: start, through: start + 3_000_000, by: 17_000) {
                    let value = Self.plainRate(run, at: time, range: 180_000, isCounter: isCounter, isRate: isRate)
                    if let value { expected.append(value.bitPattern) }
                }
                #expect(found.values.map(\.bitPattern) == expected)
            }
        }
    }

    @Test func aGaugeUnderRateIsRemarkedOn() async throws {
        let engine = QueryEngine([series("x", [1, 2, 3]), series("y_total", [1, 2, 3])])
        let result = try await engine.instant("rate(x[5m]) + rate(y_total[5m])", at: 120_000)
        #expect(
            result.infos == [
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\" (1:6)"
            ])
    }

    @Test func instantRatesTakeTheLastTwo() async throws {
        let engine = QueryEngine([series("x", [1, 10, 4])])
        #expect(try await engine.vector("irate(x[5m])", at: 60_000) == ["{} 0.15"])
        #expect(try await engine.vector("irate(x[5m])", at: 120_000) == ["{} \(4.0 / 60)"])
        #expect(try await engine.vector("idelta(x[5m])", at: 120_000) == ["{} -6.0"])
    }
}

/// SplitMix64.
struct TestRandom {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
    mutating func below(_ bound: Int64) -> Int64 { Int64(next() % UInt64(bound)) }
}
