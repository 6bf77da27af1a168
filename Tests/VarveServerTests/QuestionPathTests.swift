import MetricModel
import PromQL
import Synchronization
import Testing

@testable import VarveServer

/// Questions that go past the framework: the same answers, in the order of their requests, and none for who has gone.
@Suite struct QuestionPathTests {
    private static func selected(_ head: String) -> Route? {
        let bytes = Array((head + "\r\n\r\n").utf8)
        return bytes.withUnsafeBytes { raw in
            guard case .whole(let head) = PlainHead.read(raw) else { return nil }
            return QuestionSelection(ServerOptions()).question(of: head, in: raw)?.route
        }
    }

    @Test func plainQuestionsAreTakenAndOthersAreNot() {
        func head(_ target: String, _ fields: String = "") -> String { "GET \(target) HTTP/1.1\r\nHost: x\(fields)" }
        #expect(Self.selected(head("/api/v1/query?query=up")) == .query)
        #expect(Self.selected(head("/api/v1/query_range?query=up", "\r\nAccept-Encoding: identity")) == .queryRange)
        #expect(Self.selected(head("/prometheus/api/v1/labels")) == .labels)
        #expect(Self.selected(head("/api/v1/label/a/values", "\r\nAccept-Encoding: br")) == .labelValues)
        #expect(Self.selected(head("/api/v1/series?match[]=up")) == .series)
        for other in [
            head("/api/v1/query", "\r\nAccept-Encoding: gzip, br"), head("/api/v1/query", "\r\nOrigin: http://a"),
            head("/api/v1/query", "\r\nContent-Length: 0"), head("/api/v1/query", "\r\nConnection: close"),
            head("/api/v1/query", "\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip"),
            head("/metrics"), head("/api/v1/status/tsdb"), head("/api/v1/nothing"),
            "HEAD /api/v1/query HTTP/1.1\r\nHost: x", "POST /api/v1/query HTTP/1.1\r\nHost: x",
        ] { #expect(Self.selected(other) == nil, "\(other)") }
    }

    private static func query(_ name: String) -> String {
        "GET /api/v1/query?query=\(name)&time=5 HTTP/1.1\r\nHost: x\r\n\r\n"
    }

    private static func body(_ name: String) -> String {
        "{\"status\":\"success\",\"data\":{\"resultType\":\"string\",\"result\":[5,\"\(name)\"]}}"
    }

    @Test func pipelinedQuestionsAndWritesAreAnsweredInTheirOrder() async throws {
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            if text == "bad" { throw .badParameter("no") }
            return QueryResult(value: .string(timestamp: 5_000, value: text))
        }
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                let write = "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nw"
                client.send(Self.query("a") + Self.query("b") + write + Self.query("bad"))
                client.send("GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n" + Self.query("c"))
                client.send("GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                let text = String(decoding: client.readToEnd(), as: UTF8.self)
                let answers = text.split(separator: "HTTP/1.1 ")
                #expect(answers.map { $0.prefix(3) } == ["200", "200", "204", "400", "404", "200", "200"])
                guard answers.count == 7 else { return }
                for (i, name) in [(0, "a"), (1, "b"), (5, "c")] {
                    let head = answers[i].lowercased()
                    #expect(answers[i].hasSuffix("\r\n\r\n" + Self.body(name)), "\(answers[i])")
                    #expect(head.contains("\r\ncontent-length: \(Self.body(name).utf8.count)\r\n"))
                    #expect(
                        head.contains("\r\ndate: ") && head.contains("\r\ncontent-type: application/json"))
                }
            }
        }
        #expect(database.state.withLock { $0.bodies } == [Array("w".utf8)])
    }

    /// Longer than what may wait for a client, so whoever makes it must wait.
    @Test func aLongAnswerComesInPiecesAndTheConnectionGoesOn() async throws {
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            QueryResult(
                value: .matrix(
                    (0..<40).map { index in
                        ResultSeries(
                            labels: Labels([("i", "\(index)")]), timestamps: (0..<2_000).map { Int64($0) * 1_000 },
                            values: (0..<2_000).map(Double.init))
                    }))
        }
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                let range = "GET /api/v1/query_range?query=x&start=0&end=1&step=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                client.send(range + range)
                client.send("GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                let text = String(decoding: client.readToEnd(), as: UTF8.self)
                let answers = text.split(separator: "HTTP/1.1 200 OK\r\n")
                #expect(answers.count == 3)
                for answer in answers.prefix(2) {
                    #expect(answer.contains("transfer-encoding: chunked") && answer.hasSuffix("]}]}}\r\n0\r\n\r\n"))
                    #expect(answer.utf8.count > 1_000_000)
                }
                #expect(answers.count == 3 && answers[0].dropFirst(200) == answers[1].dropFirst(200))
            }
        }
    }

    @Test func aQuestionEndsWhenItsClientClosesItsSide() async throws {
        let ended = AsyncStream.makeStream(of: Void.self)
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            do { try await Task.sleep(for: .seconds(3_600)) } catch { ended.continuation.yield() }
            throw .canceled
        }
        try await serving(database) { port in
            let client = try await blocking {
                let client = try TestClient(port: port)
                client.send(Self.query("x"))
                client.finishSending()
                return client
            }
            var ends = ended.stream.makeAsyncIterator()
            await ends.next()
            withExtendedLifetime(client) {}
        }
    }
}
