import Glibc
import MetricModel
import PromQL

/// Functions of instant vectors and scalars.
extension ReferenceEvaluator {
    func call(_ call: FunctionCall, _ times: [Int64]) throws -> [Series] {
        if let range = call.arguments.first(where: Self.isRange) { return try rangeCall(call, range, times) }
        let arguments = call.arguments
        if let formula = Self.formulas[call.name] {
            return try eachStep(arguments, times) { vectors, _ in
                vectors[0].map { nameless($0, formula($0.value)) }
            }
        }
        switch call.name {
        case "pi": return [constant(times) { _ in .pi }]
        case "time": return [constant(times) { Double($0) / 1_000 }]
        case "vector": return try evaluate(arguments[0], times)
        case "scalar":
            let matrix = try evaluate(arguments[0], times)
            return [
                Series(
                    labels: [:],
                    values: Dictionary(
                        uniqueKeysWithValues: times.indices.map { step in
                            let samples = vector(matrix, at: step)
                            return (step, samples.count == 1 ? samples[0].value : .nan)
                        }))
            ]
        case "min_of", "max_of":
            let (a, b) = (try scalar(arguments[0], times), try scalar(arguments[1], times))
            let isLess = call.name == "min_of"
            return [
                Series(
                    labels: [:],
                    values: Dictionary(
                        uniqueKeysWithValues: times.indices.map {
                            ($0, isLess ? Self.lower(a[$0], b[$0]) : Self.higher(a[$0], b[$0]))
                        }))
            ]
        case "absent":
            return try eachStep([arguments[0]], times) { vectors, _ in
                vectors[0].isEmpty ? [Sample(labels: absentLabels(arguments[0]), value: 1)] : []
            }
        case "round":
            let nearest = arguments.count > 1 ? try scalar(arguments[1], times) : times.map { _ in 1 }
            return try eachStep([arguments[0]], times) { vectors, step in
                let inverse = 1 / nearest[step]
                return vectors[0].map { nameless($0, ($0.value * inverse + 0.5).rounded(.down) / inverse) }
            }
        case "clamp":
            let (low, high) = (try scalar(arguments[1], times), try scalar(arguments[2], times))
            return try eachStep([arguments[0]], times) { vectors, step in
                if high[step] < low[step] { return [] }
                return vectors[0].map { nameless($0, Self.higher(low[step], Self.lower(high[step], $0.value))) }
            }
        case "clamp_min", "clamp_max":
            let bound = try scalar(arguments[1], times)
            return try eachStep([arguments[0]], times) { vectors, step in
                vectors[0].map {
                    let isMinimum = call.name == "clamp_min"
                    return nameless(
                        $0, isMinimum ? Self.higher(bound[step], $0.value) : Self.lower(bound[step], $0.value))
                }
            }
        case "timestamp":
            if let selector = Self.selector(arguments[0]) {
                let series = select(selector, times) { Double($0.time) / 1_000 }
                return try eachStep([], times) { _, step in
                    vector(series, at: step).map { nameless($0, $0.value) }
                }
            }
            return try eachStep(arguments, times) { vectors, step in
                vectors[0].map { nameless($0, Double(times[step]) / 1_000) }
            }
        case "minute", "hour", "day_of_week":
            let parts = ["minute": (60, 60), "hour": (3_600, 24), "day_of_week": (86_400, 7)]
            guard let (unit, modulus) = parts[call.name] else { return [] }
            func part(_ seconds: Double) -> Double {
                let whole =
                    seconds >= -0x1p63 && seconds < 0x1p63 ? Int64(seconds) : .min  // amd64
                let units = Int64((Double(whole) / 1).isNaN ? 0 : Self.floorDivided(whole, Int64(unit)))
                let shifted = units % Int64(modulus) + (unit == 86_400 ? 4 : 0)
                return Double((shifted + Int64(modulus)) % Int64(modulus))
            }
            if arguments.isEmpty { return [constant(times) { part(Double($0 / 1_000)) }] }
            return try eachStep(arguments, times) { vectors, _ in vectors[0].map { nameless($0, part($0.value)) } }
        case "sort", "sort_desc":
            let sorted = try evaluate(arguments[0], times)
            guard times.count == 1 else { return sorted }
            let (numbers, others) = (
                sorted.filter { !($0.values[0] ?? .nan).isNaN }, sorted.filter { ($0.values[0] ?? .nan).isNaN }
            )
            let isAscending = call.name == "sort"
            return numbers.sorted { a, b in
                let (x, y) = (a.values[0] ?? 0, b.values[0] ?? 0)
                return isAscending ? x < y : x > y
            } + others
        case "label_replace", "label_join": return try relabelled(call, times)
        case "histogram_quantile":
            let quantiles = try scalar(arguments[0], times)
            return try eachStep([arguments[1]], times) { vectors, step in
                var buckets: [LabelMap: ReferenceHistogram.Buckets] = [:]
                var order: [LabelMap] = []
                for sample in vectors[0] {
                    guard let bound = Double(sample.labels["le"] ?? "") else { continue }
                    var labels = sample.labels
                    labels["le"] = nil
                    if buckets[labels] == nil { order.append(labels) }
                    buckets[labels, default: []].append((bound, sample.value))
                }
                return order.map { labels in
                    nameless(
                        Sample(labels: labels, value: 0),
                        ReferenceHistogram.quantile(quantiles[step], buckets[labels] ?? []))
                }
            }
        default: throw Failure("the reference has no \(call.name)")
        }
    }

