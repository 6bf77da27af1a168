/// `deriv`, `predict_linear` and `double_exponential_smoothing`.
enum Regression {
    /// Least squares: slope per second, and the line's value at `origin`. Values that are all the same give exactly
    /// that value.
    private static func line(_ window: Window, origin: Int64) -> (slope: Double, intercept: Double) {
        var n = 0.0
        var x = KahanSum()
        var y = KahanSum()
        var xy = KahanSum()
        var xx = KahanSum()
        let initial = window.values[0]
        var isConstant = true
        for i in window.values.indices {
            let value = window.values[i]
            if isConstant && i > 0 && value != initial { isConstant = false }
            n += 1
            let seconds = Double(window.timestamps[i] &- origin) / 1e3
            x.add(seconds)
            y.add(value)
            xy.add(seconds * value)
            xx.add(seconds * seconds)
        }
        if isConstant { return initial.isInfinite ? (.nan, .nan) : (0, initial) }
        let sumX = x.sum + x.compensation
        let sumY = y.sum + y.compensation
        let sumXY = xy.sum + xy.compensation
        let sumXX = xx.sum + xx.compensation
        let covariance = sumXY - sumX * sumY / n
        let variance = sumXX - sumX * sumX / n
        let slope = covariance / variance
        return (slope, sumY / n - slope * sumX / n)
    }

    static func derivative(_ window: Window) -> Double {
        guard window.count >= 2 else { return Absent.value }
        return line(window, origin: window.timestamps[0]).slope
    }

    static func prediction(_ window: Window) -> Double {
        guard window.count >= 2 else { return Absent.value }
        let (slope, intercept) = line(window, origin: window.time)
        return slope * window.first + intercept
    }

    /// Holt-Winters without seasons.
    static func smoothing(_ window: Window) throws(QueryError) -> Double {
        let (smoothing, trend) = (window.first, window.second)
        if smoothing <= 0 || smoothing >= 1 {
            let got = GoText.fixed(smoothing)
            throw .execution("invalid smoothing factor. Expected: 0 < sf < 1, got: \(got)")
        }
        if trend <= 0 || trend >= 1 {
            throw .execution("invalid trend factor. Expected: 0 < tf < 1, got: \(GoText.fixed(trend))")
        }
        guard window.count >= 2 else { return Absent.value }
        var previous = 0.0
        var current = window.values[0]
        var slope = window.values[1] - window.values[0]
        for i in 1..<window.count {
            let scaled = smoothing * window.values[i]
            if i > 1 {
                let change = trend * (current - previous)
                let kept = (1 - trend) * slope
                slope = change + kept
            }
            let carried = (1 - smoothing) * (current + slope)
            previous = current
            current = scaled + carried
        }
        return current
    }
}
