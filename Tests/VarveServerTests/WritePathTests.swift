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

    /// The same bytes, however the network cuts them.
    @Test func writesAreTakenInAnyPieces() async throws {
        let database = FakeDatabase()
        let texts = ["a", String(repeating: "b", count: 3_000), "c"]
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                let query = "GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                let all = Array(
                    (Self.write(texts[0]) + query + Self.write(texts[1]) + Self.write(texts[2]) + query).utf8)
                var at = 0
                for size in [1, 1, 2, 3, 5, 7, 20, 50, 60, 1, 100, 90, 1_000, 2_000, 17, .max] {
                    let piece = all[at..<min(at + min(size, all.count), all.count)]
                    client.send(String(decoding: piece, as: UTF8.self))
                    at = piece.endIndex
                }
                client.finishSending()
                let answers = String(decoding: client.readToEnd(), as: UTF8.self)
                #expect(
                    answers.split(separator: "HTTP/1.1 ").map { $0.prefix(3) } == ["204", "404", "204", "204", "404"])
            }
        }
        #expect(database.state.withLock { $0.bodies } == texts.map { Array($0.utf8) })
    }

    /// What the general parser refuses ends the connection: nothing behind it is a request.
    @Test(arguments: ["GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET /\r\n\r\n", "\r\nPOST / HTTP/9.9\r\n\r\n"])
    func nothingIsTakenBehindWhatIsNoRequest(first: String) async throws {
        let database = FakeDatabase()
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                client.send(first + Self.write("a"))
                client.finishSending()
                #expect(!String(decoding: client.readToEnd(), as: UTF8.self).contains("204"))
            }
        }
        #expect(database.state.withLock { $0.bodies }.isEmpty)
    }

    /// A body that the framework's way must read does not hide a request from it, nor show one that is none.
    @Test func bytesOfABodyAreNoRequest() async throws {
        let database = FakeDatabase()
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                let hidden = Self.write("hidden")
                client.send("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: \(hidden.utf8.count)\r\n\r\n")
                client.send(hidden)
                client.send(
                    "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "\(String(hidden.utf8.count, radix: 16))\r\n\(hidden)\r\n0\r\n\r\n")
                client.send(Self.write("open"))
                client.finishSending()
                let answers = String(decoding: client.readToEnd(), as: UTF8.self)
                #expect(answers.split(separator: "HTTP/1.1 ").count { $0.hasPrefix("204") } == 1)
            }
        }
        #expect(database.state.withLock { $0.bodies } == [Array("open".utf8)])
    }

    @Test(
        arguments: [
            ("/api/v1/write", "", 7), ("/prometheus/api/v1/write", "", 7), ("/api/v1/write?x=1", "", 7),
            ("/api/v1/write", "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n", 7),
            ("/api/v1/write", "content-type:  application/x-protobuf;proto=prometheus.WriteRequest \r\n", 7),
            ("/api/v1/write", "Connection: keep-alive\r\n", 7), ("/api/v1/query", "", nil),
            ("/api/v1/write", "Expect: 100-continue\r\n", nil), ("/api/v1/write", "Origin: http://x\r\n", nil),
            ("/api/v1/write", "X-Varve-Log: 1f\r\n", nil),
            ("/api/v1/write", "Content-Encoding: zstd\r\n", nil),
            ("/api/v1/write", "Content-Type: text/plain\r\n", nil),
        ] as [(String, String, Int?)])
    func onlyPlainWritesAreTaken(path: String, fields: String, expected: Int?) {
        func length(_ method: String, _ declared: String = "Content-Length: 7\r\n") -> Int? {
            Array("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(declared)\(fields)\r\n".utf8).withUnsafeBytes {
                bytes in
                guard case .whole(let head) = PlainHead.read(bytes) else {
                    Issue.record("not plain")
                    return nil
                }
                return WriteSelection(ServerOptions()).declaredLength(of: head, in: bytes)
            }
        }
        #expect(length("POST") == expected)
        #expect(length("GET") == nil)
        #expect(length("POST", "") == nil)
        #expect(length("POST", "Content-Length: 0\r\n") == nil)
        #expect(length("POST", "Content-Length: 99999999\r\n") == nil)
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
