/// A request as the API sees it, whichever server carried it.
struct APIRequest: Sendable {
    /// Upper case.
    var method: String
    /// As sent, still escaped, without the query.
    var path: String
    /// What follows `?`, still escaped.
    var query: String
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
    /// The way that a question takes, once somebody found it (`PrometheusAPI.lane`).
    var lane: QueryLanes.Lane?

    init(method: String, path: String, query: String = "", headers: [String: String] = [:], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// - Parameter target: the request target, `/api/v1/query?query=up` or in absolute form.
    init(method: String, target: String, headers: [String: String] = [:], body: [UInt8] = []) {
        var rest = target.utf8[...]
        if let host = Self.hostStart(rest) {
            rest = rest[host...]
            rest = rest.firstIndex(of: UInt8(ascii: "/")).map { rest[$0...] } ?? rest[rest.endIndex...]
        }
        if let fragment = rest.firstIndex(of: UInt8(ascii: "#")) { rest = rest[..<fragment] }
        let mark = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        let query = mark == rest.endIndex ? "" : String(decoding: rest[rest.index(after: mark)...], as: UTF8.self)
        self.init(
            method: method, path: String(decoding: rest[..<mark], as: UTF8.self), query: query, headers: headers,
            body: body)
    }

    private static func hostStart(_ target: Substring.UTF8View) -> String.Index? {
        for scheme in ["http://", "https://"] where target.starts(with: scheme.utf8) {
            return target.index(target.startIndex, offsetBy: scheme.utf8.count)
        }
        return nil
    }

    /// Content-Type without its parameters, in lower case; empty when absent.
    var mediaType: String {
        let value = headers["content-type"] ?? ""
        let type = value.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)[0]
        return String(type).trimmedASCII.lowercased()
    }
}

/// An answer, whole or in pieces that are made while they are sent.
struct APIAnswer: Sendable {
    enum Body: Sendable {
        case whole([UInt8])
        case pieces(any AnswerPieces)
    }

    var status: Int
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    var body: Body

    static func text(status: Int = 200, _ text: String, headers: [(name: String, value: String)] = []) -> APIAnswer {
        APIAnswer(
            status: status, headers: [("content-type", "text/plain; charset=utf-8")] + headers,
            body: .whole(Array(text.utf8)))
    }

    static func empty(status: Int, headers: [(name: String, value: String)] = []) -> APIAnswer {
        APIAnswer(status: status, headers: headers, body: .whole([]))
    }

    static func json(status: Int = 200, _ value: JSONValue) -> APIAnswer {
        var text = JSONText()
        text.append(value)
        return json(status: status, text.bytes)
    }

    static func json(status: Int = 200, _ bytes: [UInt8]) -> APIAnswer {
        APIAnswer(status: status, headers: [("content-type", "application/json")], body: .whole(bytes))
    }

    /// The success envelope round `data`.
    static func success(_ data: JSONValue, warnings: [String] = []) -> APIAnswer {
        var members: [(String, JSONValue)] = [("status", .string("success")), ("data", data)]
        if !warnings.isEmpty { members.append(("warnings", .array(warnings.map(JSONValue.string)))) }
        return json(.object(members))
    }

    /// Collects the pieces: for tests and the command line.
    var wholeBody: [UInt8] {
        switch body {
        case .whole(let bytes): return bytes
        case .pieces(var pieces):
            var bytes: [UInt8] = []
            while let piece = pieces.next() { bytes += piece }
            return bytes
        }
    }
}

/// A long answer, made piece by piece so that it is never whole in memory.
protocol AnswerPieces: Sendable {
    /// The next bytes, never empty; nil at the end.
    mutating func next() -> [UInt8]?
    /// What it holds until the last piece is made, about.
    var heldBytes: Int { get }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmedASCII: String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
