import HTTPTypes
import Synchronization
import Testing

@testable import VarveServer

/// Writes that go past the framework: taken when plain, answered in order, never half stored.
@Suite struct WritePathTests {
    private static func write(_ body: String, headers: String = "") -> String {
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func pipelinedWritesAndQueriesAreAnsweredInTheirOrder() async throws {
        let database = FakeDatabase()
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                let query = "GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                client.send(Self.write("a") + Self.write("b") + query + Self.write("c") + query + Self.write("d"))
                client.finishSending()
                let answers = String(decoding: client.readToEnd(), as: UTF8.self)
                let statuses = answers.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
                #expect(statuses == ["204", "204", "404", "204", "404", "204"])
            }
        }
        #expect(database.state.withLock { $0.bodies } == ["a", "b", "c", "d"].map { Array($0.utf8) })
    }

    @Test func aClientThatHasClosedItsSideIsAnswered() async throws {
        try await serving(FakeDatabase()) { port in
            try await blocking {
                let client = try TestClient(port: port)
                client.send(Self.write("a"))
                client.finishSending()
                #expect(String(decoding: client.readToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 204"))
            }
        }
    }

    @Test func aBodyThatIsCutOffIsNotStored() async throws {
        let database = FakeDatabase()
        try await serving(database) { port in
            try await blocking {
                var client: TestClient? = try TestClient(port: port)
                client?.send("POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
                client = nil
                let other = try TestClient(port: port)
                other.send(Self.write("whole"))
                #expect(other.readAnswer()?.head.hasPrefix("HTTP/1.1 204") == true)
            }
        }
        #expect(database.state.withLock { $0.bodies } == [Array("whole".utf8)])
    }

    @Test func aRefusalCarriesItsTextAndTheConnectionGoesOn() async throws {
        let database = FakeDatabase()
        database.state.withLock { $0.write = .failure(.overloaded(retryAfterSeconds: 3, text: "too much")) }
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                for _ in 0..<2 {
                    client.send(Self.write("a"))
                    let answer = try #require(client.readAnswer())
                    #expect(answer.head.hasPrefix("HTTP/1.1 503"))
                    #expect(answer.head.lowercased().contains("retry-after: 3"))
                    #expect(answer.head.lowercased().contains("\r\ndate: "))
                    #expect(answer.body == "too much\n")
                }
            }
        }
    }

    @Test(
        arguments: [
            ("/api/v1/write", [:], 7), ("/prometheus/api/v1/write", [:], 7), ("/api/v1/write?x=1", [:], 7),
            ("/api/v1/write", [.contentEncoding: "snappy", .contentType: "application/x-protobuf"], 7),
            ("/api/v1/write", [.connection: "keep-alive"], 7),
            ("/api/v1/query", [:], nil), ("/api/v1/write", [.contentLength: "0"], nil),
            ("/api/v1/write", [.contentLength: "-1"], nil), ("/api/v1/write", [.contentLength: "99999999"], nil),
            ("/api/v1/write", [.transferEncoding: "chunked"], nil), ("/api/v1/write", [.expect: "100-continue"], nil),
            ("/api/v1/write", [.connection: "close"], nil), ("/api/v1/write", [.contentEncoding: "zstd"], nil),
            ("/api/v1/write", [.contentType: "text/plain"], nil),
        ] as [(String, [HTTPField.Name: String], Int?)])
    func onlyPlainWritesAreTaken(path: String, fields: [HTTPField.Name: String], expected: Int?) {
        var head = HTTPRequest(method: .post, scheme: "http", authority: "x", path: path)
        head.headerFields[.contentLength] = "7"
        for (name, value) in fields { head.headerFields[name] = value }
        #expect(WriteInterception(ServerOptions()).declaredLength(of: head) == expected)
        head.method = .get
        #expect(WriteInterception(ServerOptions()).declaredLength(of: head) == nil)
    }

    @Test(
        arguments: [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"), (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (Int64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int64, String)])
    func datesAreWrittenAsHTTPWritesThem(time: Int64, text: String) {
        #expect(HTTPDate.text(time) == text)
    }
}
