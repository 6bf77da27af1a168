import MetricModel
import PromQL

/// Range functions: for each series and step the samples of the window, in a fresh array, handed to a plain formula.
extension ReferenceEvaluator {
    typealias Samples = [(time: Int64, value: Double)]

    /// A window (start, end] of one series.
    struct Window {
        let samples: Samples
        let start: Int64
        let end: Int64
        /// The evaluation time.
        let time: Int64
        let scalars: [Double]
        var values: [Double] { samples.map(\.value) }
    }

    static func isRange(_ expression: Expression) -> Bool {
        switch expression {
        case .matrixSelector, .subquery: true
        case .parenthesized(let inner, _): isRange(inner)
        default: false
        }
    }

    func rangeCall(_ call: FunctionCall, _ argument: Expression, _ times: [Int64]) throws -> [Series] {
        if case .parenthesized(let inner, _) = argument { return try rangeCall(call, inner, times) }
        let scalars = try call.arguments.filter { !Self.isRange($0) }.map { try scalar($0, times) }
        let keepsName = ["last_over_time", "first_over_time"].contains(call.name)
        let sources = try self.sources(argument, times)
        var results: [Series] = []
        for source in sources.series {
            var result = Series(labels: source.labels, dropsName: source.dropsName || !keepsName)
            if !keepsName && !delayedNameRemoval { result.labels = withoutName(result.labels) }
            for (i, time) in times.enumerated() {
                let end = (sources.at ?? time) - sources.offset
                let start = end - sources.range
                let inside = source.samples.filter { $0.time > start && $0.time <= end }
                if inside.isEmpty { continue }
                let window = Window(
                    samples: inside, start: start, end: end, time: time, scalars: scalars.map { $0[i] })
                if let value = try Self.value(call.name, window) { result.values[i] = value }
            }
            if !result.values.isEmpty { results.append(result) }
        }
        if call.name == "absent_over_time" {
            var absent = Series(labels: absentLabels(argument))
            for i in times.indices where !results.contains(where: { $0.values[i] != nil }) { absent.values[i] = 1 }
            return absent.values.isEmpty ? [] : [absent]
        }
        if !delayedNameRemoval && Set(results.map(\.labels)).count < results.count { throw Self.sameLabelset }
        return results
    }

    private struct Sources {
        var series: [(labels: LabelMap, dropsName: Bool, samples: Samples)]
        let range: Int64
        let offset: Int64
        let at: Int64?
    }

    private func sources(_ argument: Expression, _ times: [Int64]) throws -> Sources {
        switch argument {
        case .matrixSelector(let matrix):
            let series = matching(matrix.selector.matchers).map { run in
                (
                    labels: map(run.labels), dropsName: false,
                    samples: run.timestamps.indices.filter { !StaleMarker.isStale(run.values[$0]) }.map {
                        (time: run.timestamps[$0], value: run.values[$0])
                    }
                )
            }
            return Sources(
                series: series, range: milliseconds(matrix.range), offset: milliseconds(matrix.selector.offset),
                at: pinned(matrix.selector.at))
        case .subquery(let subquery):
            let (range, offset, at) = (
                milliseconds(subquery.range), milliseconds(subquery.offset), pinned(subquery.at)
            )
            let step = subquery.step.map { milliseconds($0) } ?? defaultSubqueryStep
            let before = (at ?? times[0]) - offset - range
            let last = (at ?? times[times.count - 1]) - offset
            var inner: [Int64] = []
            var time = before / step * step - 2 * step
            while time <= last {
                if time > before { inner.append(time) }
                time += step
            }
            let series = try evaluate(subquery.expression, inner).map { series in
                (
                    labels: series.labels, dropsName: series.dropsName,
                    samples: inner.indices.compactMap { i in
                        series.values[i].map { (time: inner[i], value: $0) }
                    }
                )
            }
            return Sources(series: series, range: range, offset: offset, at: at)
        default: throw Failure("no range vector")
        }
    }

    /// The labels that the matchers of the argument pin.
    func absentLabels(_ expression: Expression) -> LabelMap {
        let matchers: [LabelMatcher]
        switch expression {
        case .vectorSelector(let selector): matchers = selector.matchers
        case .matrixSelector(let matrix): matchers = matrix.selector.matchers
        case .parenthesized(let inner, _): return absentLabels(inner)
        default: return [:]
        }
        var labels: LabelMap = [:]
        for matcher in matchers where matcher.name != "__name__" && matcher.operation == .equal {
            if matchers.filter({ $0.name == matcher.name }).count == 1 && !matcher.value.isEmpty {
                labels[matcher.name] = matcher.value
            }
        }
        return labels
    }

