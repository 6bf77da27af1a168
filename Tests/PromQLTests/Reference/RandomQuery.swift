import MetricModel
import Platform

/// Random queries that the parser accepts, over the metrics of `RandomSeries`, and the times to ask them at.
struct RandomQuery {
    private var random: SeededGenerator

    let text: String
    let start: Int64
    let end: Int64
    /// 0: an instant query.
    let step: Int64

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        var writer = QueryWriter(random: random)
        text = writer.vector(Int.random(in: 1...4, using: &writer.random))
        random = writer.random
        start = Int64.random(in: 0...1_800, using: &random) * 1_000
        step =
            Int.random(in: 0..<4, using: &random) == 0
            ? 0 : [15_000, 60_000, 77_000, 600_000].randomElement(using: &random) ?? 15_000
        end = step == 0 ? start : start + step * Int64.random(in: 0...8, using: &random)
    }
}

private struct QueryWriter {
    var random: SeededGenerator

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    // MARK: - Selectors

    private mutating func name() -> String {
        pick(["gauge", "gauge", "counter_total", "other_total", "odd", "h_bucket"])
    }
    private mutating func labels() -> String {
        let all = ["job", "instance", "le", "__name__", "none"]
        return all.filter { _ in chance(35) }.joined(separator: ", ")
    }

    private mutating func selector() -> String {
        let matchers = [
            "", "", "", "{job=\"a\"}", "{job!=\"a\"}", "{instance=~\"1|2\"}", "{instance!~\"2.*\", job=\"b\"}",
            "{none=\"\"}", "{job=\"absent\"}",
        ]
        if chance(8) { return pick(["{job=\"a\"}", "{__name__=~\".*_total\"}", "{job=~\".+\", instance=\"1\"}"]) }
        return name() + pick(matchers)
    }

    private mutating func modifiers() -> String {
        var text = ""
        if chance(15) { text += " offset " + pick(["1m", "-1m", "37s", "10m"]) }
        if chance(12) { text += " @ " + pick(["600", "1234.5", "start()", "end()"]) }
        return text
    }

    private mutating func range() -> String { pick(["30s", "1m", "1m", "5m", "5m", "10m", "17s"]) }

    mutating func matrix(_ depth: Int) -> String {
        if depth <= 0 || chance(70) { return selector() + "[\(range())]" + modifiers() }
        let step = pick(["", "15s", "30s", "1m", "47s"])
        return "(\(vector(depth - 1)))[\(pick(["1m", "3m", "5m"])):\(step)]" + modifiers()
    }

    // MARK: - Scalars

    mutating func number() -> String { pick(["0", "1", "2", "-1", "0.5", "100", "1e3", "NaN", "Inf", "-Inf", "3.7"]) }

