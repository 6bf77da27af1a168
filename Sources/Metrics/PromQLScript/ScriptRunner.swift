public import MetricModel
public import PromQL

/// What a runner asks queries of.
public protocol QueryAnswering: Sendable {
    /// Times in milliseconds since the epoch.
    func instant(_ query: String, at time: Int64) async throws(QueryError) -> QueryResult
    func range(_ query: String, start: Int64, end: Int64, step: Int64) async throws(QueryError) -> QueryResult
}

/// Runs scripts against an engine over series in memory.
///
/// - An instant evaluation is also asked as a range query around its time, and with its selectors pinned by `@` at other
///   times: all must agree, as in Prometheus's own runner.
/// - An evaluation that needs native histograms is skipped and counted as such; nothing else is.
public struct ScriptRunner: Sendable {
    /// The options that the scripts are written for.
    public static var options: QueryOptions {
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        options.delayedNameRemoval = true
        options.usesStartTimestamps = true
        return options
    }

    private let makeEngine: @Sendable (any SeriesSource) -> any QueryAnswering

    /// - Parameter makeEngine: an engine with `ScriptRunner.options` over the script's series.
    public init(makeEngine: @escaping @Sendable (any SeriesSource) -> any QueryAnswering) {
        self.makeEngine = makeEngine
    }

    /// - Throws: `ScriptError` when a load cannot be done; what evaluations find is in the report.
    public func run(_ script: Script) async throws(ScriptError) -> ScriptReport {
        let source = ScriptSource()
        let engine = makeEngine(source)
        var report = ScriptReport()
        for command in script.commands {
            switch command {
            case .clear: source.clear()
            case .load(let load):
                do {
                    try source.load(load)
                } catch {
                    throw ScriptError(script: script.name, line: 0, reason: error.description)
                }
            case .evaluate(let evaluation):
                var run = EvaluationRun(
                    script: script.name, evaluation: evaluation, source: source, engine: engine)
                await run.perform()
                report = report + run.report
            }
        }
        return report
    }
}

/// One evaluation, asked in all its forms until one disagrees.
private struct EvaluationRun {
    let script: String
    let evaluation: Evaluation
    let source: ScriptSource
    let engine: any QueryAnswering
    var report = ScriptReport()

    private var expectation: Expectation { Expectation(evaluation: evaluation) }

    mutating func perform() async {
        _ = source.takeTouchedHistogram()
        switch evaluation.time {
        case .range(let start, let end, let step):
            let answer = await ask { () async throws(QueryError) -> QueryResult in
                try await engine.range(evaluation.query, start: start, end: end, step: step)
            }
            guard !skips() else { return }
            guard agrees(answer, mode: "range query") else { return }
        case .instant(let time):
            guard await instant(evaluation.query, time, mode: "instant query", isAsWritten: true) else { return }
            let variants = QueryVariants.pinned(evaluation.query, at: time, options: ScriptRunner.options)
            for variant in variants {
                let mode = "\(variant.query) at \(variant.time)"
                guard await instant(variant.query, variant.time, mode: mode, isAsWritten: false) else { return }
            }
        }
        report.passed = 1
    }

    private func ask(
        _ query: () async throws(QueryError) -> QueryResult
    ) async -> Result<QueryResult, QueryError> {
        do {
            return .success(try await query())
        } catch {
            return .failure(error)
        }
    }

    /// Whether the evaluation needed native histograms; then it is reported as skipped.
    private mutating func skips() -> Bool {
        guard let touched = source.takeTouchedHistogram() else { return false }
        report.skips.append(
            ScriptReport.Skip(
                script: script, line: evaluation.line, query: evaluation.query,
                reason: "needs the native histogram \(touched.scriptText)"))
        return true
    }

    private mutating func agrees(_ answer: Result<QueryResult, QueryError>, mode: String) -> Bool {
        let mismatch =
            switch answer {
            case .success(let result): expectation.mismatch(result)
            case .failure(let error): expectation.mismatch(error)
            }
        return agrees(mismatch, mode: mode)
    }

    private mutating func agrees(_ mismatch: Expectation.Mismatch?, mode: String) -> Bool {
        guard let mismatch else { return true }
        report.failures.append(
            ScriptReport.Failure(
                script: script, line: evaluation.line, query: evaluation.query, mode: mode,
                expected: mismatch.expected, got: mismatch.got))
        return false
    }

    /// The query at one time, then as the middle step of a range.
    private mutating func instant(_ query: String, _ time: Int64, mode: String, isAsWritten: Bool) async -> Bool {
        let answer = await ask { () async throws(QueryError) -> QueryResult in
            try await engine.instant(query, at: time)
        }
        guard !skips() else { return false }
        guard agrees(answer, mode: mode) else { return false }
        guard case .success(let result) = answer, evaluation.rangeVector == nil, evaluation.string == nil,
            !QueryVariants.mentionsBounds(query)
        else { return true }
        let around = await ask { () async throws(QueryError) -> QueryResult in
            try await engine.range(query, start: time - 60_000, end: time + 60_000, step: 60_000)
        }
        // The neighbouring steps may look at histograms that this one does not: only this one is compared.
        _ = source.takeTouchedHistogram()
        return agrees(rangeMismatch(around, like: result, at: time), mode: "\(mode), as a step of a range query")
    }

    private func rangeMismatch(
        _ answer: Result<QueryResult, QueryError>, like result: QueryResult, at time: Int64
    ) -> Expectation.Mismatch? {
        switch answer {
        case .failure(let error): return expectation.mismatch(error)
        case .success(let ranged):
            // Ranges come sorted by labels, whatever order the query asks for.
            guard !evaluation.isOrdered else { return nil }
            guard case .matrix(let series) = ranged.value else {
                return ("a matrix", ranged.value.scriptText)
            }
            for (a, b) in zip(series, series.dropFirst()) where b.labels < a.labels {
                return ("series sorted by labels", ranged.value.scriptText)
            }
            var samples: [ResultSample] = []
            for series in series {
                guard let at = series.timestamps.firstIndex(of: time) else { continue }
                samples.append(ResultSample(labels: series.labels, timestamp: time, value: series.values[at]))
            }
            if case .scalar = result.value {
                guard samples.count == 1 else { return ("one value", ranged.value.scriptText) }
                return expectation.mismatch(.scalar(timestamp: time, value: samples[0].value))
            }
            return expectation.mismatch(.vector(samples))
        }
    }
}

extension QueryEngine: QueryAnswering {}

extension ScriptRunner {
    /// Varve's own engine.
    public init() {
        self.init { QueryEngine(source: $0, options: Self.options) }
    }
}
