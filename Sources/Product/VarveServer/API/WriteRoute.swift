import MetricModel

/// Remote write: headers and body in, status, headers and text out. No framework: any server can carry it.
///
/// The statuses follow what senders do with them: a 400 is dropped for ever, a 415 makes them change the encoding, a
/// 503 is sent again. 413, 429 and 500 lose data or loop with one sender or another and are never used.
enum WriteRoute {
    /// Compressed bytes of one body.
    static let maximumBody = WriteLimits.body

    /// - Parameters:
    ///   - headers: names in lower case.
    ///   - send: called once, at once or on another thread.
    static func answer(
        headers: [String: String], body: [UInt8], to database: any MetricDatabase,
        _ send: @escaping @Sendable (APIAnswer) -> Void
    ) {
        if let refusal = refusal(of: headers) { return send(refusal) }
        if body.count > maximumBody { return send(tooLarge(body.count)) }
        store(body, in: database, send)
    }

    /// What `answer` does once nothing is to be said about headers and size.
    static func store(
        _ body: [UInt8], in database: any MetricDatabase, _ send: @escaping @Sendable (APIAnswer) -> Void
    ) {
        database.remoteWrite(body) { send(answer(to: $0)) }
    }

    /// A body of a log that was left behind, or the question for one (`LeftLog`).
    static func bringIn(
        headers: [String: String], body: [UInt8], to database: any MetricDatabase
    ) async -> APIAnswer {
        if let refusal = refusal(of: headers) { return refusal }
        if body.count > maximumBody { return tooLarge(body.count) }
        guard let log = LeftLog(log: headers[LeftLog.logHeader] ?? "", sequences: headers[LeftLog.sequencesHeader])
        else {
            return nothingWritten(
                400, "\(LeftLog.logHeader) and \(LeftLog.sequencesHeader) are not as `varve wal replay` sends them")
        }
        let cut = database.cut(ofLogOf: log.claimants)
        guard let sequences = log.sequences else { return cut.map { .text("\($0)\n") } ?? .empty(status: 204) }
        guard cut != nil else { return nothingWritten(400, "no log of these claimants was left behind here") }
        return answer(to: await database.bringIn(body, numbered: sequences))
    }

    private static func answer(to result: Result<WriteOutcome, WriteRefusal>) -> APIAnswer {
        switch result {
        case .success(let outcome) where outcome.refused == 0: .empty(status: 204, headers: counts(outcome))
        case .success(let outcome):
            .text(
                status: 400, (outcome.refusal ?? "\(outcome.refused) samples or series were refused") + "\n",
                headers: counts(outcome))
        case .failure(.malformed(let text)): nothingWritten(400, text)
        case .failure(.overloaded(let seconds, let text)): retryLater(text, after: seconds)
        case .failure(.unavailable(let text)): retryLater(text, after: 5)
        }
    }

    /// Type and encoding, before the body is read; nil when they are ours.
    static func refusal(of headers: [String: String]) -> APIAnswer? {
        let encoding = (headers["content-encoding"] ?? "snappy").trimmedASCII.lowercased()
        guard encoding == "snappy" || encoding.isEmpty else {
            return nothingWritten(
                415, "Content-Encoding \"\(encoding.prefix(64))\" is not supported; send snappy (block format)")
        }
        let parts = (headers["content-type"] ?? "").split(separator: ";").map { String($0).trimmedASCII }
        guard let type = parts.first, !type.isEmpty else { return nil }
        guard type.lowercased() == "application/x-protobuf" else {
            return nothingWritten(
                415, "Content-Type \"\(type.prefix(64))\" is not supported; send application/x-protobuf")
        }
        for parameter in parts.dropFirst() {
            let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, String(pair[0]).trimmedASCII.lowercased() == "proto" else { continue }
            let message = String(pair[1]).trimmedASCII.filter { $0 != "\"" }
            if message != "prometheus.WriteRequest" {
                return nothingWritten(
                    415, "message \"\(message.prefix(128))\" is not supported; send prometheus.WriteRequest (1.0)")
            }
        }
        return nil
    }

    /// 400 and not 413: vmagent sends a 413 again for ever.
    static func tooLarge(_ size: Int?) -> APIAnswer {
        let found = size.map { "of \($0) bytes " } ?? ""
        return nothingWritten(
            400,
            "the body \(found)is over the limit of \(maximumBody) bytes, which nothing raises, or over web.max-body; "
                + "send fewer samples per request")
    }

    static func retryLater(_ text: String, after seconds: Int) -> APIAnswer {
        var answer = nothingWritten(503, text)
        answer.headers.append(("retry-after", String(max(1, seconds))))
        return answer
    }

    private static func nothingWritten(_ status: Int, _ text: String) -> APIAnswer {
        .text(status: status, text + "\n", headers: counts(WriteOutcome(samples: 0)))
    }

    private static func counts(_ outcome: WriteOutcome) -> [(name: String, value: String)] {
        [
            ("x-prometheus-remote-write-samples-written", String(outcome.samples)),
            ("x-prometheus-remote-write-histograms-written", String(outcome.histograms)),
            ("x-prometheus-remote-write-exemplars-written", String(outcome.exemplars)),
        ]
    }
}
