import MetricModel

/// Instant selectors: at each step the newest sample not older than the look-back, unless it is a stale marker.
extension Evaluator {
    /// What a selector yields of the sample it found, times in seconds.
    enum SampleField { case value, timestamp, startTimestamp }

    func streamSelector(
        _ selector: InstantSelector, _ grid: StepGrid, yielding field: SampleField = .value,
        _ body: (consuming SeriesColumn) throws(QueryError) -> Void
    ) throws(QueryError) {
        for run in runs(of: selector.slot) {
            try budget.check()
            var column = SeriesColumn(
                labels: run.labels, values: [Double](repeating: Absent.value, count: grid.count))
            let found: Int
            if selector.isSmoothed && field == .value {
                found = smooth(run, selector, grid, into: &column.values)
            } else {
                found = lookBack(run, selector, grid, field, into: &column.values)
            }
            if found == 0 { continue }
            budget.looked &+= found
            column.isComplete = found == grid.count
            try body(column)
        }
    }

    /// - Returns: how many steps found a sample in (t − lookback, t].
    private func lookBack(
        _ run: SeriesRun, _ selector: InstantSelector, _ grid: StepGrid, _ field: SampleField,
        into output: inout [Double]
    ) -> Int {
        var found = 0
        let (timestamps, values) = (run.timestamps, run.values)
        timestamps.withUnsafeBufferPointer { timestamps in
            values.withUnsafeBufferPointer { values in
                output.withUnsafeMutableBufferPointer { output in
                    precondition(timestamps.count == values.count && output.count == grid.count)
                    var next = 0
                    for step in 0..<grid.count {
                        let reference = (selector.at ?? grid.time(step)) &- selector.offset
                        while next < timestamps.count, timestamps[next] <= reference { next &+= 1 }
                        guard next > 0, timestamps[next &- 1] > reference &- lookback else { continue }
                        let value = values[next &- 1]
                        if StaleMarker.isStale(value) { continue }
                        switch field {
                        case .value: output[step] = value
                        case .timestamp: output[step] = Double(timestamps[next &- 1]) / 1_000
                        case .startTimestamp:
                            let start = run.startTimestamps.isEmpty ? 0 : run.startTimestamps[next &- 1]
                            output[step] = Double(start) / 1_000
                        }
                        found &+= 1
                    }
                }
            }
        }
        return found
    }

    /// `smoothed`: on the line between the neighbours within the look-back on either side.
    private func smooth(
        _ run: SeriesRun, _ selector: InstantSelector, _ grid: StepGrid, into output: inout [Double]
    ) -> Int {
        let samples = FloatSamples(run)
        var found = 0
        var cursor = WindowCursor()
        samples.timestamps.withUnsafeBufferPointer { timestamps in
            for step in 0..<grid.count {
                let time = (selector.at ?? grid.time(step)) &- selector.offset
                cursor.move(timestamps, start: time &- lookback, end: time &+ lookback)
                let after = timestamps[cursor.lower..<cursor.upper].firstIndex { $0 >= time } ?? cursor.upper
                if after < cursor.upper && timestamps[after] == time {
                    output[step] = samples.values[after]
                } else if after > cursor.lower && after < cursor.upper {
                    output[step] = ExtendedRange.interpolated(
                        timestamps[after - 1], samples.values[after - 1], timestamps[after], samples.values[after],
                        at: time, isCounter: false)
                } else if after > cursor.lower {
                    output[step] = samples.values[after - 1]
                } else {
                    continue
                }
                found += 1
            }
        }
        return found
    }
}

/// Parts of timestamps: of an array that several series share, the parts are shared too.
struct TimeSlices {
    private var known: [UnsafeRawPointer: [Int64]] = [:]
    private static let most = 1_024

    /// - Parameter timestamps: held by somebody for as long as this is used.
    mutating func slice(_ timestamps: [Int64], _ range: Range<Int>) -> [Int64] {
        guard let place = timestamps.withUnsafeBytes({ $0.baseAddress }) else { return [] }
        if let slice = known[place], slice.count == range.count, slice.first == timestamps[range].first { return slice }
        if known.count == Self.most { known = [:] }
        let slice = Array(timestamps[range])
        known[place] = slice
        return slice
    }
}

/// The samples of a series without its stale markers; the arrays of the run themselves when it has none.
struct FloatSamples {
    let timestamps: [Int64]
    let values: [Double]
    /// Since when each counts, 0 for unknown; empty when none says.
    let starts: [Int64]

    init(_ run: SeriesRun, withStarts: Bool = false) {
        let hasStarts = withStarts && !run.startTimestamps.isEmpty
        guard run.hasStaleMarkers else {
            timestamps = run.timestamps
            values = run.values
            starts = hasStarts ? run.startTimestamps : []
            return
        }
        let all = run.values
        let kept = all.indices.filter { !StaleMarker.isStale(all[$0]) }
        timestamps = kept.map { run.timestamps[$0] }
        values = kept.map { all[$0] }
        starts = hasStarts ? kept.map { run.startTimestamps[$0] } : []
    }

    /// Those of them whose times are in (`first`, `last`], where that leaves out a good part: then only these are decoded.
    static func of(
        _ run: SeriesRun, after first: Int64, through last: Int64, withStarts: Bool, _ slices: inout TimeSlices
    ) -> FloatSamples {
        guard run.startTimestamps.isEmpty, !run.hasStaleMarkers,
            let earliest = run.timestamps.first, let latest = run.timestamps.last, earliest <= first || latest > last
        else { return FloatSamples(run, withStarts: withStarts) }
        let inside = run.timestamps.withUnsafeBufferPointer { timestamps in
            let start = count(timestamps, through: first)
            return start..<max(start, count(timestamps, through: last))
        }
        guard inside.count <= run.timestamps.count / 4 * 3 else { return FloatSamples(run, withStarts: withStarts) }
        return FloatSamples(
            timestamps: slices.slice(run.timestamps, inside), values: run.values(in: inside), starts: [])
    }

    private init(timestamps: [Int64], values: [Double], starts: [Int64]) {
        self.timestamps = timestamps
        self.values = values
        self.starts = starts
    }

    private static func count(_ timestamps: UnsafeBufferPointer<Int64>, through last: Int64) -> Int {
        var low = 0
        var high = timestamps.count
        while low < high {
            let middle = (low + high) / 2
            if timestamps[middle] <= last { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The steps of a column that have a value.
    init(_ column: SeriesColumn, at times: [Int64]) {
        starts = []
        let present = column.isComplete ? times.count : column.values.reduce(0) { Absent.is($1) ? $0 : $0 &+ 1 }
        precondition(times.count == column.values.count)
        if present == times.count {
            timestamps = times
            values = column.values
            return
        }
        timestamps = [Int64](unsafeUninitializedCapacity: present) { kept, count in
            for step in times.indices where !Absent.is(column.values[step]) {
                kept[count] = times[step]
                count &+= 1
            }
        }
        values = [Double](unsafeUninitializedCapacity: present) { kept, count in
            for value in column.values where !Absent.is(value) {
                kept[count] = value
                count &+= 1
            }
        }
    }
}
