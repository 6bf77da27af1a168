/// Counters whose samples say since when they count: where that began anew is a reset even if the value did not fall,
/// and a count that began inside a window came from 0.
///
/// - 0 is an unknown start; so is one at the sample's own time (OpenTelemetry's way to say it) or after it.
/// - Source: Prometheus, `promql/functions.go`: `isStartTimestampReset`, `checkStartTimeOverlap`, `extrapolatedRate`.
enum StartTimestamps {
    /// Whether the sample at `i` began to count after the one before it; false where starts are not known.
    ///
    /// - Precondition: 0 < `i` < `window.count`.
    @inline(__always)
    static func isReset(_ window: Window, at i: Int) -> Bool {
        if window.starts.isEmpty { return false }
        let (start, before) = (window.starts[i], window.timestamps[i - 1])
        guard start != 0, start < window.timestamps[i], start >= before else { return false }
        if start > before { return true }
        // From the sample before on: a delta, unless that one did not know its start either.
        let startBefore = window.starts[i - 1]
        return startBefore != 0 && startBefore < before
    }

    /// Whether a sample counts from before the one before it, and not from where that one counts.
    static func overlap(_ window: Window) -> Bool {
        window.starts.indices.dropFirst().contains { i in
            let start = window.starts[i]
            return start != 0 && start < window.timestamps[i - 1] && start != window.starts[i - 1]
        }
    }

    /// `rate` and `increase`. A single sample will do when its count began inside the window.
    ///
    /// - Parameter rangeSeconds: nil for `increase`.
    static func change(_ window: Window, rangeSeconds: Double?) -> Double {
        let (times, values) = (window.timestamps, window.values)
        let last = window.count - 1
        var increase = values[last] - values[0]
        for i in values.indices.dropFirst() where values[i] < values[i - 1] || isReset(window, at: i) {
            increase += values[i - 1]
        }
        var toStart = Double(times[0] &- window.start) / 1_000
        var toEnd = Double(window.end &- times[last]) / 1_000
        var interval = Double(times[last] &- times[0]) / 1_000
        let average = last > 0 ? interval / Double(last) : 0
        let threshold = average * 1.1
        let start = window.starts[0]
        if start != 0 && start > window.start && start < times[0] {
            // It is known where the first sample came from: 0, at its start.
            toStart = 0
            interval = Double(times[last] &- start) / 1_000
            increase += values[0]
        } else if last == 0 {
            return Absent.value
        } else {
            if toStart >= threshold { toStart = average / 2 }
            if increase > 0 && values[0] >= 0 {
                let toZero = interval * (values[0] / increase)
                if toZero < toStart { toStart = toZero }
            }
        }
        if toEnd >= threshold { toEnd = average / 2 }
        var factor = interval == 0 ? 1 : (interval + toStart + toEnd) / interval
        if let rangeSeconds { factor /= rangeSeconds }
        return increase * factor
    }
}
