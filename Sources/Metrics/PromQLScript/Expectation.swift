import MetricModel
import PromQL

/// Whether an answer is the expected one. Nil means yes; else what was expected and what came.
///
/// - Values agree within a relative difference of 1e-6; NaN equals NaN; a stale marker equals only itself.
struct Expectation {
    typealias Mismatch = (expected: String, got: String)

    let evaluation: Evaluation

    func mismatch(_ error: QueryError) -> Mismatch? {
        guard let pattern = evaluation.failure else { return ("an answer", "the error: \(error)") }
        return pattern.matches(error.description) ? nil : ("an error \(pattern.text)", "the error: \(error)")
    }

    /// Warnings and infos, then the value.
    func mismatch(_ result: QueryResult) -> Mismatch? {
        if evaluation.failure != nil { return ("an error", "\(result.value.scriptText)") }
        return annotations("warning", evaluation.warnings, evaluation.forbidsWarnings, result.warnings)
            ?? annotations("info", evaluation.infos, evaluation.forbidsInfos, result.infos)
            ?? mismatch(result.value)
    }

    private func annotations(
        _ kind: String, _ expected: [Evaluation.MessagePattern], _ isForbidden: Bool, _ found: [String]
    ) -> Mismatch? {
        let got = found.isEmpty ? "no \(kind)" : "\(kind)s \(found)"
        if isForbidden && !found.isEmpty { return ("no \(kind)", got) }
        guard !expected.isEmpty else { return nil }
        for pattern in expected where !found.contains(where: pattern.matches) {
            return ("a \(kind) \(pattern.text)", got)
        }
        for message in found where !expected.contains(where: { $0.matches(message) }) {
            return ("no other \(kind) than \(expected.map(\.text))", got)
        }
        return nil
    }

    func mismatch(_ value: QueryValue) -> Mismatch? {
        switch value {
        case .scalar(_, let found):
            guard let expected = evaluation.scalar else { return (expectedText, value.scriptText) }
            return Self.agree(expected, found) ? nil : ("scalar \(expected)", value.scriptText)
        case .string(_, let found):
            let expected = evaluation.string ?? ""
            return expected.hasSameBytes(as: found) ? nil : ("string \"\(expected)\"", value.scriptText)
        case .vector(let samples): return vector(samples)
        case .matrix(let series): return matrix(series)
        }
    }

    private var expectedText: String {
        if let scalar = evaluation.scalar { return "scalar \(scalar)" }
        if let string = evaluation.string { return "string \"\(string)\"" }
        return evaluation.series.isEmpty
            ? "nothing"
            : evaluation.series.map { "\($0.labels.scriptText) \($0.points.scriptText)" }.joined(separator: "; ")
    }

    private func vector(_ samples: [ResultSample]) -> Mismatch? {
        let got = QueryValue.vector(samples).scriptText
        guard evaluation.scalar == nil else { return (expectedText, got) }
        var seen: Set<Labels> = []
        for (position, sample) in samples.enumerated() {
            guard let at = evaluation.series.firstIndex(where: { $0.labels == sample.labels }) else {
                return (expectedText, got)
            }
            if evaluation.isOrdered && at != position { return (expectedText + " in this order", got) }
            guard case .value(let expected)? = evaluation.series[at].points.first,
                Self.agree(expected, sample.value)
            else { return (expectedText, got) }
            guard seen.insert(sample.labels).inserted else { return ("each label set once", got) }
        }
        return seen.count == evaluation.series.count ? nil : (expectedText, got)
    }

    private func matrix(_ series: [ResultSeries]) -> Mismatch? {
        let got = QueryValue.matrix(series).scriptText
        if evaluation.isOrdered { return ("an ordered vector", got) }
        guard evaluation.scalar == nil else { return (expectedText, got) }
        let (start, step): (Int64, Int64)
        switch (evaluation.rangeVector, evaluation.time) {
        case (let range?, _): (start, step) = (range.start, range.step)
        case (nil, .range(let first, _, let interval)): (start, step) = (first, interval)
        case (nil, .instant(let time)): (start, step) = (time, 0)
        }
        for (a, b) in zip(series, series.dropFirst()) where b.labels < a.labels {
            return ("series sorted by labels", got)
        }
        var seen: Set<Labels> = []
        for found in series {
            guard let expected = evaluation.series.first(where: { $0.labels == found.labels }) else {
                return (expectedText, got)
            }
            var timestamps: [Int64] = []
            var values: [Double] = []
            for (i, point) in expected.points.enumerated() {
                switch point {
                case .omitted: break
                case .histogram: return (expectedText, got)
                case .value(let value):
                    timestamps.append(start &+ Int64(i) &* step)
                    values.append(value)
                }
            }
            guard timestamps == found.timestamps, zip(values, found.values).allSatisfy(Self.agree) else {
                return (expectedText, got)
            }
            guard seen.insert(found.labels).inserted else { return ("each label set once", got) }
        }
        return seen.count == evaluation.series.count ? nil : (expectedText, got)
    }

    /// - Source: Prometheus, `util/almost`.
    static func agree(_ a: Double, _ b: Double) -> Bool {
        if StaleMarker.isStale(a) || StaleMarker.isStale(b) { return StaleMarker.isStale(a) && StaleMarker.isStale(b) }
        if a.isNaN && b.isNaN { return true }
        if a == b { return true }
        let epsilon = 1e-6
        let sum = abs(a) + abs(b)
        let difference = abs(a - b)
        if a == 0 || b == 0 || sum < .leastNormalMagnitude { return difference < epsilon * .leastNormalMagnitude }
        return difference / min(sum, .greatestFiniteMagnitude) < epsilon
    }
}

extension Evaluation.MessagePattern {
    var text: String {
        switch self {
        case .any: "of any text"
        case .exactly(let text): "\"\(text)\""
        case .containing(_, let text): "matching \(text)"
        }
    }
}

extension [SeriesPoint] {
    fileprivate var scriptText: String {
        map { point in
            switch point {
            case .omitted: "_"
            case .value(let value): "\(value)"
            case .histogram(let text): "{{\(text)}}"
            }
        }.joined(separator: " ")
    }
}

extension QueryValue {
    /// For reports.
    var scriptText: String {
        switch self {
        case .scalar(_, let value): return "scalar \(value)"
        case .string(_, let value): return "string \"\(value)\""
        case .vector(let samples):
            if samples.isEmpty { return "an empty vector" }
            return samples.map { "\($0.labels.scriptText) \($0.value)" }.joined(separator: "; ")
        case .matrix(let series):
            if series.isEmpty { return "an empty matrix" }
            return series.map { series in
                let points = zip(series.timestamps, series.values).map { "\($1)@\($0)" }.joined(separator: " ")
                return "\(series.labels.scriptText) \(points)"
            }.joined(separator: "; ")
        }
    }
}
