import MetricModel
import Platform
import PromQL
import Synchronization
import Testing

@testable import VarveServer

@Suite struct ErrorMappingTests {
    @Test(
        arguments: [
            (
                QueryError.parse(ParseError(line: 1, column: 5, reason: "unexpected end")), 400,
                #"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unexpected end"}"#
            ),
            (.badParameter("bad"), 400, #"{"status":"error","errorType":"bad_data","error":"bad"}"#),
            (.execution("too many"), 422, #"{"status":"error","errorType":"execution","error":"too many"}"#),
            (.timeout("late"), 503, #"{"status":"error","errorType":"timeout","error":"late"}"#),
            (.canceled, 499, #"{"status":"error","errorType":"canceled","error":"query was canceled"}"#),
            (.storage("disk"), 500, #"{"status":"error","errorType":"internal","error":"disk"}"#),
        ] as [(QueryError, Int, String)])
    func aQueryErrorHasItsStatus(error: QueryError, status: Int, body: String) async {
        let database = FakeDatabase().answering { (_) async throws(QueryError) in throw error }
        let answer = await PrometheusAPI.test(database).get("/api/v1/query?query=x")
        #expect(answer.status == status)
        #expect(answer.bodyText == body)
        #expect(answer.header("content-type") == "application/json")
    }

    @Test func whatTheDatabaseThrowsHasItsKind() {
        #expect(APIError(CancellationError()).kind == .canceled)
        #expect(APIError(SelectError.tooManySamples(limit: 1)).kind == .execution)
        #expect(APIError(SelectError.storage("x")).kind == .internal)
        #expect(APIError(DamagedFile(path: "p", offset: 1, found: "f", remedy: "r")).kind == .internal)
    }

    private static func answer(
        headers: [String: String], body: [UInt8], to database: FakeDatabase
    ) async -> APIAnswer {
        await withCheckedContinuation { continuation in
            WriteRoute.answer(headers: headers, body: body, to: database) { continuation.resume(returning: $0) }
        }
    }

    @Test(
        arguments: [
            (Result<WriteOutcome, WriteRefusal>.success(WriteOutcome(samples: 3)), 204, "3", nil, ""),
            (
                .success(WriteOutcome(samples: 2, refused: 1, refusal: "1 sample too old: up")), 400, "2", nil,
                "1 sample too old: up\n"
            ),
            (.failure(.malformed("cut")), 400, "0", nil, "cut\n"),
            (.failure(.overloaded(retryAfterSeconds: 7, text: "busy")), 503, "0", "7", "busy\n"),
            (.failure(.unavailable("full")), 503, "0", "5", "full\n"),
        ] as [(Result<WriteOutcome, WriteRefusal>, Int, String, String?, String)])
    func aWriteTellsItsSenderWhatToDo(
        outcome: Result<WriteOutcome, WriteRefusal>, status: Int, written: String, retry: String?, body: String
    ) async {
        let database = FakeDatabase()
        database.state.withLock { $0.write = outcome }
        let answer = await Self.answer(headers: [:], body: [1], to: database)
        #expect(answer.status == status)
        #expect(answer.header("x-prometheus-remote-write-samples-written") == written)
        #expect(answer.header("x-prometheus-remote-write-histograms-written") == "0")
        #expect(answer.header("x-prometheus-remote-write-exemplars-written") == "0")
        #expect(answer.header("retry-after") == retry)
        #expect(answer.bodyText == body)
    }

    @Test(
        arguments: [
            (nil, nil, true), (nil, "snappy", true), ("application/x-protobuf", "Snappy", true),
            ("application/x-protobuf;proto=prometheus.WriteRequest", "snappy", true),
            ("Application/X-Protobuf; proto=\"prometheus.WriteRequest\"", "snappy", true),
            ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", false),
            ("application/x-protobuf;proto=", "snappy", false), ("application/json", "snappy", false),
            ("text/plain", nil, false), ("application/x-protobuf", "zstd", false), (nil, "gzip", false),
            (nil, "identity", false),
        ] as [(String?, String?, Bool)])
    func typesThatAreNotOursAre415(type: String?, encoding: String?, isTaken: Bool) async {
        let database = FakeDatabase()
        var headers: [String: String] = [:]
        headers["content-type"] = type
        headers["content-encoding"] = encoding
        let answer = await Self.answer(headers: headers, body: [], to: database)
        #expect(answer.status == (isTaken ? 204 : 415))
        #expect(database.state.withLock { $0.bodies.count } == (isTaken ? 1 : 0))
    }
}
