import MetricModel

/// Functions about time: `time`, `timestamp` and the parts of a date, all in UTC.
enum TimeFunctions {
    static func time(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let values = (0..<grid.count).map { Double(grid.time($0)) / 1_000 }
        return [SeriesColumn(labels: .empty, values: values, isComplete: true)]
    }

    /// Of a selector the time of the sample found; of anything else the evaluation time.
    static func timestamp(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        var columns: [SeriesColumn] = []
        func keep(_ column: consuming SeriesColumn) throws(QueryError) {
            column.dropsName = true
            try evaluator.budget.hold(grid.count)
            columns.append(column)
        }
        var argument = node.arguments[0].node
        if case .invariant(let operand) = argument { argument = operand }
        if case .selector(let selector) = argument {
            try evaluator.streamSelector(selector, grid, yielding: .timestamp, keep)
            return columns
        }
        try evaluator.stream(node.arguments[0].node, grid) { (column) throws(QueryError) in
            var stamped = column
            for step in stamped.values.indices where !Absent.is(stamped.values[step]) {
                stamped.values[step] = Double(grid.time(step)) / 1_000
            }
            try keep(stamped)
        }
        return columns
    }

    /// Since when the sample that a selector found counts, 0 for unknown; nothing of anything else, and nothing where
    /// start timestamps are not in use.
    static func startTimestamp(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        var argument = node.arguments[0].node
        if case .invariant(let operand) = argument { argument = operand }
        guard evaluator.usesStartTimestamps, case .selector(let selector) = argument else {
            _ = try evaluator.evaluate(node.arguments[0].node, grid)
            return []
        }
        var columns: [SeriesColumn] = []
        try evaluator.streamSelector(selector, grid, yielding: .startTimestamp) { (column) throws(QueryError) in
            var started = column
            started.dropsName = true
            try evaluator.budget.hold(grid.count)
            columns.append(started)
        }
        return columns
    }

    /// A part of the date that each value, in seconds, names; without an argument of the evaluation time.
    static func date(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, _ part: (CivilTime) -> Int64
    ) throws(QueryError) -> [SeriesColumn] {
        func value(_ seconds: Int64) -> Double { Double(part(CivilTime(secondsSinceEpoch: seconds))) }
        guard let argument = node.arguments.first else {
            let values = (0..<grid.count).map { value(grid.time($0) / 1_000) }
            return [SeriesColumn(labels: .empty, values: values, isComplete: true)]
        }
        var columns: [SeriesColumn] = []
        try evaluator.stream(argument.node, grid) { (column) throws(QueryError) in
            var dated = column.mapping { value(Go.integer($0)) }
            dated.dropsName = true
            try evaluator.budget.hold(grid.count)
            columns.append(dated)
        }
        return columns
    }
}
