import MetricModel

/// Functions of one number and further scalars.
enum MathFunctions {
    /// To the nearest multiple, halves up.
    static func round(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let nearest =
            node.arguments.count > 1
            ? try evaluator.evaluateScalar(node.arguments[1].node, grid) : [Double](repeating: 1, count: grid.count)
        return try map(evaluator, node, grid) { value, step in
            // The inverse first, as Prometheus does: it rounds better.
            let inverse = 1.0 / nearest[step]
            return (value * inverse + 0.5).rounded(.down) / inverse
        }
    }

    static func clamp(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let minimum = try evaluator.evaluateScalar(node.arguments[1].node, grid)
        let maximum = try evaluator.evaluateScalar(node.arguments[2].node, grid)
        return try clamp(evaluator, node, grid, minimum, maximum)
    }

    static func clampMinimum(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let minimum = try evaluator.evaluateScalar(node.arguments[1].node, grid)
        return try clamp(evaluator, node, grid, minimum, [Double](repeating: .infinity, count: grid.count))
    }

    static func clampMaximum(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let maximum = try evaluator.evaluateScalar(node.arguments[1].node, grid)
        return try clamp(evaluator, node, grid, [Double](repeating: -.infinity, count: grid.count), maximum)
    }

    private static func clamp(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, _ minimum: [Double], _ maximum: [Double]
    ) throws(QueryError) -> [SeriesColumn] {
        try map(evaluator, node, grid) { value, step in
            if maximum[step] < minimum[step] { return Absent.value }
            return Go.maximum(minimum[step], Go.minimum(maximum[step], value))
        }
    }

    /// Of two scalars a third.
    static func ofScalars(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, _ combine: (Double, Double) -> Double
    ) throws(QueryError) -> [SeriesColumn] {
        let first = try evaluator.evaluateScalar(node.arguments[0].node, grid)
        let second = try evaluator.evaluateScalar(node.arguments[1].node, grid)
        return [SeriesColumn(labels: .empty, values: zip(first, second).map(combine), isComplete: true)]
    }

    /// Every sample of the first argument replaced; the name goes.
    private static func map(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, _ transform: (Double, Int) -> Double
    ) throws(QueryError) -> [SeriesColumn] {
        var columns: [SeriesColumn] = []
        try evaluator.stream(node.arguments[0].node, grid) { (column) throws(QueryError) in
            var mapped = column
            for step in mapped.values.indices where !Absent.is(mapped.values[step]) {
                mapped.values[step] = transform(mapped.values[step], step)
                if Absent.is(mapped.values[step]) { mapped.isComplete = false }
            }
            if mapped.hasNoValue { return }
            mapped.dropsName = true
            try evaluator.budget.hold(grid.count)
            columns.append(mapped)
        }
        return columns
    }
}
