import MetricModel

/// Range functions: two cursors slide once over a series for all steps.
extension Evaluator {
    /// One series of a range vector before windows are cut from it.
    private struct Source {
        let labels: Labels
        let dropsName: Bool
        let samples: FloatSamples
    }

    /// The windows of rates, for series that were sampled together: whoever read them may have kept their timestamps once,
    /// which are then told by their place alone. Held only until the last series that has them.
    private struct SharedRates {
        private struct Entry {
            let timestamps: [Int64]
            let grid: RateGrid
        }
        private var last: Entry?
        private var byPlace: [UnsafeRawPointer: Entry] = [:]
        /// How many series to come have the timestamps at a place.
        private var uses: [UnsafeRawPointer: Int] = [:]
        /// Steps that are remembered: some 40 bytes each.
        private static let most = 1 << 16

        init(_ runs: [SeriesRun]) {
            guard runs.count > 1 else { return }
            for run in runs { if let place = Self.place(of: run.timestamps) { uses[place, default: 0] += 1 } }
        }

        private static func place(of timestamps: [Int64]) -> UnsafeRawPointer? {
            timestamps.withUnsafeBytes { $0.baseAddress }
        }

        mutating func grid(
            _ timestamps: [Int64], _ grid: StepGrid, _ argument: RangeArgument, isRate: Bool
        ) -> RateGrid {
            // An array that is held cannot have its place taken by another.
            let place = Self.place(of: timestamps)
            var isWantedAgain = false
            if let place, let count = uses[place] {
                isWantedAgain = count > 1
                uses[place] = count - 1
            }
            if let last, RateGrid.areSame(last.timestamps, timestamps) {
                if let place, !isWantedAgain { byPlace[place] = nil }
                return last.grid
            }
            if let place, let known = byPlace[place], known.timestamps.count == timestamps.count {
                last = known
                if !isWantedAgain { byPlace[place] = nil }
                return known.grid
            }
            last = nil
            let entry = Entry(
                timestamps: timestamps,
                grid: RateGrid(timestamps: timestamps, grid: grid, argument: argument, isRate: isRate))
            last = entry
            if let place, isWantedAgain, (byPlace.count + 1) * grid.count <= Self.most { byPlace[place] = entry }
            return entry.grid
        }
    }

    func streamRange(
        _ node: RangeFunctionNode, _ grid: StepGrid, _ body: (consuming SeriesColumn) throws(QueryError) -> Void
    ) throws(QueryError) {
        let before = budget.held
        defer { budget.held = before }
        var scalars: [[Double]] = []
        for scalar in node.scalars { scalars.append(try evaluateScalar(scalar, grid)) }
        var shared = SharedRates(runs(of: node.range))
        var remark = QuantileRemark(node: node, scalars: scalars)
        // Most series of a selector have one name: looked at once.
        var haveOneName = false
        if case .selector = node.range.source { haveOneName = hasOneName(node.range) }
        var nameLookedAt: String?

        try forEachSource(of: node.range, grid) { (source) throws(QueryError) in
            try budget.check()
            let column = try column(of: source, node, scalars, grid, &shared)
            if column.hasNoValue { return }
            remark.note(column, &annotations)
            if node.function.expectsCounter, nameLookedAt == nil || !haveOneName,
                let name = source.labels.metricName, nameLookedAt?.hasSameBytes(as: name) != true
            {
                nameLookedAt = name
                if !Self.isCounterName(name) {
                    annotations.infoPossibleNonCounter(metric: name, at: node.positions[0])
                }
            }
            try body(column)
        }
    }

    /// The function's values at all steps for one series.
    private func column(
        of source: Source, _ node: RangeFunctionNode, _ scalars: [[Double]], _ grid: StepGrid,
        _ shared: inout SharedRates
    ) throws(QueryError) -> SeriesColumn {
        var column = SeriesColumn(
            labels: source.labels, dropsName: source.dropsName || !node.function.keepsName,
            values: [Double](repeating: Absent.value, count: grid.count))
        switch node.function.kernel {
        case .extrapolated(isCounter: true, let isRate)
        where node.range.extrapolation == nil && !source.samples.starts.isEmpty:
            let seconds = isRate ? Go.seconds(milliseconds: node.range.range) : nil
            var overlaps = false
            try slide(source.samples, node, scalars, grid, into: &column) { window in
                overlaps = overlaps || StartTimestamps.overlap(window)
                return StartTimestamps.change(window, rangeSeconds: seconds)
            }
            if overlaps {
                annotations.warnStartTimeOverlap(metric: source.labels.metricName ?? "", at: node.positions[0])
            }
        case .extrapolated(let isCounter, let isRate) where node.range.extrapolation == nil:
            let rates = shared.grid(source.samples.timestamps, grid, node.range, isRate: isRate)
            budget.looked &+= rates.samples
            column.isComplete = try rates.apply(
                to: source.samples.values, isCounter: isCounter, into: &column.values, &budget)
        case .extrapolated(let isCounter, let isRate):
            let isSmoothed = node.range.extrapolation == .smoothed
            let seconds = isRate ? Go.seconds(milliseconds: node.range.range) : nil
            try slide(source.samples, node, scalars, grid, into: &column) { window in
                ExtendedRange.change(window, isSmoothed: isSmoothed, isCounter: isCounter, rangeSeconds: seconds)
            }
        case .window where node.range.extrapolation == .anchored:
            let count = node.function.anchoredCount
            try slide(source.samples, node, scalars, grid, into: &column) { window in
                count.map { ExtendedRange.anchored(window, $0) } ?? Absent.value
            }
        case .window(let kernel):
            try slide(source.samples, node, scalars, grid, into: &column, kernel)
        }
        return column
    }

