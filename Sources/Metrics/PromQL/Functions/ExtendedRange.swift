/// Ranges with `anchored` or `smoothed`: the values at the window's edges are those of the neighbours outside, or lie
/// on the line between the neighbours.
///
/// The window handed in reaches a look-back further to the left (`smoothed`: also to the right) than its bounds.
enum ExtendedRange {
    static func interpolated(
        _ t1: Int64, _ v1: Double, _ t2: Int64, _ v2: Double, at time: Int64, isCounter: Bool
    ) -> Double {
        let from = isCounter && v2 < v1 ? 0 : v1
        return from + (v2 - from) * Double(time &- t1) / Double(t2 &- t1)
    }

    /// The last sample at or before the start, or the first of all; nil when none is inside.
    static func firstIndex(_ window: Window) -> Int? {
        guard window.timestamps[window.count - 1] > window.start else { return nil }
        let last = window.count - 1
        let after = window.timestamps[..<last].firstIndex { $0 > window.start } ?? last
        return max(0, after - 1)
    }

    static func change(_ window: Window, isSmoothed: Bool, isCounter: Bool, rangeSeconds: Double?) -> Double {
        let (times, values) = (window.timestamps, window.values)
        var last = window.count - 1
        var first = max(0, (times[..<last].firstIndex { $0 > window.start } ?? last) - 1)
        if isSmoothed { last = times[..<last].firstIndex { $0 >= window.end } ?? last }
        if times[last] <= window.start || (isSmoothed && times[first] > window.end) { return Absent.value }

        let left = leftEdge(window, first, isSmoothed: isSmoothed, isCounter: isCounter)
        let right = rightEdge(window, last, isSmoothed: isSmoothed, isCounter: isCounter)
        var change = right - left
        if isCounter {
            if times[first] <= window.start { first += 1 }
            if times[last] >= window.end { last -= 1 }
            change += correction(left, right, first <= last ? values[first...last] : values[0..<0])
        }
        if let rangeSeconds { change /= rangeSeconds }
        return change
    }

    /// The samples of a range vector with values at both of its edges.
    static func edged(_ window: Window, isSmoothed: Bool) -> [(time: Int64, value: Double)] {
        let (times, values) = (window.timestamps, window.values)
        var last = window.count - 1
        var first = max(0, (times[..<last].firstIndex { $0 > window.start } ?? last) - 1)
        if isSmoothed { last = times[..<last].firstIndex { $0 >= window.end } ?? last }
        if times[last] <= window.start || (isSmoothed && times[first] > window.end) { return [] }
        let left = leftEdge(window, first, isSmoothed: isSmoothed, isCounter: false)
        let right = rightEdge(window, last, isSmoothed: isSmoothed, isCounter: false)
        if times[first] <= window.start { first += 1 }
        if times[last] >= window.end { last -= 1 }
        let between = first <= last ? (first...last).map { (times[$0], values[$0]) } : []
        return [(window.start, left)] + between + [(window.end, right)]
    }

    private static func leftEdge(_ window: Window, _ first: Int, isSmoothed: Bool, isCounter: Bool) -> Double {
        let (times, values) = (window.timestamps, window.values)
        guard isSmoothed, times[first] < window.start, first + 1 < window.count else { return values[first] }
        return interpolated(
            times[first], values[first], times[first + 1], values[first + 1], at: window.start, isCounter: isCounter)
    }

    private static func rightEdge(_ window: Window, _ last: Int, isSmoothed: Bool, isCounter: Bool) -> Double {
        let (times, values) = (window.timestamps, window.values)
        guard isSmoothed, last > 0, times[last] > window.end else { return values[last] }
        return interpolated(
            times[last - 1], values[last - 1], times[last], values[last], at: window.end, isCounter: isCounter)
    }

    /// What a counter lost at its resets between the edges.
    private static func correction(
        _ left: Double, _ right: Double, _ between: Slice<UnsafeBufferPointer<Double>>
    ) -> Double {
        var correction = 0.0
        var previous = left
        for value in between {
            if value < previous { correction += previous }
            previous = value
        }
        if right < previous { correction += previous }
        return correction
    }

    /// `changes` and `resets` count from the anchor on.
    static func anchored(_ window: Window, _ count: (Window) -> Double) -> Double {
        guard let first = firstIndex(window) else { return Absent.value }
        return count(
            Window(
                timestamps: UnsafeBufferPointer(rebasing: window.timestamps[first...]),
                values: UnsafeBufferPointer(rebasing: window.values[first...]), start: window.start, end: window.end,
                time: window.time, first: window.first, second: window.second,
                starts: window.starts.isEmpty
                    ? window.starts : UnsafeBufferPointer(rebasing: window.starts[first...])))
    }
}
