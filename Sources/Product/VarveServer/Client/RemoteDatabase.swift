public import MetricModel
import Platform
public import PromQL

/// A server, or anything that speaks Prometheus's API, asked over HTTP.
public struct RemoteDatabase: Sendable {
    private let server: ServerURL

    /// - Parameter url: `http://127.0.0.1:9490`, with a path before the API's if need be.
    public init(url: String, credentials: RemoteCredentials = .init()) throws(RemoteError) {
        server = try ServerURL(url, credentials)
    }

    public func query(_ expression: String, at time: Int64) async throws(RemoteError) -> QueryResult {
        try await evaluate("query", [("query", expression), ("time", Self.seconds(time))])
    }

    public func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64
    ) async throws(RemoteError) -> QueryResult {
        try await evaluate(
            "query_range",
            [
                ("query", expression), ("start", Self.seconds(start)), ("end", Self.seconds(end)),
                ("step", Self.seconds(step)),
            ])
    }

    /// - Parameters:
    ///   - selectors: as `match[]` takes them; a series counts when it matches any.
    ///   - start, end: milliseconds; nil: no bound.
    ///   - limit: 0: none.
    public func series(
        _ selectors: [String], start: Int64?, end: Int64?, limit: Int
    ) async throws(RemoteError) -> [Labels] {
        let answer = try await ask("series", Self.parameters(selectors, start, end, limit))
        return try decoded(answer["data"]?.elements?.map(RemoteAnswer.labels))
    }

    public func labelNames(
        _ selectors: [String], start: Int64?, end: Int64?, limit: Int
    ) async throws(RemoteError) -> [String] {
        let answer = try await ask("labels", Self.parameters(selectors, start, end, limit))
        return try decoded(answer["data"]?.elements?.map(\.text))
    }

    public func labelValues(
        _ name: String, _ selectors: [String], start: Int64?, end: Int64?, limit: Int
    ) async throws(RemoteError) -> [String] {
        let form = Self.form(Self.parameters(selectors, start, end, limit))
        let answer = try await ask("label/\(PercentEncoding.encode(name))/values" + (form.isEmpty ? "" : "?\(form)"))
        return try decoded(answer["data"]?.elements?.map(\.text))
    }

    private func evaluate(
        _ endpoint: String, _ parameters: [(String, String)]
    ) async throws(RemoteError) -> QueryResult {
        let answer = try await ask(endpoint, parameters)
        guard let data = answer["data"], let value = RemoteAnswer.value(data) else { throw strange }
        return QueryResult(
            value: value, warnings: answer["warnings"]?.elements?.compactMap(\.text) ?? [],
            infos: answer["infos"]?.elements?.compactMap(\.text) ?? [])
    }

    /// - Parameter parameters: nil asks with GET.
    private func ask(
        _ endpoint: String, _ parameters: [(String, String)]? = nil
    ) async throws(RemoteError) -> JSONValue {
        let (status, body) = try await HTTPConnection.ask(
            server, "/api/v1/\(endpoint)", form: parameters.map(Self.form))
        let answer: JSONValue
        do { answer = try JSONReader.read(body) } catch {
            let shown = String(decoding: body.prefix(200), as: UTF8.self).split(separator: "\n").first ?? ""
            throw RemoteError(
                .failed, "\(server.text) answers \(status) and no JSON: is it a server of metrics? It says: \(shown)")
        }
        guard answer["status"]?.text == "success" else {
            let text = answer["error"]?.text ?? "status \(status) without a reason"
            throw RemoteError(status == 400 ? .usage : .failed, text)
        }
        return answer
    }

    /// All of the elements, or the complaint that the answer has another shape.
    private func decoded<Element>(_ elements: [Element?]?) throws(RemoteError) -> [Element] {
        guard let elements else { throw strange }
        let found = elements.compactMap { $0 }
        guard found.count == elements.count else { throw strange }
        return found
    }

    private var strange: RemoteError {
        RemoteError(.failed, "\(server.text) answers in a shape that is not Prometheus's")
    }

    private static func parameters(
        _ selectors: [String], _ start: Int64?, _ end: Int64?, _ limit: Int
    ) -> [(String, String)] {
        var all = selectors.map { ("match[]", $0) }
        if let start { all.append(("start", seconds(start))) }
        if let end { all.append(("end", seconds(end))) }
        if limit > 0 { all.append(("limit", String(limit))) }
        return all
    }

    private static func form(_ parameters: [(String, String)]) -> String {
        parameters.map { "\(PercentEncoding.encode($0.0))=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        var text = JSONText()
        text.append(milliseconds: milliseconds)
        return String(decoding: text.bytes, as: UTF8.self)
    }
}

/// What the server at the other end did not do, by whose turn it is.
public struct RemoteError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// The question is wrong.
        case usage
        /// The server, or the way to it.
        case failed
    }
    public let kind: Kind
    public let text: String
    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
    public var description: String { text }
}

/// Prometheus's shapes, read; nil for anything else.
enum RemoteAnswer {
    static func value(_ data: JSONValue) -> QueryValue? {
        guard let result = data["result"] else { return nil }
        switch data["resultType"]?.text {
        case "scalar": return sample(result).map { .scalar(timestamp: $0.time, value: $0.value) }
        case "string":
            guard let pair = result.elements, pair.count == 2, let time = pair[0].double.flatMap(milliseconds),
                let text = pair[1].text
            else { return nil }
            return .string(timestamp: time, value: text)
        case "vector":
            return all(result.elements) { element in
                guard let labels = element["metric"].flatMap(labels), let sample = element["value"].flatMap(sample)
                else { return nil }
                return ResultSample(labels: labels, timestamp: sample.time, value: sample.value)
            }.map { .vector($0) }
        case "matrix":
            return all(result.elements) { element in
                guard let labels = element["metric"].flatMap(labels),
                    let samples = all(element["values"]?.elements, sample)
                else { return nil }
                return ResultSeries(labels: labels, timestamps: samples.map(\.time), values: samples.map(\.value))
            }.map { .matrix($0) }
        default: return nil
        }
    }

    static func labels(_ value: JSONValue) -> Labels? {
        guard case .object(let members) = value else { return nil }
        return all(members) { name, value in value.text.map { (name, $0) } }.map { Labels($0) }
    }

    private static func sample(_ value: JSONValue) -> (time: Int64, value: Double)? {
        guard let pair = value.elements, pair.count == 2, let time = pair[0].double.flatMap(milliseconds),
            let number = pair[1].text.flatMap(Double.init)
        else { return nil }
        return (time, number)
    }

    private static func milliseconds(_ seconds: Double) -> Int64? { TimeText.parse("\(seconds)") }

    private static func all<From, To>(_ elements: [From]?, _ transform: (From) -> To?) -> [To]? {
        guard let elements else { return nil }
        var found: [To] = []
        found.reserveCapacity(elements.count)
        for element in elements {
            guard let one = transform(element) else { return nil }
            found.append(one)
        }
        return found
    }
}