    private static func isCounterName(_ name: String) -> Bool {
        ["_total", "_sum", "_count", "_bucket"].contains { name.utf8.reversed().starts(with: $0.utf8.reversed()) }
    }

    /// Calls the kernel for each step whose window holds a sample.
    private func slide(
        _ samples: FloatSamples, _ node: RangeFunctionNode, _ scalars: [[Double]], _ grid: StepGrid,
        into column: inout SeriesColumn, _ kernel: (Window) throws(QueryError) -> Double
    ) throws(QueryError) {
        let argument = node.range
        let reachLeft = argument.extrapolation == nil ? 0 : lookback
        let reachRight = argument.extrapolation == .smoothed ? lookback : 0
        var cursor = WindowCursor()
        var isComplete = true
        try samples.timestamps.withUnsafeBufferPointer { (timestamps) throws(QueryError) in
            try samples.values.withUnsafeBufferPointer { (values) throws(QueryError) in
                try samples.starts.withUnsafeBufferPointer { (starts) throws(QueryError) in
                    precondition(timestamps.count == values.count && (starts.isEmpty || starts.count == values.count))
                    for step in 0..<grid.count {
                        let time = grid.time(step)
                        let end = argument.windowEnd(at: time)
                        let start = end &- argument.range
                        cursor.move(timestamps, start: start &- reachLeft, end: end &+ reachRight)
                        guard cursor.upper > cursor.lower else {
                            isComplete = false
                            continue
                        }
                        let inside = cursor.lower..<cursor.upper
                        budget.looked &+= inside.count
                        try budget.spend(inside.count)
                        let window = Window(
                            timestamps: UnsafeBufferPointer(rebasing: timestamps[inside]),
                            values: UnsafeBufferPointer(rebasing: values[inside]), start: start, end: end, time: time,
                            first: scalars.isEmpty ? 0 : scalars[0][step],
                            second: scalars.count < 2 ? 0 : scalars[1][step],
                            starts: starts.isEmpty ? starts : UnsafeBufferPointer(rebasing: starts[inside]))
                        let value = try kernel(window)
                        column.values[step] = value
                        if Absent.is(value) { isComplete = false }
                    }
                }
            }
        }
        column.isComplete = isComplete
    }

    private func runs(of argument: RangeArgument) -> [SeriesRun] {
        guard case .selector(let slot) = argument.source else { return [] }
        return runs(of: slot)
    }

    private func forEachSource(
        of argument: RangeArgument, _ grid: StepGrid, _ body: (Source) throws(QueryError) -> Void
    ) throws(QueryError) {
        switch argument.source {
        case .selector(let slot):
            // Of several evaluators that share the steps each decodes what it looks at.
            let reach = argument.extrapolation == nil ? 0 : lookback
            let first = argument.windowEnd(at: grid.start) &- argument.range &- reach
            let last = argument.windowEnd(at: grid.last) &+ reach
            var slices = TimeSlices()
            for run in runs(of: slot) {
                let samples = FloatSamples.of(
                    run, after: first, through: last, withStarts: usesStartTimestamps, &slices)
                try body(Source(labels: run.labels, dropsName: false, samples: samples))
            }
        case .subquery(let inner, let step):
            let innerGrid = Self.subqueryGrid(argument, step: step, grid)
            try budget.hold(innerGrid.count)
            let columns = try evaluate(inner, innerGrid)
            let times = (0..<innerGrid.count).map(innerGrid.time)
            for column in columns {
                try body(
                    Source(
                        labels: column.labels, dropsName: column.dropsName,
                        samples: FloatSamples(column, at: times)))
            }
        }
    }

    /// The steps of a subquery are multiples of its step: the first after the start of the first window.
    static func subqueryGrid(_ argument: RangeArgument, step: Int64, _ grid: StepGrid) -> StepGrid {
        let before = argument.windowEnd(at: grid.start) - argument.range
        let end = argument.windowEnd(at: grid.last)
        var start = step * (before / step)
        if start <= before { start += step }
        return StepGrid(start: start, end: end, step: step)
    }

