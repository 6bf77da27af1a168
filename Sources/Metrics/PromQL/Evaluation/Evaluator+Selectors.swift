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
        run.timestamps.withUnsafeBufferPointer { timestamps in
            run.values.withUnsafeBufferPointer { values in
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
        let kept = run.values.indices.filter { !StaleMarker.isStale(run.values[$0]) }
        timestamps = kept.map { run.timestamps[$0] }
        values = kept.map { run.values[$0] }
        starts = hasStarts ? kept.map { run.startTimestamps[$0] } : []
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