    mutating func scalar(_ depth: Int) -> String {
        if depth <= 0 || chance(60) { return number() }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return "scalar(\(vector(depth - 1)))"
        case 1: return "time()"
        case 2:
            return
                "(\(scalar(depth - 1)) \(pick(["+", "-", "*", "/", "%", "^", "> bool", "== bool"])) \(scalar(depth - 1)))"
        case 3: return pick(["min_of", "max_of"]) + "(\(scalar(depth - 1)), \(scalar(depth - 1)))"
        default: return "pi()"
        }
    }

    // MARK: - Vectors

    mutating func vector(_ depth: Int) -> String {
        if depth <= 0 { return selector() + modifiers() }
        switch Int.random(in: 0..<14, using: &random) {
        case 0: return "-(\(vector(depth - 1)))"
        case 1, 2: return aggregate(depth - 1)
        case 3, 4, 5: return rangeCall(depth - 1)
        case 6: return setOperation(depth - 1)
        case 7, 8: return operation(depth - 1)
        case 9: return withScalar(depth - 1)
        case 10, 11: return call(depth - 1)
        default: return selector() + modifiers()
        }
    }

    private mutating func aggregate(_ depth: Int) -> String {
        let grouping = chance(75) ? " \(pick(["by", "by", "without"])) (\(labels()))" : ""
        let plain = ["sum", "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"]
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return "quantile\(grouping)(\(pick(["0.5", "0.9", "0", "1", "-1", "2", "NaN"])), \(vector(depth)))"
        case 1: return "count_values\(grouping)(\"\(pick(["value", "job"]))\", \(vector(depth)))"
        case 2: return "limitk\(grouping)(\(pick(["1", "2", "0", "5"])), \(selector()))"
        // Ties depend on the order of the series, which only selectors have.
        case 3:
            return
                "\(pick(["topk", "bottomk"]))\(grouping)(\(pick(["1", "2", "3", "0", "NaN", "1e30"])), \(selector()))"
        default: return "\(pick(plain))\(grouping)(\(vector(depth)))"
        }
    }

    private mutating func rangeCall(_ depth: Int) -> String {
        let matrix = matrix(depth)
        let names = [
            "rate", "rate", "increase", "delta", "irate", "idelta", "resets", "changes", "sum_over_time",
            "avg_over_time", "count_over_time", "min_over_time", "max_over_time", "last_over_time", "first_over_time",
            "present_over_time", "stddev_over_time", "stdvar_over_time", "mad_over_time", "deriv",
            "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_min_over_time", "ts_of_max_over_time",
        ]
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return "quantile_over_time(\(scalar(1)), \(matrix))"
        case 1: return "predict_linear(\(matrix), \(scalar(1)))"
        case 2: return "double_exponential_smoothing(\(matrix), \(pick(["0.5", "0.1", "0"])), \(pick(["0.5", "0.9"])))"
        case 3: return "absent_over_time(\(matrix))"
        default: return "\(pick(names))(\(matrix))"
        }
    }

    private mutating func matching() -> String {
        chance(60) ? " \(pick(["on", "on", "ignoring"])) (\(labels()))" : ""
    }

    private mutating func setOperation(_ depth: Int) -> String {
        "(\(vector(depth))) \(pick(["and", "or", "unless"]))\(matching()) (\(vector(depth)))"
    }

    private mutating func operation(_ depth: Int) -> String {
        let comparison = chance(40)
        var text = pick(
            comparison ? ["==", "!=", ">", "<", ">=", "<="] : ["+", "-", "*", "/", "%", "^", "atan2", "</"])
        if comparison && chance(40) { text += " bool" }
        let on = chance(50)
        let names = labels()
        text += on ? " on (\(names))" : chance(60) ? " ignoring (\(names))" : " ignoring ()"
        if chance(40) {
            let include = ["job", "instance"].filter { !names.contains($0) && chance(50) }.joined(separator: ", ")
            text += " \(pick(["group_left", "group_right"])) (\(include))"
        }
        if chance(15) { text += pick([" fill (0)", " fill_left (1)", " fill_right (7)", " fill (NaN)"]) }
        return "(\(vector(depth))) \(text) (\(vector(depth)))"
    }

    private mutating func withScalar(_ depth: Int) -> String {
        let operation = pick([
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">= bool", "<= bool", "> bool",
        ])
        return chance(50)
            ? "(\(vector(depth))) \(operation) (\(scalar(1)))" : "(\(scalar(1))) \(operation) (\(vector(depth)))"
    }

    private mutating func call(_ depth: Int) -> String {
        let formulas = [
            "abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sin", "cos", "atan", "tanh", "deg", "rad",
            "sgn", "minute", "hour", "day_of_week", "timestamp", "absent", "sort", "sort_desc",
        ]
        switch Int.random(in: 0..<9, using: &random) {
        case 0: return "round(\(vector(depth)), \(pick(["1", "5", "0.1", "0"])))"
        case 1: return "clamp(\(vector(depth)), \(scalar(1)), \(scalar(1)))"
        case 2: return "\(pick(["clamp_min", "clamp_max"]))(\(vector(depth)), \(scalar(1)))"
        case 3: return "vector(\(scalar(depth)))"
        case 4:
            let key = pick(ReferenceEvaluator.replacements.keys.sorted())
            let pattern = ReferenceEvaluator.replacements[key]?.pattern ?? ""
            let target = pick(["job", "instance", "new", "__name__"])
            return
                "label_replace(\(vector(depth)), \"\(target)\", \"\(key)\", \"\(pick(["job", "instance", "__name__"]))\", \"\(pattern)\")"
        case 5: return "label_join(\(vector(depth)), \"\(pick(["new", "job"]))\", \"-\", \"job\", \"instance\")"
        case 6:
            let buckets = pick([
                "h_bucket", "rate(h_bucket[5m])", "sum by (le) (h_bucket)", "sum by (le, job) (rate(h_bucket[1m]))",
                "{__name__=~\"h_bucket|odd\"}",
            ])
            return "histogram_quantile(\(chance(60) ? "0.9" : scalar(1)), \(chance(85) ? buckets : vector(depth)))"
        default: return "\(pick(formulas))(\(vector(depth)))"
        }
    }
}

/// A few dozen series over an hour: gauges, counters with resets, buckets; with gaps, stale markers, NaN and infinities.
enum RandomSeries {
    static func make(seed: UInt64) -> [SeriesRun] {
        var random = SeededGenerator(seed: seed)
        var runs: [SeriesRun] = []
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        for name in ["gauge", "counter_total", "other_total", "odd", "h_bucket"] {
            for job in ["a", "b"] {
                for instance in ["1", "2", "22"] where chance(85) {
                    for bound in name == "h_bucket" ? ["0.5", "1", "2.5", "+Inf"] : [""] where chance(97) {
                        let interval: Int64 = chance(80) ? 15_000 : 47_000
                        let shift = chance(50) ? 0 : Int64.random(in: 0..<interval, using: &random)
                        var timestamps: [Int64] = []
                        var values: [Double] = []
                        var counter = Double(Int.random(in: 0...50, using: &random))
                        var gap: Int64 = 0
                        for time in stride(from: shift - 600_000, through: 2_700_000, by: Int64.Stride(interval)) {
                            if time < gap { continue }
                            if chance(2) {
                                gap = time + Int64.random(in: 0...900_000, using: &random)
                                if chance(70) {
                                    timestamps.append(time)
                                    values.append(Double(bitPattern: StaleMarker.bitPattern))
                                }
                                continue
                            }
                            counter = chance(4) ? 0 : counter + Double(Int.random(in: 0...20, using: &random)) / 2
                            let jitter = chance(10) ? Int64.random(in: 0...999, using: &random) : 0
                            timestamps.append(time + jitter)
                            switch name {
                            case "gauge": values.append(Double(Int.random(in: -40...40, using: &random)) / 4)
                            case "odd":
                                let odd: [Double] = [.nan, .infinity, -.infinity, 0, -0.0, 1, 1e308, 2.5e-308, -3]
                                values.append(odd.randomElement(using: &random) ?? 0)
                            case "h_bucket": values.append(counter * (Double(bound) ?? 3))
                            default: values.append(counter)
                            }
                        }
                        let labels = [("__name__", name), ("job", job), ("instance", instance), ("le", bound)]
                        runs.append(SeriesRun(labels: Labels(labels), timestamps: timestamps, values: values))
                    }
                }
            }
        }
        return runs.filter { !$0.timestamps.isEmpty }.sorted { $0.labels < $1.labels }
    }
}