    /// The raw samples of a range vector: what an instant query of one answers.
    func rawSamples(of argument: RangeArgument, at time: Int64) throws(QueryError) -> [ResultSeries] {
        let end = argument.windowEnd(at: time)
        let start = end &- argument.range
        let reachLeft = argument.extrapolation == nil ? 0 : lookback
        let reachRight = argument.extrapolation == .smoothed ? lookback : 0
        var series: [ResultSeries] = []
        try forEachSource(of: argument, StepGrid(instant: time)) { (source) throws(QueryError) in
            try budget.check()
            var cursor = WindowCursor()
            source.samples.timestamps.withUnsafeBufferPointer {
                cursor.move($0, start: start &- reachLeft, end: end &+ reachRight)
            }
            guard cursor.upper > cursor.lower else { return }
            let inside = cursor.lower..<cursor.upper
            budget.looked &+= inside.count
            let labels = source.dropsName ? source.labels.withoutMetadata : source.labels
            var timestamps = Array(source.samples.timestamps[inside])
            var values = Array(source.samples.values[inside])
            if let extrapolation = argument.extrapolation {
                let edged = timestamps.withUnsafeBufferPointer { timestamps in
                    values.withUnsafeBufferPointer { values in
                        ExtendedRange.edged(
                            Window(
                                timestamps: timestamps, values: values, start: start, end: end, time: time, first: 0,
                                second: 0), isSmoothed: extrapolation == .smoothed)
                    }
                }
                timestamps = edged.map(\.time)
                values = edged.map(\.value)
            }
            if timestamps.isEmpty { return }
            series.append(ResultSeries(labels: labels, timestamps: timestamps, values: values))
        }
        // Names that went may leave two series with the same labels.
        if Set(series.map(\.labels)).count < series.count { return try Self.joined(series) }
        return series.sorted { $0.labels < $1.labels }
    }

    private static func joined(_ series: [ResultSeries]) throws(QueryError) -> [ResultSeries] {
        var joined: [ResultSeries] = []
        for next in series.sorted(by: { $0.labels < $1.labels }) {
            guard let last = joined.last, last.labels == next.labels else {
                joined.append(next)
                continue
            }
            let samples = (Array(zip(last.timestamps, last.values)) + Array(zip(next.timestamps, next.values)))
                .sorted { $0.0 < $1.0 }
            for i in samples.indices.dropFirst() where samples[i].0 == samples[i - 1].0 {
                throw .execution("vector cannot contain metrics with the same labelset")
            }
            joined[joined.count - 1].timestamps = samples.map(\.0)
            joined[joined.count - 1].values = samples.map(\.1)
        }
        return joined
    }

    /// 1 at the steps at which no series has a sample in its window.
    func absentOverTime(_ node: RangeFunctionNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        var values = [Double](repeating: 1, count: grid.count)
        try streamRange(node, grid) { (column) in
            for step in values.indices where !Absent.is(column.values[step]) { values[step] = Absent.value }
        }
        let column = SeriesColumn(
            labels: AbsentLabels.labels(of: node.range.matchers), dropsName: true, values: values)
        return column.hasNoValue ? [] : [column]
    }
}

/// Warns of quantiles outside 0 … 1, for steps that had something to compute.
private struct QuantileRemark {
    private let suspects: [(step: Int, quantile: Double)]
    private let position: SourceRange

    init(node: RangeFunctionNode, scalars: [[Double]]) {
        position = node.positions[0]
        guard node.function.takesQuantile, let quantiles = scalars.first else {
            suspects = []
            return
        }
        suspects = quantiles.enumerated().compactMap { step, quantile in
            quantile >= 0 && quantile <= 1 ? nil : (step, quantile)
        }
    }

    mutating func note(_ column: SeriesColumn, _ annotations: inout Annotations) {
        for (step, quantile) in suspects where !Absent.is(column.values[step]) {
            annotations.warnInvalidQuantile(quantile, at: position)
        }
    }
}

/// The labels of `absent(…)`: those its selector pins to one value.
enum AbsentLabels {
    static func labels(of matchers: [LabelMatcher]) -> Labels {
        var labels = Labels.empty
        var seen: Set<String> = []
        for matcher in matchers where matcher.name != Labels.metricNameLabel {
            // A second matcher for a name removes it again, whatever it says: Prometheus's long-standing behaviour.
            if matcher.operation == .equal && seen.insert(matcher.name).inserted {
                labels = labels.setting(matcher.name, to: matcher.value)
            } else {
                labels = labels.setting(matcher.name, to: "")
            }
        }
        return labels
    }
}
