import MetricModel
import PromQL
import Synchronization
import Testing

@testable import VarveServer

/// The command line's client against the server of the same house.
@Suite struct RemoteDatabaseTests {
    private static let strange = Labels([("__name__", "my.metric"), ("path", "a\"b\\c\n\u{1F600}&=+%")])

    @Test func answersArriveAsTheyWereMade() async throws {
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            switch text {
            case "vector":
                return QueryResult(
                    value: .vector([
                        ResultSample(labels: Self.strange, timestamp: 1_700_000_000_123, value: .infinity),
                        ResultSample(labels: .empty, timestamp: -1, value: 2.5e-300),
                    ]), warnings: ["careful"], infos: ["by the way"])
            case "matrix":
                return QueryResult(
                    value: .matrix([
                        ResultSeries(
                            labels: Self.strange, timestamps: (0..<30_000).map { $0 * 15_000 },
                            values: (0..<30_000).map { Double($0) / 7 })
                    ]))
            case "string": return QueryResult(value: .string(timestamp: 1_000, value: "é"))
            default: throw .badParameter("nothing like \(text)")
            }
        }
        database.state.withLock { $0.series = [Self.strange] }
        try await serving(database) { port in
            let remote = try RemoteDatabase(url: "http://127.0.0.1:\(port)/prometheus/")
            let vector = try await remote.query("vector", at: 1_234_567)
            #expect(database.calls.last == "query vector at 1234567")
            guard case .vector(let samples) = vector.value else { throw RemoteError(.failed, "no vector") }
            #expect(samples.map(\.labels) == [Self.strange, .empty])
            #expect(samples.map(\.timestamp) == [1_700_000_000_123, -1])
            #expect(samples.map(\.value) == [.infinity, 2.5e-300])
            #expect(vector.warnings == ["careful"] && vector.infos == ["by the way"])
            // Long enough to be streamed and compressed.
            let matrix = try await remote.queryRange("matrix", start: 0, end: 60_000, step: 15_000)
            #expect(database.calls.last == "queryRange matrix 0…60000 by 15000")
            guard case .matrix(let series) = matrix.value else { throw RemoteError(.failed, "no matrix") }
            #expect(series.first?.timestamps == (0..<30_000).map { $0 * 15_000 })
            #expect(series.first?.values == (0..<30_000).map { Double($0) / 7 })
            guard case .string(1_000, "é") = try await remote.query("string", at: 0).value else {
                throw RemoteError(.failed, "no string")
            }
            #expect(try await remote.series(["{path!=\"\"}", "up"], start: 1, end: 2, limit: 5) == [Self.strange])
            #expect(try await remote.labelNames([], start: nil, end: nil, limit: 0) == ["__name__", "path"])
            #expect(
                try await remote.labelValues("path", ["{path!=\"\"}"], start: nil, end: nil, limit: 1)
                    == ["a\"b\\c\n\u{1F600}&=+%"])
            let error = await #expect(throws: RemoteError.self) { try await remote.query("else", at: 0) }
            #expect(error?.kind == .usage && error?.text == "nothing like else")
            let lost = try RemoteDatabase(url: "127.0.0.1:\(port)/nowhere")
            let notFound = await #expect(throws: RemoteError.self) { try await lost.query("1", at: 0) }
            #expect(notFound?.kind == .failed && notFound?.text.contains("no such path") == true)
        }
    }

    @Test func nobodyAnswers() async throws {
        // Port 1 is nobody's.
        let error = await #expect(throws: RemoteError.self) {
            try await RemoteDatabase(url: "http://127.0.0.1:1").query("1", at: 0)
        }
        #expect(error?.text.contains("nobody answers at http://127.0.0.1:1") == true)
    }

    @Test(arguments: [
        "", "http://", "http://:80", "http://a:b", "http://a b", "http://u@h:1", "https://", "a:0", "a?b",
    ])
    func otherTextsAreNoAddresses(url: String) {
        let error = #expect(throws: RemoteError.self) { try RemoteDatabase(url: url) }
        #expect(error?.kind == .usage)
    }

    @Test(arguments: [
        ("http://[::1]:90/x/", "::1", 90, "/x"), ("h", "h", 80, ""), ("http://[::1]", "::1", 80, ""),
        ("https://h/p", "h", 443, "/p"), ("https://h:9", "h", 9, ""),
    ])
    func addressesAreRead(url: String, host: String, port: Int, path: String) throws {
        let server = try ServerURL(url)
        #expect(server.host == host && server.port == port && server.path == path)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\"}", "\"", "\"\\u12\"", "\"\\ud83d\\u0041\"", "1 2", "tru", "--1", "[\"\u{1}\"]", "nan",
        String(repeating: "[", count: 100_000),
    ])
    func brokenJSONIsRefused(text: String) {
        #expect(throws: JSONReader.Malformed.self) { try JSONReader.read(Array(text.utf8)) }
    }

    @Test func jsonIsReadAsItWasWritten() throws {
        let text = #" {"a":[1,-2.5,true,false,null,"x"],"b":{"":"\u00e9\ud83d\ude00\/\n"},"c":[],"d":{}} "#
        var again = JSONText()
        again.append(try JSONReader.read(Array(text.utf8)))
        #expect(
            String(decoding: again.bytes, as: UTF8.self)
                == #"{"a":[1,-2.5,true,false,null,"x"],"b":{"":"é😀/\n"},"c":[],"d":{}}"#)
    }

    @Test(arguments: [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([5, 5, .nan, 5, 5, 5, 5, 5], "▄▄ ▄▄▄▄▄"),
        ([.infinity, .nan], "        "), ([], "        "),
        ([-Double.greatestFiniteMagnitude, 0, 0, 0, 0, 0, 0, .greatestFiniteMagnitude], "▁▅▅▅▅▅▅█"),
    ])
    func aRangeIsPlotted(values: [Double], line: String) {
        let run = ResultSeries(
            labels: .empty, timestamps: values.indices.map { Int64($0) * 1_000 }, values: values)
        #expect(RangePlot.line(run, first: 0, last: 7_000, width: 8) == line)
    }
}
