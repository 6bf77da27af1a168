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

    func running(
        _ question: Question, _ lane: QueryLanes.Lane, _ options: QueryOptions,
        _ work: (QueryOptions) async throws(QueryError) -> QueryResult
    ) async throws(APIError) -> Finished {
        try checkMemory()
        let arrived = environment.time.monotonic()
        let id = state.queries.add(question, arrived: arrived)
        defer { state.queries.remove(id) }
        let slot: QueryGate.Slot
        do {
            slot = try await lanes.gate(lane).enter()
        } catch {
            state.refusedQueries.count(error == .canceled ? .gone : .queue)
            throw error == .canceled
                ? APIError(.canceled, "query was canceled in the queue")
                : APIError(
                    .timeout,
                    "query timed out in the queue: \(self.options.concurrentQueries) queries are running "
                        + "(query.max-concurrency); try again later"
                )
        }
        defer { slot.leave() }
        // Those that ran while this one waited may have filled it.
        try checkMemory()
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
            return Finished(
                result: result, queueSeconds: Double(began &- arrived) / 1e9, evaluationSeconds: seconds)
        case .failure(let error):
            state.refusedQueries.count(error)
            throw APIError(error)
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
