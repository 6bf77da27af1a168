import Glibc
import MetricModel
import Platform
import Testing

@testable import PromQL

/// The engine answers random expressions over random data as the reference evaluator does.
///
/// - `VARVE_RANDOM_EXPRESSIONS=100000` asks more of them; `VARVE_RANDOM_SEED` begins elsewhere.
/// - A difference names its seed: the same seed makes the same data and query.
struct RandomExpressionTests {
    @Test(arguments: [false, true])
    func theEngineAgreesWithTheReference(delayedNameRemoval: Bool) async throws {
        let count = environment("VARVE_RANDOM_EXPRESSIONS") ?? 2_000
        let first = environment("VARVE_RANDOM_SEED") ?? 1
        var tally = Tally()
        var data: (seed: Int, runs: [SeriesRun]) = (-1, [])
        for seed in first..<first + count / 2 {
            if data.seed != seed / 50 { data = (seed / 50, RandomSeries.make(seed: UInt64(seed / 50))) }
            let difference = try await difference(seed: UInt64(seed), data.runs, delayedNameRemoval, &tally)
            if let difference { tally.differences.append(difference) }
            if tally.differences.count >= 10 { break }
        }
        let report = tally.differences.joined(separator: "\n\n")
        #expect(tally.differences.isEmpty, "\(tally.differences.count) differences\n\(report)")
        // A generator whose queries are all empty or all fail proves nothing.
        #expect(tally.valued * 3 > tally.asked, "\(tally)")
        #expect(tally.failed * 3 < tally.asked, "\(tally)")
        if count > 10_000 { print("random expressions: \(tally)") }
    }

    private struct Tally: CustomStringConvertible {
        var asked = 0
        var valued = 0
        var failed = 0
        var differences: [String] = []
        var description: String {
            "asked \(asked), with values \(valued), errors \(failed), differences \(differences.count)"
        }
    }

    private func environment(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }

    private func difference(
        seed: UInt64, _ runs: [SeriesRun], _ delayed: Bool, _ tally: inout Tally
    ) async throws -> String? {
        let query = RandomQuery(seed: seed)
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        options.delayedNameRemoval = delayed
        if seed % 2 == 1 {
            // Several evaluators share the steps; there are up to three.
            options.parallelism = 2 + Int(seed / 2 % 2)
            options.stepsPerEvaluator = 1
            options.valuesForSeveral = 0
        }
        let expression: Expression
        do {
            expression = try PromQLParser.parse(query.text, options: options)
        } catch {
            return "seed \(seed): \(query.text)\n  does not parse: \(error)"
        }
        let reference = ReferenceEvaluator(
            runs: runs, lookback: 300_000, defaultSubqueryStep: 60_000, start: query.start, end: query.end,
            step: query.step, delayedNameRemoval: delayed)
        let wanted = Result { try Answer(reference.answer(expression)) }
        let got: Result<Answer, QueryError>
        do throws(QueryError) {
            got = .success(try await answer(query, QueryEngine(source: MemorySeries(runs), options: options)))
        } catch {
            got = .failure(error)
        }
        tally.asked += 1
        let place = "seed \(seed): \(query.text)\n  from \(query.start) to \(query.end) step \(query.step)"
        switch (wanted, got) {
        case (.failure, .failure):
            tally.failed += 1
            return nil
        case (.success(let wanted), .success(let got)):
            if !wanted.series.isEmpty { tally.valued += 1 }
            let isOrdered = query.step == 0 && ["sort", "topk", "bottomk"].contains { query.text.hasPrefix($0) }
            return got.difference(from: wanted, isOrdered: isOrdered).map { "\(place)\n  \($0)" }
        case (.success, .failure(let error)): return "\(place)\n  only the engine fails: \(error)"
        case (.failure(let error), .success): return "\(place)\n  only the reference fails: \(error)"
        }
    }

    private func answer(_ query: RandomQuery, _ engine: QueryEngine) async throws(QueryError) -> Answer {
        let result =
            query.step == 0
            ? try await engine.instant(query.text, at: query.start)
            : try await engine.range(query.text, start: query.start, end: query.end, step: query.step)
        var series: [(Labels, [Int: Double])] = []
        switch result.value {
        case .vector(let samples): series = samples.map { ($0.labels, [0: $0.value]) }
        case .matrix(let matrix):
            series = matrix.map { line in
                let steps = line.timestamps.map { Int(($0 - query.start) / max(query.step, 1)) }
                return (line.labels, Dictionary(uniqueKeysWithValues: zip(steps, line.values)))
            }
        case .scalar(_, let value): series = [(.empty, [0: value])]
        case .string: break
        }
        return Answer(
            series: Dictionary(
                series.map { labels, values in
                    (Dictionary(uniqueKeysWithValues: labels.labels.map { ($0.name, $0.value) }), values)
                }, uniquingKeysWith: { first, _ in first }),
            order: series.map { $0.1[0] ?? 0 })
    }
}

/// Values by labels and step; and for instant queries the values in the order of the answer.
private struct Answer {
    let series: [[String: String]: [Int: Double]]
    let order: [Double]

    init(series: [[String: String]: [Int: Double]], order: [Double]) {
        self.series = series
        self.order = order
    }

    init(_ series: [ReferenceEvaluator.Series]) {
        self.series = Dictionary(series.map { ($0.labels, $0.values) }, uniquingKeysWith: { first, _ in first })
        order = series.map { $0.values[0] ?? 0 }
    }

    func difference(from wanted: Answer, isOrdered: Bool) -> String? {
        for (labels, values) in wanted.series {
            guard let ours = series[labels] else { return "missing \(labels): \(values)" }
            for (step, value) in values {
                guard let our = ours[step] else { return "\(labels) step \(step): missing, wanted \(value)" }
                if !Self.agrees(our, value) { return "\(labels) step \(step): \(our), wanted \(value)" }
            }
            if ours.count > values.count { return "\(labels): steps too many: \(ours), wanted \(values)" }
        }
        for labels in series.keys where wanted.series[labels] == nil {
            return "unwanted \(labels): \(series[labels] ?? [:])"
        }
        if isOrdered, !zip(order, wanted.order).allSatisfy({ $0 == $1 || ($0.isNaN && $1.isNaN) }) {
            return "in the order \(order), wanted \(wanted.order)"
        }
        return nil
    }

    /// Bit for bit, any NaN like any other; or to 1e-12. Of two zeros the sign may follow the order of the series, which
    /// Prometheus leaves to chance.
    static func agrees(_ a: Double, _ b: Double) -> Bool {
        if a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN) { return true }
        if a.isInfinite || b.isInfinite || a.isNaN || b.isNaN { return false }
        return (a - b).magnitude <= 1e-12 * max(a.magnitude, b.magnitude)
    }
}
