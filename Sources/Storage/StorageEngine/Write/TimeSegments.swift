public import Columnar

/// Which window of time a row falls into: aligned to the epoch, half-open, none crossing another.
public enum TimeSegments {
    /// The one segment of a table without time windows.
    public static let allTime: TimeRange = Int64.min..<Int64.max

    /// The segment of `time`; nil when it would pass the ends of Int64.
    public static func segment(of time: Int64, length: Int64?) -> TimeRange? {
        guard let length else { return allTime }
        var start = time / length
        if time < 0, time % length != 0 { start -= 1 }
        let (lower, underflow) = start.multipliedReportingOverflow(by: length)
        let (upper, overflow) = lower.addingReportingOverflow(length)
        guard !underflow, !overflow else { return nil }
        return lower..<upper
    }

    /// Stretches of rows of one segment each, in row order; nil when a time has no segment.
    static func split(_ times: [Int64], length: Int64?) -> [(segment: TimeRange, rows: Range<Int>)]? {
        var found: [(segment: TimeRange, rows: Range<Int>)] = []
        var start = 0
        while start < times.count {
            guard let segment = segment(of: times[start], length: length) else { return nil }
            var end = start + 1
            while end < times.count, segment.contains(times[end]) { end += 1 }
            found.append((segment, start..<end))
            start = end
        }
        return found
    }
}
