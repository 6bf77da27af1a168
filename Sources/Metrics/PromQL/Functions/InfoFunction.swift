import MetricModel

/// `info(v, {…})`: adds to each series the labels of the info series with the same `instance` and `job`.
///
/// The info series are a selector of the plan like any other, fetched by their name and data labels; which of them fit
/// is found here.
enum InfoFunction {
    static let defaultMetric = "target_info"
    private static let identifyingLabels = ["instance", "job"]

    static func info(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let base = try evaluator.evaluate(node.arguments[0].node, grid)
        guard node.arguments.count > 1, case .selector(let selector) = node.arguments[1].node else { return base }
        let nameMatchers = selector.matchers.filter { $0.name == Labels.metricNameLabel }
        let dataMatchers = selector.matchers.filter { $0.name != Labels.metricNameLabel }
        let matchesNothing = dataMatchers.allSatisfy(\.matchesEmpty)

        // Times instead of values: of two info series that fit, the newer counts.
        var infos: [Labels: [(name: String, column: SeriesColumn)]] = [:]
        try evaluator.streamSelector(selector, grid, yielding: .timestamp) { (column) throws(QueryError) in
            try evaluator.budget.hold(grid.count)
            let identity = column.labels.retaining(identifyingLabels)
            infos[identity, default: []].append((column.labels.value(of: Labels.metricNameLabel), column))
        }

        var outputs: [SeriesColumn] = []
        for series in base {
            try evaluator.budget.check()
            let name = series.labels.value(of: Labels.metricNameLabel)
            if !nameMatchers.isEmpty && nameMatchers.allSatisfy({ $0.matches(name) }) {
                outputs.append(series)  // an info series itself
                continue
            }
            let identity = series.labels.retaining(identifyingLabels)
            let candidates = identity.isEmpty ? [] : infos[identity] ?? []
            // Which info series fit changes with time: a column per choice.
            var parts: [[Int]: SeriesColumn] = [:]
            var order: [[Int]] = []
            for step in series.values.indices where !Absent.is(series.values[step]) {
                let chosen = try choose(candidates, step)
                if chosen.isEmpty && !matchesNothing { continue }
                if parts[chosen] == nil {
                    var part = series
                    part.labels = try enriched(
                        series.labels, chosen.map { candidates[$0].column.labels }, dataMatchers.map(\.name))
                    part.values = [Double](repeating: Absent.value, count: grid.count)
                    part.isComplete = false
                    parts[chosen] = part
                    order.append(chosen)
                }
                parts[chosen]?.values[step] = series.values[step]
            }
            outputs += order.compactMap { parts[$0] }
        }
        return try evaluator.combined(outputs, grid)
    }

    /// Of each info metric the newest series that has a sample at this step.
    private static func choose(
        _ candidates: [(name: String, column: SeriesColumn)], _ step: Int
    ) throws(QueryError) -> [Int] {
        var chosen: [Int] = []
        for i in candidates.indices {
            let time = candidates[i].column.values[step]
            if Absent.is(time) { continue }
            guard let rival = chosen.firstIndex(where: { candidates[$0].name == candidates[i].name }) else {
                chosen.append(i)
                continue
            }
            let other = candidates[chosen[rival]].column
            if other.values[step] == time {
                let stamp = Int64(time * 1_000)
                throw .execution(
                    "found duplicate series for info metric: existing \(GoText.labels(other.labels)) @ \(stamp), "
                        + "new \(GoText.labels(candidates[i].column.labels)) @ \(stamp)")
            }
            if other.values[step] < time { chosen[rival] = i }
        }
        return chosen
    }

    private static func enriched(
        _ base: Labels, _ infos: [Labels], _ wanted: [String]
    ) throws(QueryError) -> Labels {
        var added = Labels.empty
        for info in infos {
            for label in info.labels where label.name != Labels.metricNameLabel {
                if !wanted.isEmpty && !wanted.contains(where: { $0.hasSameBytes(as: label.name) }) { continue }
                if let held = added[label.name], !held.hasSameBytes(as: label.value) {
                    throw .execution("conflicting label: \(label.name)")
                }
                if base[label.name] == nil { added = added.setting(label.name, to: label.value) }
            }
        }
        return added.labels.reduce(base) { $0.setting($1.name, to: $1.value) }
    }
}
