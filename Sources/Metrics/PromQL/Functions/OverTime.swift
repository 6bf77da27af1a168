/// The kernels of `*_over_time`, `changes`, `resets` and the instant rates: operations and order are those of
/// Prometheus's `promql/functions.go`.
enum OverTime {
    static func sum(_ window: Window) -> Double {
        if let finite = KahanSum.finite(window.values, from: 0) { return finite.sum + finite.compensation }
        var sum = KahanSum()
        for value in window.values { sum.add(value) }
        return sum.total
    }

    /// Direct mean; from the sample on at which the sum would overflow, an incremental one.
    static func average(_ window: Window) -> Double {
        let rest = UnsafeBufferPointer(rebasing: window.values.dropFirst())
        if let finite = KahanSum.finite(rest, from: window.values[0]) {
            let count = Double(window.count)
            return finite.sum / count + finite.compensation / count
        }
        return overflowingAverage(window)
    }

    private static func overflowingAverage(_ window: Window) -> Double {
        var sum = KahanSum(window.values[0])
        var mean = KahanSum()
        var isIncremental = false
        var count = 1.0
        for i in 1..<max(window.count, 1) {
            let value = window.values[i]
            count = Double(i + 1)
            if !isIncremental {
                var next = sum
                next.add(value)
                if !next.sum.isInfinite {
                    sum = next
                    continue
                }
                isIncremental = true
                mean = KahanSum(sum.sum / (count - 1), compensation: sum.compensation / (count - 1))
            }
            let share = (count - 1) / count
            mean = KahanSum(share * mean.sum, compensation: share * mean.compensation)
            mean.add(value / count)
        }
        return isIncremental ? mean.sum + mean.compensation : sum.sum / count + sum.compensation / count
    }

    static func count(_ window: Window) -> Double { Double(window.count) }
    static func first(_ window: Window) -> Double { window.values[0] }
    static func last(_ window: Window) -> Double { window.values[window.count - 1] }
    static func present(_ window: Window) -> Double { 1 }

    static func maximum(_ window: Window) -> Double {
        extreme(window.values, worst: -.infinity) { $0 > $1 }
    }

    static func minimum(_ window: Window) -> Double {
        extreme(window.values, worst: .infinity) { $0 < $1 }
    }

    /// The value that is better than all others; NaN only when all are.
    @inline(__always)
    private static func extreme(
        _ values: UnsafeBufferPointer<Double>, worst: Double, _ isBetter: (Double, Double) -> Bool
    ) -> Double {
        // Four chains, since each step of one waits for the step before. NaN is never better.
        var (a, b, c, d) = (worst, worst, worst, worst)
        let whole = values.count & ~3
        var i = 0
        while i < whole {
            a = isBetter(values[i], a) ? values[i] : a
            b = isBetter(values[i &+ 1], b) ? values[i &+ 1] : b
            c = isBetter(values[i &+ 2], c) ? values[i &+ 2] : c
            d = isBetter(values[i &+ 3], d) ? values[i &+ 3] : d
            i &+= 4
        }
        while i < values.count {
            a = isBetter(values[i], a) ? values[i] : a
            i &+= 1
        }
        a = isBetter(b, a) ? b : a
        c = isBetter(d, c) ? d : c
        a = isBetter(c, a) ? c : a
        // All NaN or as bad as can be; or -0 and +0, of which the first counts: one by one.
        if a != worst && a != 0 { return a }
        var best = values[0]
        for value in values where isBetter(value, best) || best.isNaN { best = value }
        return best
    }

    static func timeOfFirst(_ window: Window) -> Double { Double(window.timestamps[0]) / 1_000 }
    static func timeOfLast(_ window: Window) -> Double { Double(window.timestamps[window.count - 1]) / 1_000 }

    /// Of equals the latest.
    static func timeOfMaximum(_ window: Window) -> Double {
        var at = 0
        for i in window.values.indices where window.values[i] >= window.values[at] || window.values[at].isNaN { at = i }
        return Double(window.timestamps[at]) / 1_000
    }

    static func timeOfMinimum(_ window: Window) -> Double {
        var at = 0
        for i in window.values.indices where window.values[i] <= window.values[at] || window.values[at].isNaN { at = i }
        return Double(window.timestamps[at]) / 1_000
    }

    static func variance(_ window: Window) -> Double {
        var count = 0.0
        var mean = KahanSum()
        var squares = KahanSum()
        for value in window.values {
            count += 1
            let delta = value - (mean.sum + mean.compensation)
            mean.add(delta / count)
            squares.add(delta * (value - (mean.sum + mean.compensation)))
        }
        return (squares.sum + squares.compensation) / count
    }

    static func standardDeviation(_ window: Window) -> Double { variance(window).squareRoot() }

    static func quantile(_ window: Window) -> Double {
        var values = Array(window.values)
        return Quantile.of(&values, window.first)
    }

    /// The median of the distances from the median; NaN as soon as one value is.
    static func medianDeviation(_ window: Window) -> Double {
        if window.values.contains(where: \.isNaN) { return .nan }
        var values = Array(window.values)
        let median = Quantile.of(&values, 0.5)
        var distances = window.values.map { ($0 - median).magnitude }
        return Quantile.of(&distances, 0.5)
    }

    /// Times the value fell, or began anew.
    static func resets(_ window: Window) -> Double {
        var resets = 0
        for i in window.values.indices.dropFirst()
        where window.values[i] < window.values[i - 1] || StartTimestamps.isReset(window, at: i) { resets += 1 }
        return Double(resets)
    }

    /// Times the value differed from the one before; NaN equals NaN.
    static func changes(_ window: Window) -> Double {
        let values = window.values
        var changes = 0
        for i in values.indices.dropFirst()
        where values[i] != values[i - 1] && !(values[i].isNaN && values[i - 1].isNaN) { changes += 1 }
        return Double(changes)
    }

    /// `irate`: of the last two samples; after a reset the counter began at 0.
    static func instantRate(_ window: Window) -> Double {
        guard window.count >= 2 else { return Absent.value }
        let (i, j) = (window.count - 2, window.count - 1)
        let interval = window.timestamps[j] - window.timestamps[i]
        guard interval != 0 else { return Absent.value }
        let isReset = window.values[j] < window.values[i] || StartTimestamps.isReset(window, at: j)
        let difference = isReset ? window.values[j] : window.values[j] - window.values[i]
        return difference / (Double(interval) / 1_000)
    }

    static func instantDelta(_ window: Window) -> Double {
        guard window.count >= 2 else { return Absent.value }
        return window.values[window.count - 1] - window.values[window.count - 2]
    }
}
