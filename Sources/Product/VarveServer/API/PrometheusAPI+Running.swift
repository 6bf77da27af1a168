import Logging
import Platform
import PromQL

/// How a query runs: through the gate, in the list of active ones, and into the log when it was slow.
extension PrometheusAPI {
    struct Finished: Sendable {
        var result: QueryResult
        var queueSeconds: Double
        var evaluationSeconds: Double
    }

    /// - Parameter finish: what is made of the result while the query still has its slot.
    func running<Outcome>(
        _ question: Question, _ lane: QueryLanes.Lane, _ options: QueryOptions,
        _ work: (QueryOptions) async throws(QueryError) -> QueryResult,
        _ finish: (Finished) async throws(APIError) -> Outcome
    ) async throws(APIError) -> Outcome {
        let arrived = environment.time.monotonic()
        let id = state.queries.add(question, arrived: arrived)
        defer { state.queries.remove(id) }
        let slot = try await enter(lane)
        defer { slot.leave() }
        state.queries.began(id)
        let began = environment.time.monotonic()
        let outcome = await withTaskExecutorPreference(lanes.executor(lane)) {
            () async -> Result<QueryResult, QueryError> in
            do throws(QueryError) { return .success(try await work(options)) } catch { return .failure(error) }
        }
        let seconds = Double(environment.time.monotonic() &- began) / 1e9
        noteIfSlow(question, outcome, seconds: seconds)
        state.topQueries.note(question, seconds: seconds, at: environment.time.monotonic())
        switch outcome {
        case .success(let result):
            return try await finish(
                Finished(result: result, queueSeconds: Double(began &- arrived) / 1e9, evaluationSeconds: seconds))
        case .failure(let error):
            state.refusedQueries.count(error)
            throw APIError(error)
        }
    }

    /// A slot of the lane, once there is one and the process holds no more than it may.
    private func enter(_ lane: QueryLanes.Lane) async throws(APIError) -> Gate.Slot {
        try checkMemory()
        let slot: Gate.Slot
        do {
            slot = try await lanes.gate(lane).enter()
        } catch {
            throw refused(
                error, .queue,
                "query timed out in the queue: \(options.concurrentQueries) queries are running (query.max-concurrency); "
                    + "try again later")
        }
        do {
            // Those that ran while this one waited may have filled it.
            try checkMemory()
        } catch {
            slot.leave()
            throw error
        }
        return slot
    }

    /// Runs a question about labels; what the database throws gets its kind.
    func asking(_ work: () async throws -> APIAnswer) async throws(APIError) -> APIAnswer {
        let slot = try await enter(.labels)
        defer { slot.leave() }
        do {
            return try await held(try await work())
        } catch {
            throw APIError(error)
        }
    }

    /// The answer, once there is room for it.
    func held(_ answer: APIAnswer) async throws(APIError) -> APIAnswer {
        do {
            return try await answers.held(answer)
        } catch {
            throw refused(
                error, .answers,
                "there was no room for the answer: \(ByteCount(answers.inUse)) of the \(ByteCount(answers.limit)) that answers may "
                    + "hold together wait for their clients to read them; try again later, ask for less, or raise memory-limit"
            )
        }
    }

    private func refused(_ refusal: Gate.Refusal, _ reason: RefusedQueries.Reason, _ text: String) -> APIError {
        switch refusal {
        case .canceled:
            state.refusedQueries.count(.gone)
            return APIError(.canceled, "query was canceled in the queue")
        case .busy:
            state.refusedQueries.count(reason)
            return APIError(.timeout, text)
        }
    }

    private func checkMemory() throws(APIError) {
        guard let held = state.memory.excess else { return }
        state.refusedQueries.count(.memory)
        throw APIError(
            .timeout,
            "the process holds \(ByteCount(held)) of the \(ByteCount(state.memory.limit)) that memory-limit allows: no "
                + "query begins until there is room; try again later, or raise memory-limit")
    }

    private func noteIfSlow(_ question: Question, _ outcome: Result<QueryResult, QueryError>, seconds: Double) {
        let threshold = options.slowQueryThreshold
        guard threshold > .zero, seconds * 1_000 > Double(threshold.milliseconds) else { return }
        var metadata: Logger.Metadata = [
            "query": "\(question.shownText)", "seconds": "\(Self.rounded(seconds))",
            "start": "\(TimeText.rfc3339(question.start))", "end": "\(TimeText.rfc3339(question.end))",
        ]
        if question.step > 0 { metadata["step"] = "\(DurationText.string(milliseconds: question.step))" }
        switch outcome {
        case .success(let result):
            metadata["samples"] = "\(result.statistics.totalSamples)"
            metadata["peak_samples"] = "\(result.statistics.peakSamples)"
        case .failure(let error): metadata["failure"] = "\(error)"
        }
        logger.warning("slow query", metadata: metadata)
    }

    /// To milliseconds.
    private static func rounded(_ seconds: Double) -> Double { (seconds * 1_000).rounded() / 1_000 }

    /// VictoriaMetrics's fields; times are milliseconds there too.
    var activeQueries: APIAnswer {
        let now = environment.time.monotonic()
        return .success(
            .array(
                state.queries.all.map { entry in
                    let seconds = Self.rounded(Double(now &- entry.arrived) / 1e9)
                    return .object([
                        ("id", .string(String(entry.id))), ("query", .string(entry.text)),
                        ("state", .string(entry.isRunning ? "running" : "waiting")),
                        ("duration", .string("\(seconds)s")), ("start", .integer(entry.start)),
                        ("end", .integer(entry.end)), ("step", .integer(entry.step)),
                    ])
                }))
    }

    /// Prometheus's shape. Counts are of the newest segment of time; `chunkCount` are the live objects.
    ///
    /// As in VictoriaMetrics `topN` is another word for `limit`, `match[]` says which series count, and `focusLabel`
    /// asks for the values of one label.
    func cardinality(_ form: FormParameters) async throws(APIError) -> APIAnswer {
        var limit = 10
        for name in ["topN", "limit"] {
            guard let text = form[name] else { continue }
            guard let number = Int(text), (1...10_000).contains(number) else {
                throw .badParameter(name, "use 1 … 10000")
            }
            limit = number
        }
        let selectors = try SeriesParameters(form, defaults: options.queryOptions).selectors
        let focus = form["focusLabel"].flatMap { $0.isEmpty ? nil : $0 }
        return try await asking { () async throws in
            let found = try await database.cardinality(limit: limit, matchers: selectors, focus: focus)
            func list(_ entries: [DatabaseCardinality.Entry]) -> JSONValue {
                .array(
                    entries.map { .object([("name", .string($0.name)), ("value", .integer(Int64($0.count)))]) })
            }
            return .success(
                .object(
                    [
                        (
                            "headStats",
                            .object([
                                ("numSeries", .integer(Int64(found.series))),
                                ("numLabelPairs", .integer(Int64(found.labelPairs))),
                                ("chunkCount", .integer(Int64(found.objects))),
                                // Prometheus's own numbers for 'not known'.
                                ("minTime", .integer(found.earliest ?? .max)),
                                ("maxTime", .integer(found.latest ?? .min)),
                            ])
                        ),
                        ("seriesCountByMetricName", list(found.seriesByMetric)),
                        ("labelValueCountByLabelName", list(found.valuesByLabel)),
                        ("memoryInBytesByLabelName", list(found.bytesByLabel)),
                        ("seriesCountByLabelValuePair", list(found.seriesByPair)),
                    ] + (focus == nil ? [] : [("seriesCountByFocusLabelValue", list(found.seriesByFocus))])))
        }
    }
}
