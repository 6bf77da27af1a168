import MetricModel
import PromQL

/// PromQL as slowly and plainly as possible: what the columnar evaluator is compared with.
///
/// - Written after Prometheus's `promql/engine.go` and `promql/functions.go`, node by node and step by step; it shares
///   the parser's tree with the engine and nothing else.
/// - A value of a series at a step is an entry of a dictionary; labels are a dictionary; nothing is shared or kept.
struct ReferenceEvaluator {
    let runs: [SeriesRun]
    let lookback: Int64
    let defaultSubqueryStep: Int64
    /// Times of the whole query; an instant query has the same start and end, and step 0.
    let start: Int64
    let end: Int64
    let step: Int64
    let delayedNameRemoval: Bool

    typealias LabelMap = [String: String]

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// One series: values by the index of the step.
    struct Series {
        var labels: LabelMap
        var dropsName = false
        var values: [Int: Double] = [:]
    }

    /// One sample of an instant vector.
    struct Sample {
        var labels: LabelMap
        var dropsName = false
        var value: Double
    }

    static let sameLabelset = Failure("vector cannot contain metrics with the same labelset")

    var times: [Int64] { step == 0 ? [start] : Array(stride(from: start, through: end, by: Int64.Stride(step))) }

    /// The whole query: names that were to go do, at the end.
    func answer(_ expression: Expression) throws -> [Series] {
        var series = try evaluate(expression, times)
        for i in series.indices where series[i].dropsName { series[i].labels = withoutName(series[i].labels) }
        if delayedNameRemoval || step == 0 { series = try merged(series) }
        return series.filter { !$0.values.isEmpty }
    }

    // MARK: - Nodes

    func evaluate(_ expression: Expression, _ times: [Int64]) throws -> [Series] {
        if times.isEmpty { return [] }
        let invariance = invariance(of: expression)
        guard times.count > 1, invariance.isInvariant, invariance.isWrapped else { return try node(expression, times) }
        return try node(expression, [times[0]]).map { series in
            var spread = series
            for i in times.indices { spread.values[i] = series.values[0] }
            return spread
        }
    }

    private func node(_ expression: Expression, _ times: [Int64]) throws -> [Series] {
        switch expression {
        case .number(let value, _): return [constant(times) { _ in value }]
        case .string: return []
        case .parenthesized(let inner, _): return try evaluate(inner, times)
        case .vectorSelector(let selector): return select(selector, times) { $0.value }
        case .matrixSelector, .subquery: throw Failure("a range vector stands alone")
        case .unary(let unary):
            var series = try evaluate(unary.operand, times)
            guard unary.isNegation else { return series }
            for i in series.indices {
                if !delayedNameRemoval { series[i].labels = withoutName(series[i].labels) }
                series[i].dropsName = true
                series[i].values = series[i].values.mapValues { -$0 }
            }
            return delayedNameRemoval ? series : try merged(series)
        case .binary(let binary): return try self.binary(binary, times)
        case .aggregate(let aggregate): return try self.aggregate(aggregate, times)
        case .call(let call): return try self.call(call, times)
        }
    }

    func constant(_ times: [Int64], _ value: (Int64) -> Double) -> Series {
        var series = Series(labels: [:])
        for i in times.indices { series.values[i] = value(times[i]) }
        return series
    }

    func scalar(_ expression: Expression, _ times: [Int64]) throws -> [Double] {
        let series = try evaluate(expression, times)
        return times.indices.map { series.first?.values[$0] ?? .nan }
    }

    /// Prometheus's `rangeEval`: a function of whole vectors, called for each step; its samples become series by
    /// their labels, and one label set may come once per step.
    func eachStep(
        _ operands: [Expression], _ times: [Int64], _ body: ([[Sample]], Int) throws -> [Sample]
    ) throws -> [Series] {
        let matrices = try operands.map { try evaluate($0, times) }
        var results: [Series] = []
        var indexOf: [LabelMap: Int] = [:]
        for step in times.indices {
            let samples = try body(matrices.map { vector($0, at: step) }, step)
            // A single step keeps the order, and with delayed removal doubles.
            if times.count == 1 {
                if !delayedNameRemoval && Set(samples.map(\.labels)).count < samples.count { throw Self.sameLabelset }
                return samples.map { Series(labels: $0.labels, dropsName: $0.dropsName, values: [0: $0.value]) }
            }
            for sample in samples {
                if let i = indexOf[sample.labels] {
                    if results[i].values[step] != nil { throw Self.sameLabelset }
                    results[i].values[step] = sample.value
                } else {
                    indexOf[sample.labels] = results.count
                    results.append(
                        Series(labels: sample.labels, dropsName: sample.dropsName, values: [step: sample.value]))
                }
            }
        }
        return results
    }

