import MetricModel
import Platform
import PromQL

/// `/federate`: the last sample of each matching series within the lookback, for another Prometheus to scrape.
extension PrometheusAPI {
    /// A series counts when any `match[]` selects it; one whose last sample is a stale marker does not.
    func federate(_ form: FormParameters, accept: String) async throws(APIError) -> APIAnswer {
        let selectors = try SeriesParameters(form, defaults: options.queryOptions).selectors
        guard !selectors.isEmpty else { throw APIError(.badData, "no match[] parameter provided") }
        return try await asking { () async throws in try await federation(of: selectors, accept: accept) }
    }

    private func federation(of selectors: [[LabelMatcher]], accept: String) async throws(APIError) -> APIAnswer {
        let now = environment.time.now()
        var last: [Labels: (timestamp: Int64, value: Double)] = [:]
        for matchers in selectors {
            let selector = Self.text(of: matchers)
            // The selector knows who is stale, the range when each sample was.
            guard case .vector(let samples) = try await instant(selector, now), !samples.isEmpty else { continue }
            let ranges = try await instant("\(selector)[\(options.queryOptions.lookback.milliseconds)ms]", now)
            guard case .matrix(let runs) = ranges else { continue }
            let living = Set(samples.map(\.labels))
            for run in runs where living.contains(run.labels) {
                guard let timestamp = run.timestamps.last, let value = run.values.last else { continue }
                last[run.labels] = (timestamp, value)
            }
        }
        let found = last.map { FederatedSample(labels: $0.key, timestamp: $0.value.timestamp, value: $0.value.value) }
        let takesUTF8 = accept.lowercased().contains("escaping=allow-utf-8")
        return APIAnswer(
            status: 200,
            headers: [
                (
                    "content-type",
                    "text/plain; version=\(takesUTF8 ? "1.0.0" : "0.0.4"); charset=utf-8"
                        + (takesUTF8 ? "; escaping=allow-utf-8" : "")
                )
            ],
            body: .whole(FederationText.write(found, takesUTF8: takesUTF8)))
    }

    private func instant(_ expression: String, _ now: Int64) async throws(APIError) -> QueryValue {
        let lane = QueryLanes.lane(
            reach: database.reach(of: expression, start: now, end: now, step: nil, options: options.queryOptions))
        return try await running(
            Question(text: expression, start: now, end: now), lane, options.queryOptions,
            { (options) async throws(QueryError) in try await database.query(expression, at: now, options: options) },
            { (finished) async throws(APIError) in finished.result.value })
    }

    /// `{__name__="up",job=~"a|b"}`: what the matchers say, whatever form they came in.
    private static func text(of matchers: [LabelMatcher]) -> String {
        let parts = matchers.map { matcher in
            var value = JSONText()
            value.append(string: matcher.value)
            var name = JSONText()
            name.append(string: matcher.name)
            return String(decoding: name.bytes, as: UTF8.self) + matcher.operation.rawValue
                + String(decoding: value.bytes, as: UTF8.self)
        }
        return "{\(parts.joined(separator: ","))}"
    }
}

struct FederatedSample: Sendable {
    var labels: Labels
    /// Milliseconds.
    var timestamp: Int64
    var value: Double
}

/// The text exposition of samples with their times. Metrics are in byte order, a metric's series in order of labels.
///
/// - Types are not known per series: `untyped`.
/// - A series without `instance` gets an empty one, so that a scraper with `honor_labels` does not add its own.
/// - Names that are no plain words are quoted for those who take UTF-8, and get underscores for the others.
enum FederationText {
    static func write(_ samples: [FederatedSample], takesUTF8: Bool) -> [UInt8] {
        let named = samples.map { (name: $0.labels.metricName ?? "", sample: $0) }.sorted { a, b in
            a.name.hasSameBytes(as: b.name) ? a.sample.labels < b.sample.labels : a.name.precedesByBytes(b.name)
        }
        var text: [UInt8] = []
        var previous: String?
        for (name, sample) in named where !name.isEmpty {
            let shown = isPlain(name, colons: true) || takesUTF8 ? name : underscored(name)
            let isQuoted = !isPlain(shown, colons: true)
            if previous.map({ $0.hasSameBytes(as: shown) }) != true {
                text += Array("# TYPE \(isQuoted ? quoted(shown) : shown) untyped\n".utf8)
                previous = shown
            }
            var pairs = isQuoted ? [quoted(shown)] : []
            for label in sample.labels.withoutMetricName.labels {
                let isWord = isPlain(label.name, colons: false)
                let labelName = isWord ? label.name : takesUTF8 ? quoted(label.name) : underscored(label.name)
                pairs.append("\(labelName)=\(quoted(label.value))")
            }
            if sample.labels["instance"] == nil { pairs.append("instance=\"\"") }
            text += Array("\(isQuoted ? "" : shown){\(pairs.joined(separator: ","))} ".utf8)
            DecimalText.append(sample.value, to: &text)
            text += Array(" \(sample.timestamp)\n".utf8)
        }
        return text
    }

    private static func isPlain(_ name: String, colons: Bool) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { isWordByte($0, colons: colons) }
    }

    private static func isWordByte(_ byte: UInt8, colons: Bool) -> Bool {
        (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x5f
            || (colons && byte == 0x3a)
    }

    /// Prometheus's escaping `underscores`: one for each character that a plain word does not have.
    private static func underscored(_ name: String) -> String {
        var result = ""
        for (index, character) in name.unicodeScalars.enumerated() {
            let byte = UInt8(exactly: character.value).flatMap { $0 < 0x80 ? $0 : nil } ?? 0
            let isDigit = (0x30...0x39).contains(byte)
            let stays = isWordByte(byte, colons: true) && !(index == 0 && isDigit)
            result.unicodeScalars.append(stays ? character : "_")
        }
        return result
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += #"\\"#
            case "\n": result += #"\n"#
            case "\"": result += #"\""#
            default: result.unicodeScalars.append(character)
            }
        }
        return result + "\""
    }
}
