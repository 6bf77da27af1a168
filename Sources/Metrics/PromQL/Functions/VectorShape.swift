import MetricModel

/// Functions that make a scalar of a vector, a vector of a scalar, or a vector of nothing.
enum VectorShape {
    /// The value of the only series; NaN when there is none or more than one.
    static func scalar(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        var values = [Double](repeating: Absent.value, count: grid.count)
        try evaluator.stream(node.arguments[0].node, grid) { (column) in
            for step in values.indices where !Absent.is(column.values[step]) {
                values[step] = Absent.is(values[step]) ? column.values[step] : .nan
            }
        }
        for step in values.indices where Absent.is(values[step]) { values[step] = .nan }
        return [SeriesColumn(labels: .empty, values: values, isComplete: true)]
    }

    static func vector(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let values = try evaluator.evaluateScalar(node.arguments[0].node, grid)
        return [SeriesColumn(labels: .empty, values: values, isComplete: true)]
    }

    /// 1 at the steps at which the vector is empty, with the labels its selector pins.
    static func absent(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        var values = [Double](repeating: 1, count: grid.count)
        try evaluator.stream(node.arguments[0].node, grid) { (column) in
            for step in values.indices where !Absent.is(column.values[step]) { values[step] = Absent.value }
        }
        var argument = node.arguments[0].node
        if case .invariant(let operand) = argument { argument = operand }
        var column = SeriesColumn(labels: .empty, values: values)
        if case .selector(let selector) = argument { column.labels = AbsentLabels.labels(of: selector.matchers) }
        return column.hasNoValue ? [] : [column]
    }
}