    func vector(_ series: [Series], at step: Int) -> [Sample] {
        series.compactMap { series in
            series.values[step].map { Sample(labels: series.labels, dropsName: series.dropsName, value: $0) }
        }
    }

    /// Series with the same labels become one, unless two have a value at the same step.
    func merged(_ series: [Series]) throws -> [Series] {
        var results: [Series] = []
        var indexOf: [LabelMap: Int] = [:]
        for next in series {
            guard let i = indexOf[next.labels] else {
                indexOf[next.labels] = results.count
                results.append(next)
                continue
            }
            for (step, value) in next.values {
                if results[i].values[step] != nil { throw Self.sameLabelset }
                results[i].values[step] = value
            }
        }
        return results
    }

    // MARK: - Labels

    func withoutName(_ labels: LabelMap) -> LabelMap {
        labels.filter { !["__name__", "__type__", "__unit__"].contains($0.key) }
    }

    /// The name goes: now, or at the end of the query.
    func nameless(_ sample: Sample, _ value: Double) -> Sample {
        Sample(
            labels: delayedNameRemoval ? sample.labels : withoutName(sample.labels), dropsName: true, value: value)
    }

    // MARK: - Selectors

    func matching(_ matchers: [LabelMatcher]) -> [SeriesRun] {
        runs.filter { run in matchers.allSatisfy { $0.matches(run.labels[$0.name] ?? "") } }
    }

    func map(_ labels: Labels) -> LabelMap {
        Dictionary(uniqueKeysWithValues: labels.labels.map { ($0.name, $0.value) })
    }

    /// The newest sample in (t − lookback, t], unless it is a stale marker.
    func select(
        _ selector: VectorSelector, _ times: [Int64], _ result: ((time: Int64, value: Double)) -> Double
    ) -> [Series] {
        let offset = milliseconds(selector.offset)
        let at = pinned(selector.at)
        return matching(selector.matchers).compactMap { run in
            var series = Series(labels: map(run.labels))
            for (i, time) in times.enumerated() {
                let reference = (at ?? time) - offset
                let candidates = run.timestamps.indices.filter {
                    run.timestamps[$0] <= reference && run.timestamps[$0] > reference - lookback
                }
                guard let last = candidates.last, !StaleMarker.isStale(run.values[last]) else { continue }
                series.values[i] = result((run.timestamps[last], run.values[last]))
            }
            return series.values.isEmpty ? nil : series
        }
    }

    func pinned(_ at: AtModifier?) -> Int64? {
        switch at {
        case nil: nil
        case .time(let time): time
        case .start: start
        case .end: end
        }
    }

    func milliseconds(_ duration: DurationExpression?) -> Int64 {
        switch duration {
        case nil: 0
        case .literal(let length): length
        case .negated(let inner): -milliseconds(inner)
        case .parenthesized(let inner): milliseconds(inner)
        case .step: step
        case .range: end - start
        case .minimum(let a, let b): min(milliseconds(a), milliseconds(b))
        case .maximum(let a, let b): max(milliseconds(a), milliseconds(b))
        case .binary(.add, let a, let b): milliseconds(a) + milliseconds(b)
        case .binary(.subtract, let a, let b): milliseconds(a) - milliseconds(b)
        case .binary: 0  // the generator writes no others
        }
    }

    // MARK: - What does not depend on the step

    /// Prometheus's `preprocessExprHelper`.
    private func invariance(of expression: Expression) -> (isInvariant: Bool, isWrapped: Bool) {
        switch expression {
        case .number, .string: return (true, false)
        case .parenthesized(let inner, _): return invariance(of: inner)
        case .unary(let unary): return invariance(of: unary.operand)
        case .vectorSelector(let selector): return (selector.at != nil, selector.at != nil)
        case .matrixSelector(let matrix): return (matrix.selector.at != nil, false)
        case .subquery(let subquery): return (subquery.at != nil, false)
        case .aggregate(let aggregate): return invariance(of: aggregate.operand)
        case .binary(let binary):
            let both = invariance(of: binary.left).isInvariant && invariance(of: binary.right).isInvariant
            return (both, both)
        case .call(let call):
            let timely: Set = [
                "days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year",
                "predict_linear", "time", "timestamp",
            ]
            let all = !timely.contains(call.name) && call.arguments.allSatisfy { invariance(of: $0).isInvariant }
            return (all, all)
        }
    }
}
