import MetricModel
import Platform
import PromQL

/// `query`, `query_range`, `query_exemplars`, `format_query`, `parse_query`.
extension PrometheusAPI {
    static let truncationWarning = "results truncated due to limit"

    /// - Parameter lane: nil: to be found here.
    func query(_ form: FormParameters, on lane: QueryLanes.Lane?) async throws(APIError) -> APIAnswer {
        let parameters = try instantParameters(form)
        let question = Question(text: parameters.expression, start: parameters.time, end: parameters.time)
        return try await evaluate(question, parameters.common, on: lane ?? self.lane(of: parameters)) {
            (options) async throws(QueryError) in
            try await database.query(parameters.expression, at: parameters.time, options: options)
        }
    }

    /// - Parameter lane: nil: to be found here.
    func queryRange(_ form: FormParameters, on lane: QueryLanes.Lane?) async throws(APIError) -> APIAnswer {
        let parameters = try rangeParameters(form)
        let question = Question(
            text: parameters.expression, start: parameters.start, end: parameters.end, step: parameters.step)
        return try await evaluate(question, parameters.common, on: lane ?? self.lane(of: parameters)) {
            (options) async throws(QueryError) in
            try await database.queryRange(
                parameters.expression, start: parameters.start, end: parameters.end, step: parameters.step,
                options: options)
        }
    }

    func instantParameters(_ form: FormParameters) throws(APIError) -> InstantQueryParameters {
        try InstantQueryParameters(form, now: environment.time.now(), defaults: options.queryOptions)
    }

    func rangeParameters(_ form: FormParameters) throws(APIError) -> RangeQueryParameters {
        try RangeQueryParameters(form, defaults: options.queryOptions, maximumPoints: options.maximumPoints)
    }

    private func evaluate(
        _ question: Question, _ parameters: CommonQueryParameters, on lane: QueryLanes.Lane,
        _ work: (QueryOptions) async throws(QueryError) -> QueryResult
    ) async throws(APIError) -> APIAnswer {
        try await running(question, lane, parameters.options, work) {
            (finished) async throws(APIError) in try await held(answer(finished, parameters))
        }
    }

    private func answer(_ finished: Finished, _ parameters: CommonQueryParameters) -> APIAnswer {
        var result = finished.result
        result.truncate(to: parameters.limit)
        result.truncateRemarks()
        var statistics: JSONValue?
        if parameters.wantsStatistics {
            statistics = .object([
                (
                    "timings",
                    .object([
                        ("evalTotalTime", .number(finished.evaluationSeconds)),
                        ("resultSortTime", .number(0)), ("queryPreparationTime", .number(0)),
                        ("innerEvalTime", .number(finished.evaluationSeconds)),
                        ("execQueueTime", .number(finished.queueSeconds)),
                        ("execTotalTime", .number(finished.queueSeconds + finished.evaluationSeconds)),
                    ])
                ),
                (
                    "samples",
                    .object([
                        ("totalQueryableSamples", .integer(Int64(result.statistics.totalSamples))),
                        ("peakSamples", .integer(Int64(result.statistics.peakSamples))),
                    ])
                ),
            ])
        }
        return .json(pieces: QueryAnswerPieces(result, statistics: statistics))
    }

    /// Varve stores no exemplars. Grafana probes this with milliseconds where seconds belong and turns exemplars off
    /// when the answer is no success.
    func queryExemplars(_ form: FormParameters) throws(APIError) -> APIAnswer {
        if let start = try form.time("start"), let end = try form.time("end"), end < start {
            throw .badParameter("end", "end timestamp must not be before start time")
        }
        _ = try parsed(form)
        return .success(.array([]))
    }

    func formatQuery(_ form: FormParameters) throws(APIError) -> APIAnswer {
        .success(.string(PromQLPrinter.print(try parsed(form))))
    }

    func parseQuery(_ form: FormParameters) throws(APIError) -> APIAnswer {
        .success(SyntaxTreeJSON.tree(try parsed(form)))
    }

    private func parsed(_ form: FormParameters) throws(APIError) -> Expression {
        do {
            return try PromQLParser.parse(form["query"] ?? "", options: options.queryOptions)
        } catch {
            throw .badParameter("query", error.description)
        }
    }
}

extension QueryResult {
    /// Of each kind of remark an answer carries this many, as in Prometheus.
    private static let maximumRemarks = 10

    mutating func truncateRemarks() {
        func truncated(_ remarks: [String], _ kind: String) -> [String] {
            let omitted = remarks.count - Self.maximumRemarks
            return omitted > 0
                ? remarks.prefix(Self.maximumRemarks) + ["\(omitted) more \(kind) annotations omitted"] : remarks
        }
        warnings = truncated(warnings, "warning")
        infos = truncated(infos, "info")
    }

    /// Keeps the first `limit` series or samples, and says so; 0 keeps all.
    mutating func truncate(to limit: Int) {
        guard limit > 0 else { return }
        switch value {
        case .vector(let samples) where samples.count > limit: value = .vector(Array(samples.prefix(limit)))
        case .matrix(let series) where series.count > limit: value = .matrix(Array(series.prefix(limit)))
        default: return
        }
        warnings.append(PrometheusAPI.truncationWarning)
    }
}

extension APIAnswer {
    /// Whole when it fits one piece, so that it has a length.
    static func json(pieces: some AnswerPieces) -> APIAnswer {
        var pieces = pieces
        let headers = [(name: "content-type", value: "application/json")]
        guard let first = pieces.next() else { return APIAnswer(status: 200, headers: headers, body: .whole([])) }
        var following = pieces
        guard let second = following.next() else {
            return APIAnswer(status: 200, headers: headers, body: .whole(first))
        }
        return APIAnswer(
            status: 200, headers: headers, body: .pieces(ReadAhead(ready: [second, first], rest: following)))
    }

    /// Pieces of which some are made already, the last one first.
    private struct ReadAhead<Rest: AnswerPieces>: AnswerPieces {
        var ready: [[UInt8]]
        var rest: Rest
        var heldBytes: Int { rest.heldBytes }
        mutating func next() -> [UInt8]? { ready.popLast() ?? rest.next() }
    }
}