    private static func floorDivided(_ a: Int64, _ b: Int64) -> Int64 {
        a % b < 0 ? a / b - 1 : a / b
    }

    private static func selector(_ expression: Expression) -> VectorSelector? {
        switch expression {
        case .vectorSelector(let selector): selector
        case .parenthesized(let inner, _): selector(inner)
        default: nil
        }
    }

    /// Go's `math.Max`.
    private static func higher(_ a: Double, _ b: Double) -> Double {
        if a == .infinity || b == .infinity { return .infinity }
        if a.isNaN || b.isNaN { return .nan }
        if a == 0 && b == 0 { return a.sign == .plus ? a : b }
        return a < b ? b : a
    }

    /// Go's `math.Min`.
    private static func lower(_ a: Double, _ b: Double) -> Double { -higher(-a, -b) }

    private static let formulas: [String: @Sendable (Double) -> Double] = [
        "abs": { abs($0) }, "ceil": { ceil($0) }, "floor": { floor($0) }, "sqrt": { sqrt($0) }, "exp": { exp($0) },
        "ln": { log($0) }, "log2": { log2($0) }, "log10": { log10($0) }, "sin": { sin($0) }, "cos": { cos($0) },
        "atan": { atan($0) }, "tanh": { tanh($0) }, "deg": { $0 * 180 / .pi }, "rad": { $0 * .pi / 180 },
        "sgn": { $0 < 0 ? -1 : ($0 > 0 ? 1 : $0) },
    ]

    /// The patterns that the generator uses, each with what it makes of a value; nil where it does not match.
    static let replacements: [String: (pattern: String, make: @Sendable (String) -> String?)] = [
        "got-$1": ("(.*)", { "got-" + $0 }),
        "$2$1": ("(.)(.*)", { $0.isEmpty ? nil : String($0.dropFirst()) + String($0.prefix(1)) }),
        "one": ("a|b", { $0 == "a" || $0 == "b" ? "one" : nil }),
        "": ("a", { $0 == "a" ? "" : nil }),
    ]

    private func relabelled(_ call: FunctionCall, _ times: [Int64]) throws -> [Series] {
        let texts = call.arguments.dropFirst().map { argument in
            if case .string(let text, _) = argument { text } else { "" }
        }
        var series = try evaluate(call.arguments[0], times)
        for i in series.indices {
            let old = series[i].labels
            let made: String?
            if call.name == "label_join" {
                made = texts[2...].map { old[$0] ?? "" }.joined(separator: texts[1])
            } else {
                made = Self.replacements[texts[1]]?.make(old[texts[2]] ?? "")
            }
            guard let made else { continue }
            series[i].labels[texts[0]] = made.isEmpty ? nil : made
            if texts[0] == "__name__" { series[i].dropsName = false }
        }
        return try merged(series)
    }
}
