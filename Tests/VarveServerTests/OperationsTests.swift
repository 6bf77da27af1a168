import Logging
import MetricModel
import Platform
import PromQL
import Synchronization
import Testing

@testable import VarveServer

/// Federation, cardinality, active and slow queries, origins: what operators and other servers use.
@Suite struct OperationsTests {
    private static func labels(_ pairs: (String, String)...) -> Labels { Labels(pairs) }

    @Test func federationShowsTheLastLivingSamples() async {
        let alive = Self.labels(("__name__", "up"), ("job", "a\"\\\n"))
        let second = Self.labels(("__name__", "up"), ("instance", "i"), ("job", "a"))
        let dotted = Self.labels(("__name__", "my.metric"), ("other.label", "é"))
        let stale = Self.labels(("__name__", "up"), ("job", "gone"))
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            if text.hasSuffix("[300000ms]") {
                return QueryResult(
                    value: .matrix(
                        [alive, second, dotted, stale].map {
                            ResultSeries(labels: $0, timestamps: [1_000, 2_500], values: [1, 0.5])
                        }))
            }
            return QueryResult(
                value: .vector([alive, second, dotted].map { ResultSample(labels: $0, timestamp: 9_000, value: 0.5) }))
        }
        let api = PrometheusAPI.test(database)
        let answer = await api.get("/federate?match[]=up%7Bjob!=%22%22%7D&match[]=%7B__name__=~%22a%7Cb%22%7D")
        #expect(answer.status == 200)
        #expect(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            answer.bodyText == """
                # TYPE my_metric untyped
                my_metric{other_label="é",instance=""} 0.5 2500
                # TYPE up untyped
                up{instance="i",job="a"} 0.5 2500
                up{job="a\\"\\\\\\n",instance=""} 0.5 2500

                """)
        // Both selectors are asked, as PromQL that parses.
        let asked = database.calls.map { $0.split(separator: " ")[1] }
        #expect(asked.count == 4)
        for text in asked { #expect(throws: Never.self) { try PromQLParser.parse(String(text)) } }
        let modern = await api.answer(
            APIRequest(
                method: "GET", target: "/prometheus/federate?match[]=up",
                headers: ["accept": "text/plain;version=1.0.0;escaping=allow-utf-8"]))
        #expect(
            modern.bodyText.hasPrefix("# TYPE \"my.metric\" untyped\n{\"my.metric\",\"other.label\"=\"é\",instance"))
        #expect(await api.get("/federate").status == 400)
        #expect(await api.get("/federate?match[]=up%7B").status == 400)
    }

    @Test func cardinalityHasPrometheusShape() async {
        let database = FakeDatabase()
        database.state.withLock { state in
            state.cardinality.series = 3
            state.cardinality.labelPairs = 5
            state.cardinality.objects = 2
            state.cardinality.seriesByMetric = [.init("up", 2), .init("x", 1)]
            state.cardinality.seriesByPair = [.init("job=a", 3)]
        }
        let api = PrometheusAPI.test(database)
        #expect(
            await api.get("/api/v1/status/tsdb?limit=3").bodyText
                == #"{"status":"success","data":{"headStats":{"numSeries":3,"numLabelPairs":5,"chunkCount":2,"#
                + #""minTime":9223372036854775807,"maxTime":-9223372036854775808},"#
                + #""seriesCountByMetricName":[{"name":"up","value":2},{"name":"x","value":1}],"#
                + #""labelValueCountByLabelName":[],"memoryInBytesByLabelName":[],"#
                + #""seriesCountByLabelValuePair":[{"name":"job=a","value":3}]}}"#)
        #expect(database.calls == ["cardinality 3"])
        for limit in ["0", "-1", "10001", "x"] {
            #expect(await api.get("/api/v1/status/tsdb?limit=\(limit)").status == 400, "\(limit)")
        }
    }

    @Test func cardinalityIsAskedOfSomeSeriesAndByALabel() async {
        let database = FakeDatabase()
        database.state.withLock { $0.cardinality.seriesByFocus = [.init("a", 3)] }
        let api = PrometheusAPI.test(database)
        let answer = await api.get("/api/v1/status/tsdb?topN=5&match[]=up&match[]=down&focusLabel=job").bodyText
        #expect(answer.contains(#""seriesCountByFocusLabelValue":[{"name":"a","value":3}]"#))
        #expect(database.calls == ["cardinality 5 of 2 by job"])
        #expect(await api.get("/api/v1/status/tsdb?match[]=%7B").status == 400)
    }

    @Test func queriesThatEndedAreSummedUp() async {
        let clock = SteppedClock()
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            clock.advance(seconds: text == "dear" ? 6 : 1)
            if text == "bad" { throw QueryError.execution("no") }
            return QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        var environment = Environment.live
        environment.time = clock
        let api = PrometheusAPI(
            database: database, options: ServerOptions(), environment: environment,
            state: ServerState(startTime: 0), logger: Logger(label: "test"))
        for query in ["cheap", "dear", "cheap", "cheap", "bad"] { _ = await api.get("/api/v1/query?query=\(query)") }
        _ = await api.get("/api/v1/query_range?query=cheap&start=0&end=60&step=60")
        let answer = await api.get("/api/v1/status/top_queries?topN=1").bodyText
        #expect(
            answer == #"{"status":"success","topN":"1","maxLifetime":"600.0s","#
                + #""topByCount":[{"query":"cheap","timeRangeSeconds":0,"count":3}],"#
                + #""topByAvgDuration":[{"query":"dear","timeRangeSeconds":0,"avgDurationSeconds":6,"count":1}],"#
                + #""topBySumDuration":[{"query":"dear","timeRangeSeconds":0,"sumDurationSeconds":6,"count":1}]}"#)
        let recent = await api.get("/api/v1/status/top_queries?maxLifetime=1s").bodyText
        #expect(recent.contains("\"timeRangeSeconds\":60") && !recent.contains("dear"))
        #expect(await api.get("/api/v1/status/top_queries?topN=0").status == 400)
    }

    @Test func reloadAndQuitAreOffAndNeverOnGet() async {
        let api = PrometheusAPI.test(FakeDatabase())
        for path in ["/-/reload", "/-/quit"] {
            #expect(await api.answer(APIRequest(method: "POST", target: path)).status == 403)
            #expect(await api.get(path).status == 405)
        }
    }

    @Test func runningQueriesAreListed() async {
        let (began, release) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Void.self))
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            began.continuation.yield()
            for await _ in release.stream { break }
            return QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        let api = PrometheusAPI.test(database)
        #expect(await api.get("/api/v1/status/active_queries").bodyText == #"{"status":"success","data":[]}"#)
        let query = Task { await api.get("/api/v1/query_range?query=sum(up)&start=1&end=2&step=1") }
        for await _ in began.stream { break }
        let list = await api.get("/api/v1/status/active_queries").bodyText
        #expect(list.contains(#"{"id":"1","query":"sum(up)","state":"running","duration":""#))
        #expect(list.contains(#""start":1000,"end":2000,"step":1000}"#))
        release.continuation.yield()
        #expect(await query.value.status == 200)
        #expect(api.state.queries.all.isEmpty)
    }

    @Test(arguments: [(Duration.seconds(5), 1), (.seconds(7), 0), (.zero, 0)])
    func slowQueriesAreLogged(threshold: Duration, lines: Int) async throws {
        let clock = SteppedClock()
        let log = LogLines()
        var options = ServerOptions()
        options.slowQueryThreshold = threshold
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            clock.advance(seconds: 6)
            var result = QueryResult(value: .scalar(timestamp: 0, value: 1))
            result.statistics.totalSamples = 77
            return result
        }
        var environment = Environment.live
        environment.time = clock
        let api = PrometheusAPI(
            database: database, options: options, environment: environment, state: ServerState(startTime: 0),
            logger: Logger(label: "test") { _ in log })
        let text = "up + \(String(repeating: "1 + ", count: 5_000))1"
        _ = await api.post("/api/v1/query", form: "query=\(PercentEncoding.encode(text))&time=0")
        let found = log.lines.withLock { $0 }
        #expect(found.count == lines)
        if let line = found.first {
            #expect(line.hasPrefix("slow query") && line.contains("samples=77") && line.contains("seconds=6.0"))
            #expect(line.contains("query=up + 1") && line.utf8.count < 5_000)
        }
    }

    @Test func pagesOfAllowedOriginsMayRead() async {
        func header(_ pattern: String, _ origin: String?, _ method: String, _ path: String) async -> String? {
            var options = ServerOptions()
            options.allowedOrigins = pattern
            let request = APIRequest(
                method: method, target: path, headers: origin.map { ["origin": $0] } ?? [:])
            return await PrometheusAPI.test(FakeDatabase(), options).answer(request).header(
                "access-control-allow-origin")
        }
        #expect(await header(".*", "http://a", "GET", "/api/v1/labels") == "*")
        #expect(await header(".*", "http://a", "OPTIONS", "/api/v1/query") == "*")
        #expect(await header(".*", nil, "GET", "/api/v1/labels") == nil)
        #expect(await header("", "http://a", "GET", "/api/v1/labels") == nil)
        #expect(await header("http://(a|b)", "http://b", "GET", "/api/v1/labels") == "http://b")
        #expect(await header("http://(a|b)", "http://b.evil", "GET", "/api/v1/labels") == nil)
        #expect(await header(".*", "http://a", "OPTIONS", "/api/v1/write") == nil)
    }
}

/// A clock that stands until it is told to go on.
final class SteppedClock: TimeSource {
    private let nanoseconds = Atomic<UInt64>(0)
    func advance(seconds: UInt64) { nanoseconds.add(seconds * 1_000_000_000, ordering: .relaxed) }
    func now() -> Int64 { Int64(monotonic() / 1_000_000) }
    func monotonic() -> UInt64 { nanoseconds.load(ordering: .relaxed) }
    func sleep(for duration: Duration) async throws { advance(seconds: UInt64(duration.components.seconds)) }
}

/// A log that is kept.
private final class LogLines: LogHandler, Sendable {
    let lines = Mutex<[String]>([])
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .info }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }
    func log(event: LogEvent) {
        let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        lines.withLock { $0.append("\(event.message) \(pairs.joined(separator: " "))") }
    }
}
