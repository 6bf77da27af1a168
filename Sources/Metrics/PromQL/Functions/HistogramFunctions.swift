import Glibc
import MetricModel

/// Functions over classic histograms: series that differ in `le` only are the buckets of one.
enum HistogramFunctions {
    /// The buckets of one histogram, lowest bound first, as indices of columns.
    private struct Histogram {
        let labels: Labels
        var dropsName: Bool
        var buckets: [(bound: Double, column: Int)]
    }

    static func quantile(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let quantiles = try evaluator.evaluateScalar(node.arguments[0].node, grid)
        let columns = try evaluator.evaluate(node.arguments[1].node, grid)
        warn(evaluator, quantiles, at: node.arguments[0].position)
        let histograms = gather(evaluator, columns, at: node.arguments[1].position)
        return try evaluateQuantiles(evaluator, columns, histograms, quantiles, node.arguments[1].position, grid)
    }

    /// Several quantiles at once, told apart by a label.
    static func quantiles(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        guard node.arguments.count > 2, case .string(let label) = node.arguments[1].node else { return [] }
        let columns = try evaluator.evaluate(node.arguments[0].node, grid)
        let histograms = gather(evaluator, columns, at: node.arguments[0].position)
        var results: [SeriesColumn] = []
        for argument in node.arguments[2...] {
            let quantiles = try evaluator.evaluateScalar(argument.node, grid)
            warn(evaluator, quantiles, at: argument.position)
            let found = try evaluateQuantiles(
                evaluator, columns, histograms, quantiles, node.arguments[0].position, grid)
            for column in found {
                // Scalars may change from step to step: a column per text.
                for text in Set(quantiles.map(openMetrics)).sorted() {
                    var part = column
                    part.labels = part.labels.setting(label, to: text)
                    for step in part.values.indices where openMetrics(quantiles[step]) != text {
                        part.values[step] = Absent.value
                        part.isComplete = false
                    }
                    if !part.hasNoValue { results.append(part) }
                }
            }
        }
        return try evaluator.combined(results, grid)
    }

    /// As OpenMetrics writes numbers: `1.0`, `0.5`, `+Inf`.
    private static func openMetrics(_ value: Double) -> String {
        let text = GoText.general(value)
        return value.isFinite && !text.utf8.contains(where: { $0 == 0x2e || $0 == 0x65 }) ? text + ".0" : text
    }

    static func fraction(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let lower = try evaluator.evaluateScalar(node.arguments[0].node, grid)
        let upper = try evaluator.evaluateScalar(node.arguments[1].node, grid)
        let columns = try evaluator.evaluate(node.arguments[2].node, grid)
        let histograms = gather(evaluator, columns, at: node.arguments[2].position)
        let results = try compute(evaluator, columns, histograms, grid) { step, _, buckets in
            ClassicHistogram.fraction(from: lower[step], to: upper[step], &buckets)
        }
        return try evaluator.combined(results, grid)
    }

    /// Functions of native histograms find none.
    static func ofNative(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        _ = try evaluator.evaluate(node.arguments[0].node, grid)
        return []
    }

    private static func evaluateQuantiles(
        _ evaluator: Evaluator, _ columns: [SeriesColumn], _ histograms: [Histogram], _ quantiles: [Double],
        _ position: SourceRange, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let results = try compute(evaluator, columns, histograms, grid) { step, histogram, buckets in
            let (value, fix) = ClassicHistogram.quantile(quantiles[step], &buckets)
            if fix.wasForced {
                evaluator.annotations.infoForcedMonotonicity(
                    metric: evaluator.delaysNameRemoval ? histogram.labels.value(of: Labels.metricNameLabel) : "",
                    time: grid.time(step), fix: fix, at: position)
            }
            return value
        }
        return try evaluator.combined(results, grid)
    }

    private static func warn(_ evaluator: Evaluator, _ quantiles: [Double], at position: SourceRange) {
        for quantile in quantiles where !(quantile >= 0 && quantile <= 1) {
            evaluator.annotations.warnInvalidQuantile(quantile, at: position)
        }
    }

    private static func gather(
        _ evaluator: Evaluator, _ columns: [SeriesColumn], at position: SourceRange
    ) -> [Histogram] {
        var groups = Groups()
        var histograms: [Histogram] = []
        for (i, column) in columns.enumerated() {
            let text = column.labels.value(of: "le")
            guard let bound = bound(text) else {
                evaluator.annotations.warnBadBucketLabel(
                    text, metric: column.labels.value(of: Labels.metricNameLabel), at: position)
                continue
            }
            let labels = column.labels.dropping(["le"])
            let index = groups.index(of: labels)
            if index == histograms.count {
                histograms.append(Histogram(labels: labels, dropsName: true, buckets: []))
            }
            histograms[index].buckets.append((bound, i))
        }
        for i in histograms.indices { histograms[i].buckets.sort { $0.bound < $1.bound } }
        return histograms
    }

    /// One value per histogram and step at which it has a bucket.
    private static func compute(
        _ evaluator: Evaluator, _ columns: [SeriesColumn], _ histograms: [Histogram], _ grid: StepGrid,
        _ value: (Int, Histogram, inout [Bucket]) -> Double
    ) throws(QueryError) -> [SeriesColumn] {
        var results: [SeriesColumn] = []
        var buckets: [Bucket] = []
        for histogram in histograms {
            try evaluator.budget.check()
            try evaluator.budget.hold(grid.count)
            var values = [Double](repeating: Absent.value, count: grid.count)
            var isComplete = true
            for step in values.indices {
                buckets.removeAll(keepingCapacity: true)
                for (bound, column) in histogram.buckets {
                    let count = columns[column].values[step]
                    if !Absent.is(count) { buckets.append(Bucket(upperBound: bound, count: count)) }
                }
                if buckets.isEmpty {
                    isComplete = false
                } else {
                    values[step] = value(step, histogram, &buckets)
                }
            }
            results.append(
                SeriesColumn(labels: histogram.labels, dropsName: true, values: values, isComplete: isComplete))
        }
        return results
    }

    /// `strconv.ParseFloat`: what C takes, but the whole text and no blanks; also `+Inf`, `1e3`, `0x1p-2`.
    static func bound(_ text: String) -> Double? {
        guard let first = text.utf8.first, first > 0x20, text.utf8.count <= 64 else { return nil }
        return Double(text)
    }
}