    private static func value(_ name: String, _ window: Window) throws -> Double? {
        let (samples, values) = (window.samples, window.values)
        let count = values.count
        switch name {
        case "rate": return extrapolated(window, isCounter: true, isRate: true)
        case "increase": return extrapolated(window, isCounter: true, isRate: false)
        case "delta": return extrapolated(window, isCounter: false, isRate: false)
        case "irate":
            guard count >= 2 else { return nil }
            let (a, b) = (samples[count - 2], samples[count - 1])
            return (b.value < a.value ? b.value : b.value - a.value) / (Double(b.time - a.time) / 1_000)
        case "idelta": return count >= 2 ? values[count - 1] - values[count - 2] : nil
        case "resets": return Double(zip(values, values.dropFirst()).filter { $1 < $0 }.count)
        case "changes":
            return Double(zip(values, values.dropFirst()).filter { $0 != $1 && !($0.isNaN && $1.isNaN) }.count)
        case "sum_over_time": return ReferenceMath.sum(values)
        case "avg_over_time": return ReferenceMath.average(values)
        case "count_over_time": return Double(count)
        case "present_over_time", "absent_over_time": return 1
        case "last_over_time": return values[count - 1]
        case "first_over_time": return values[0]
        case "min_over_time": return values.reduce(values[0]) { $1 < $0 || $0.isNaN ? $1 : $0 }
        case "max_over_time": return values.reduce(values[0]) { $1 > $0 || $0.isNaN ? $1 : $0 }
        case "ts_of_first_over_time": return Double(samples[0].time) / 1_000
        case "ts_of_last_over_time": return Double(samples[count - 1].time) / 1_000
        case "ts_of_min_over_time":
            return Double(samples.reduce(samples[0]) { $1.value <= $0.value || $0.value.isNaN ? $1 : $0 }.time) / 1_000
        case "ts_of_max_over_time":
            return Double(samples.reduce(samples[0]) { $1.value >= $0.value || $0.value.isNaN ? $1 : $0 }.time) / 1_000
        case "stdvar_over_time": return ReferenceMath.variance(values)
        case "stddev_over_time": return ReferenceMath.variance(values).squareRoot()
        case "quantile_over_time": return ReferenceMath.quantile(window.scalars[0], values)
        case "mad_over_time":
            if values.contains(where: \.isNaN) { return .nan }
            let median = ReferenceMath.quantile(0.5, values)
            return ReferenceMath.quantile(0.5, values.map { ($0 - median).magnitude })
        case "deriv": return count >= 2 ? ReferenceMath.regression(samples, from: samples[0].time).0 : nil
        case "predict_linear":
            guard count >= 2 else { return nil }
            let (slope, intercept) = ReferenceMath.regression(samples, from: window.time)
            return slope * window.scalars[0] + intercept
        case "double_exponential_smoothing":
            let (smoothing, trend) = (window.scalars[0], window.scalars[1])
            if smoothing <= 0 || smoothing >= 1 { throw Failure("invalid smoothing factor") }
            if trend <= 0 || trend >= 1 { throw Failure("invalid trend factor") }
            guard count >= 2 else { return nil }
            var (before, current, slope) = (0.0, values[0], values[1] - values[0])
            for i in 1..<count {
                let scaled = smoothing * values[i]
                if i > 1 { slope = trend * (current - before) + (1 - trend) * slope }
                let carried = (1 - smoothing) * (current + slope)
                (before, current) = (current, scaled + carried)
            }
            return current
        default: throw Failure("the reference has no \(name)")
        }
    }

    /// `extrapolatedRate`.
    private static func extrapolated(_ window: Window, isCounter: Bool, isRate: Bool) -> Double? {
        let samples = window.samples
        guard samples.count >= 2 else { return nil }
        let (first, last) = (samples[0], samples[samples.count - 1])
        var result = last.value - first.value
        if isCounter {
            for (before, sample) in zip(samples, samples.dropFirst()) where sample.value < before.value {
                result += before.value
            }
        }
        var toStart = Double(first.time - window.start) / 1_000
        var toEnd = Double(window.end - last.time) / 1_000
        let interval = Double(last.time - first.time) / 1_000
        let average = interval / Double(samples.count - 1)
        let threshold = average * 1.1
        if toStart >= threshold { toStart = average / 2 }
        if isCounter {
            var toZero = toStart
            if result > 0 && first.value >= 0 { toZero = interval * (first.value / result) }
            if toZero < toStart { toStart = toZero }
        }
        if toEnd >= threshold { toEnd = average / 2 }
        var factor = (interval + toStart + toEnd) / interval
        if isRate { factor /= Double(window.end - window.start) / 1_000 }
        return result * factor
    }
}
