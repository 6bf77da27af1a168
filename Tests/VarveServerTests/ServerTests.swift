import Logging
import MetricModel
import Platform
import PromQL
import Synchronization
import Testing

@testable import VarveServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The server on a real socket.
@Suite struct ServerTests {
    @Test func aConnectionIsUsedAgainAndPipelined() async throws {
        let database = FakeDatabase()
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                client.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
                let first = try #require(client.readAnswer())
                #expect(first.head.hasPrefix("HTTP/1.1 200"))
                #expect(first.body == "Varve is healthy.\n")
                client.send(
                    "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nquery=7"
                )
                #expect(
                    client.readAnswer()?.body
                        == #"{"status":"success","data":{"resultType":"scalar","result":[0,"7"]}}"#)
                for _ in 0..<10 { client.send("GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n") }
                client.finishSending()
                let rest = String(decoding: client.readToEnd(), as: UTF8.self)
                #expect(rest.split(separator: "HTTP/1.1 404").count == 10)
            }
        }
    }

    @Test func aWriteArrivesWhole() async throws {
        let database = FakeDatabase()
        let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                client.send(
                    "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\nContent-Length: \(body.count)\r\n\r\n"
                )
                client.send(body)
                let answer = try #require(client.readAnswer())
                #expect(answer.head.hasPrefix("HTTP/1.1 204"))
                #expect(answer.head.lowercased().contains("x-prometheus-remote-write-samples-written: 0"))
                #expect(!answer.head.lowercased().contains("content-length"))
                // The same in chunks, on the same connection.
                client.send("POST /api/v1/write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                client.send("30d40\r\n")
                client.send(body)
                client.send("\r\n0\r\n\r\n")
                #expect(client.readAnswer()?.head.hasPrefix("HTTP/1.1 204") == true)
            }
        }
        #expect(database.state.withLock { $0.bodies } == [body, body])
    }

    @Test func aBodyOverTheLimitIsNotRead() async throws {
        let database = FakeDatabase()
        try await serving(database) { port in
            try await blocking {
                for (path, status) in [("/api/v1/write", "400"), ("/api/v1/query", "413")] {
                    let client = try TestClient(port: port)
                    client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
                    client.send([UInt8](repeating: 0, count: 1_000))
                    let answer = String(decoding: client.readToEnd(), as: UTF8.self)
                    #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer)")
                }
                let client = try TestClient(port: port)
                client.send(
                    "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Encoding: zstd\r\nContent-Length: 1000\r\n\r\n")
                #expect(String(decoding: client.readToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 415"))
            }
        }
        #expect(database.state.withLock { $0.bodies.isEmpty })
    }

    @Test func bodiesShareABoundedMemory() async throws {
        var options = ServerOptions()
        options.bodyMemory = 1_000
        let database = FakeDatabase()
        try await serving(database, options) { port in
            try await blocking {
                let client = try TestClient(port: port)
                client.send("POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
                let answer = String(decoding: client.readToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 503") && answer.lowercased().contains("retry-after: 5"))
                let second = try TestClient(port: port)
                for _ in 0..<5 {
                    second.send("POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
                    second.send([UInt8](repeating: 1, count: 900))
                    #expect(second.readAnswer()?.head.hasPrefix("HTTP/1.1 204") == true)
                }
            }
        }
    }

    @Test func aLongAnswerIsStreamed() async throws {
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            QueryResult(
                value: .matrix(
                    (0..<50).map { index in
                        ResultSeries(
                            labels: Labels([("i", "\(index)")]), timestamps: (0..<5_000).map { Int64($0) * 1_000 },
                            values: (0..<5_000).map(Double.init))
                    }))
        }
        try await serving(database) { port in
            let text = try await blocking {
                let client = try TestClient(port: port)
                client.send(
                    "GET /api/v1/query_range?query=x&start=0&end=1&step=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                return String(decoding: client.readToEnd(), as: UTF8.self)
            }
            #expect(text.lowercased().contains("transfer-encoding: chunked"))
            #expect(text.utf8.count > 3_000_000)
            #expect(text.hasSuffix("]}]}}\r\n0\r\n\r\n"))
        }
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 10_000) + "\r\n",
        "GET /" + String(repeating: "a", count: 200_000) + " HTTP/1.1\r\n\r\n",
    ])
    func nonsenseIsTurnedAwayAndTheServerLives(request: String) async throws {
        try await serving(FakeDatabase()) { port in
            try await blocking {
                let rude = try TestClient(port: port)
                rude.send(request)
                let answer = String(decoding: rude.readToEnd(), as: UTF8.self)
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"))
                let polite = try TestClient(port: port)
                polite.send("GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(polite.readAnswer()?.head.hasPrefix("HTTP/1.1 200") == true)
            }
        }
    }

    @Test(arguments: [
        "/%00", "/api/v1/label/%00/values", "/?", "//", "/api/v1/query?", "/api/v1/query?&&=&=x&query", "*",
        "http://h", "http://h/api/v1/labels?x#y", "/api/v1/labels?match[]=%7B%7D", "/#", "/%",
        "/api/v1/label/%zz/values",
    ])
    func strangeTargetsAreAnswered(target: String) async throws {
        try await serving(FakeDatabase()) { port in
            try await blocking {
                let client = try TestClient(port: port)
                client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = client.readAnswer()
                #expect(answer?.head.hasPrefix("HTTP/1.1 ") == true, "\(target)")
            }
        }
    }

    @Test func aQueryEndsWithItsClient() async throws {
        let began = AsyncStream.makeStream(of: Void.self)
        let ended = AsyncStream.makeStream(of: Void.self)
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            began.continuation.yield()
            do {
                try await Task.sleep(for: .seconds(3_600))
            } catch {
                ended.continuation.yield()
                throw .canceled
            }
            throw .canceled
        }
        try await serving(database) { port in
            var client: TestClient? = try await blocking {
                let client = try TestClient(port: port)
                client.send("GET /api/v1/query?query=x HTTP/1.1\r\nHost: x\r\n\r\n")
                return client
            }
            var begins = began.stream.makeAsyncIterator()
            await begins.next()
            #expect(client != nil)
            client = nil
            var ends = ended.stream.makeAsyncIterator()
            await ends.next()
        }
    }

    @Test func aPortInUseIsNamed() async throws {
        try await serving(FakeDatabase()) { port in
            var options = ServerOptions()
            options.port = port
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let second = Server(database: FakeDatabase(), options: options, logger: logger)
            let error = await #expect(throws: CannotListen.self) { try await second.run(handlesSignals: false) }
            #expect(error?.description.contains("port \(port) is in use") == true)
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        var options = ServerOptions()
        options.idleTimeout = .milliseconds(50)
        try await serving(FakeDatabase(), options) { port in
            try await blocking {
                let idle = try TestClient(port: port)
                #expect(idle.readToEnd().isEmpty)
                let slow = try TestClient(port: port)
                slow.send("POST /api/v1/write HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
                _ = slow.readToEnd()
            }
        }
    }

    @Test func aHeadThatDoesNotEndIsNotWaitedFor() async throws {
        var options = ServerOptions()
        options.headerTimeout = .milliseconds(50)
        try await serving(FakeDatabase(), options) { port in
            try await blocking {
                let slow = try TestClient(port: port)
                slow.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\nX: ")
                #expect(slow.readToEnd().isEmpty)
                // Idle between two requests is another matter, and so is a body.
                let patient = try TestClient(port: port)
                for last in ["", "Connection: close\r\n"] {
                    patient.send("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\(last)\r\n")
                    usleep(120_000)
                }
                let answers = String(decoding: patient.readToEnd(), as: UTF8.self)
                #expect(answers.split(separator: "200 OK").count == 3, "\(answers)")
            }
        }
    }

    @Test func theSignalToStopLetsRunningRequestsFinish() async throws {
        let began = AsyncStream.makeStream(of: Void.self)
        let released = AsyncStream.makeStream(of: Void.self)
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            began.continuation.yield()
            var release = released.stream.makeAsyncIterator()
            await release.next()
            return QueryResult(value: .scalar(timestamp: 0, value: 7))
        }
        var options = ServerOptions()
        options.port = 0
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = Server(database: database, options: options, logger: logger)
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let running = Task { try await server.run { found.yield($0) } }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())

        let answer = Task {
            try await blocking {
                let client = try TestClient(port: port)
                client.send("GET /api/v1/query?query=x HTTP/1.1\r\nHost: x\r\n\r\n")
                return String(decoding: client.readToEnd(), as: UTF8.self)
            }
        }
        var begins = began.stream.makeAsyncIterator()
        await begins.next()
        kill(getpid(), SIGTERM)
        // The listening socket goes first.
        while (try? await blocking { try TestClient(port: port) }) != nil { await Task.yield() }
        released.continuation.yield()

        #expect(try await answer.value.hasPrefix("HTTP/1.1 200"))
        try await running.value
    }
}
