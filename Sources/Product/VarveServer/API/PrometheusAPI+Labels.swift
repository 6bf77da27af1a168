import MetricModel
import PromQL

/// `labels`, `label/<name>/values`, `series`, `metadata`.
extension PrometheusAPI {
    func labelNames(_ form: FormParameters) async throws(APIError) -> APIAnswer {
        let parameters = try SeriesParameters(form, defaults: options.queryOptions)
        guard parameters.end >= parameters.start else { return .success(.array([])) }
        return try await asking { () async throws in
            names(
                try await database.labelNames(
                    matchers: parameters.selectors, start: parameters.start, end: parameters.end,
                    limit: parameters.limit))
        }
    }

    /// - Parameter escaped: the name as the path has it.
    func labelValues(_ escaped: Substring, _ form: FormParameters) async throws(APIError) -> APIAnswer {
        guard let text = PercentEncoding.decode(escaped.utf8, plusIsSpace: false) else {
            throw .badParameter("name", "label name is not UTF-8 or badly escaped")
        }
        let name = LabelNameEscaping.unescape(text)
        guard !name.isEmpty else { throw .badParameter("name", "invalid label name: \"\"") }
        let parameters = try SeriesParameters(form, defaults: options.queryOptions)
        guard parameters.end >= parameters.start else { return .success(.array([])) }
        return try await asking { () async throws in
            names(
                try await database.labelValues(
                    name, matchers: parameters.selectors, start: parameters.start, end: parameters.end,
                    limit: parameters.limit))
        }
    }

    func series(_ form: FormParameters) async throws(APIError) -> APIAnswer {
        let parameters = try SeriesParameters(form, defaults: options.queryOptions)
        guard !parameters.selectors.isEmpty else { throw APIError(.badData, "no match[] parameter provided") }
        guard parameters.end >= parameters.start else { return .success(.array([])) }
        return try await asking { () async throws in
            let found = try await database.series(
                matchers: parameters.selectors, start: parameters.start, end: parameters.end, limit: parameters.limit)
            return .json(
                pieces: SeriesAnswerPieces(
                    found.series, warnings: found.isTruncated ? [Self.truncationWarning] : []))
        }
    }

    func metadata(_ form: FormParameters) async throws(APIError) -> APIAnswer {
        let limit = try Self.metadataLimit(form, "limit")
        let limitPerMetric = try Self.metadataLimit(form, "limit_per_metric")
        return try await asking { () async throws in
            let found = try await database.metadata(
                metric: form["metric"], limit: limit, limitPerMetric: limitPerMetric)
            let families = found.sorted { $0.key.precedesByBytes($1.key) }
            return .success(
                .object(
                    families.map { name, entries in
                        (
                            name,
                            .array(
                                entries.map { entry in
                                    .object([
                                        ("type", .string(entry.type)), ("help", .string(entry.help)),
                                        ("unit", .string(entry.unit)),
                                    ])
                                })
                        )
                    }))
        }
    }

    /// Here, and only here, clients send −1 for 'no limit'.
    private static func metadataLimit(_ form: FormParameters, _ name: String) throws(APIError) -> Int {
        guard let text = form[name] else { return 0 }
        guard let limit = Int(text) else { throw .badParameter(name, "limit must be a number") }
        return max(0, limit)
    }

    private func names(_ found: LimitedNames) -> APIAnswer {
        .success(.texts(found.texts), warnings: found.isTruncated ? [Self.truncationWarning] : [])
    }
}
