import MetricModel
import PromQL
import Synchronization
import Testing

@testable import VarveServer

@Suite struct RouteTests {
    private func populated() -> FakeDatabase {
        let database = FakeDatabase()
        database.state.withLock { state in
            state.series = [
                Labels([("__name__", "up"), ("job", "a")]), Labels([("__name__", "up"), ("job", "b")]),
                Labels([("__name__", "my.metric"), ("other.label", "x")]),
            ]
            state.metadata = [
                "up": [VarveServer.MetricMetadata(type: "gauge", help: "1 when\nreached", unit: "")],
                "a_total": [VarveServer.MetricMetadata(type: "counter", help: "", unit: "s")],
            ]
        }
        return database
    }

    /// `reference/http-api.md` section 8: Grafana's opening sequence, on an empty database.
    @Test func grafanaOpensAnEmptyDatabase() async {
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            QueryResult(value: .scalar(timestamp: 4_000, value: 2))
        }
        let api = PrometheusAPI.test(database)
        let save = await api.post("/api/v1/query", form: "query=1%2B1&time=4")
        #expect(save.status == 200)
        #expect(save.bodyText == #"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#)
        #expect(database.calls == ["query 1+1 at 4000"])
        let build = await api.get("/api/v1/status/buildinfo")
        #expect(build.bodyText.contains(#""version":"2."#))
        #expect(!build.bodyText.contains("features"))
        for (target, body) in [
            ("/api/v1/rules", #"{"status":"success","data":{"groups":[]}}"#),
            (
                "/api/v1/query_exemplars?query=test&start=1735689600000&end=1735693200000",
                #"{"status":"success","data":[]}"#
            ),
            ("/api/v1/metadata?limit=40000", #"{"status":"success","data":{}}"#),
            ("/api/v1/labels?limit=40000", #"{"status":"success","data":[]}"#),
            ("/api/v1/label/__name__/values?limit=40000", #"{"status":"success","data":[]}"#),
            ("/api/v1/alerts", #"{"status":"success","data":{"alerts":[]}}"#),
        ] {
            let answer = await api.get(target)
            #expect(answer.status == 200, "\(target)")
            #expect(answer.bodyText == body, "\(target)")
        }
    }

    @Test func labelsSeriesAndMetadata() async {
        let api = PrometheusAPI.test(populated())
        for (target, body) in [
            ("/api/v1/labels", #"["__name__","job","other.label"]"#),
            ("/api/v1/labels?match[]=up", #"["__name__","job"]"#),
            ("/api/v1/labels?limit=1", #"["__name__"],"warnings":["results truncated due to limit"]"#),
            ("/api/v1/label/job/values", #"["a","b"]"#),
            ("/api/v1/label/U__other_2e_label/values", #"["x"]"#),
            ("/api/v1/label/other%2elabel/values", #"["x"]"#),
            ("/api/v1/label/job/values?start=5&end=4", "[]"),
            ("/api/v1/series?match[]=%7Bjob%3D%22b%22%7D", #"[{"__name__":"up","job":"b"}]"#),
            (
                "/api/v1/series?match[]={__name__=~%22.%2B%22,}&limit=1",
                #"[{"__name__":"my.metric","other.label":"x"}],"warnings":["results truncated due to limit"]"#
            ),
            (
                "/prometheus/api/v1/series?match[]={__name__!=%22%22}&match[]=up",
                #"[{"__name__":"my.metric","other.label":"x"},{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]"#
            ),
            (
                "/api/v1/metadata",
                #"{"a_total":[{"type":"counter","help":"","unit":"s"}],"up":[{"type":"gauge","help":"1 when\nreached","unit":""}]}"#
            ),
            ("/api/v1/metadata?metric=nothing&limit=-1", "{}"),
        ] {
            let answer = await api.get(target)
            #expect(answer.bodyText == #"{"status":"success","data":\#(body)}"#, "\(target)")
        }
    }

    @Test(arguments: [
        ("/api/v1/series", 400, "no match[] parameter provided"),
        ("/api/v1/series?match[]={job=%22%22}", 400, "invalid parameter"),
        ("/api/v1/labels?match[]=up{", 400, "invalid parameter \\\"match[]\\\": 1:"),
        ("/api/v1/labels?start=x", 400, "cannot parse \\\"x\\\" to a valid timestamp"),
        ("/api/v1/labels?limit=-1", 400, "limit must be non-negative"),
        ("/api/v1/label/%ff/values", 400, "label name"),
        ("/api/v1/query?query=up&time=NaN", 400, "cannot parse \\\"NaN\\\""),
        ("/api/v1/query?query=%zz", 400, "error parsing form values"),
        ("/api/v1/format_query?query=sum(", 400, "parse error"),
        ("/api/v1/nothing", 404, "no such path"), ("/favicon.ico", 404, "no such path"),
        ("/api/v1/write", 405, "GET is not allowed here; use POST, OPTIONS"),
        ("/api/v1/admin/flush", 405, "not allowed"),
    ])
    func errorsSayWhat(target: String, status: Int, text: String) async {
        let answer = await PrometheusAPI.test(populated()).get(target)
        #expect(answer.status == status)
        #expect(answer.bodyText.hasPrefix(#"{"status":"error","errorType":""#))
        #expect(answer.bodyText.contains(text), "\(answer.bodyText)")
    }

    @Test func methods() async {
        let api = PrometheusAPI.test(populated())
        let head = await api.answer(APIRequest(method: "HEAD", target: "/api/v1/labels"))
        #expect(head.status == 200 && head.wholeBody.isEmpty)
        let options = await api.answer(APIRequest(method: "OPTIONS", target: "/api/v1/query"))
        #expect(options.status == 204 && options.header("allow") == "GET, HEAD, POST, OPTIONS")
        let delete = await api.answer(APIRequest(method: "DELETE", target: "/api/v1/series"))
        #expect(delete.status == 405 && delete.header("allow") == "GET, HEAD, POST, OPTIONS")
        #expect(await api.post("/api/v1/rules").status == 405)
        // A body that is no form is left alone.
        let json = APIRequest(
            method: "POST", target: "/api/v1/series?match[]=up", headers: ["content-type": "application/json"],
            body: Array("{%}".utf8))
        #expect(await api.answer(json).status == 200)
    }

    @Test func queriesPassTheirParameters() async {
        let database = populated()
        let api = PrometheusAPI.test(database)
        _ = await api.post(
            "/api/v1/query_range?step=30&limit=0", form: "query=up&start=60&end=2015-07-01T20:10:30Z&step=1w&timeout=3s"
        )
        #expect(database.calls == ["queryRange up 60000…1435781430000 by 604800000"])
        #expect(database.state.withLock { $0.options?.timeout } == .seconds(3))
    }

    @Test func limitAndStatistics() async {
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            var result = QueryResult(
                value: .vector((0..<3).map { ResultSample(labels: .empty, timestamp: 0, value: Double($0)) }))
            result.statistics.totalSamples = 9
            return result
        }
        let api = PrometheusAPI.test(database)
        let answer = await api.get("/api/v1/query?query=up&limit=1")
        #expect(
            answer.bodyText
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}]},"warnings":["results truncated due to limit"]}"#
        )
        let statistics = await api.get("/api/v1/query?query=up&stats=all")
        #expect(statistics.bodyText.contains(#""samples":{"totalQueryableSamples":9,"peakSamples":0}}"#))
    }

    @Test func queriesAreFormattedAndParsed() async {
        let api = PrometheusAPI.test(FakeDatabase())
        #expect(
            await api.get("/api/v1/format_query?query=sum(up)by(job)%2B1").bodyText
                == #"{"status":"success","data":"sum by (job) (up) + 1"}"#)
        #expect(await api.get("/api/v1/parse_query?query=1").bodyText.contains(#""numberLiteral""#))
    }

    @Test func aDatabaseThatIsNotReady() async {
        let database = FakeDatabase()
        database.state.withLock { $0.isReady = false }
        let api = PrometheusAPI.test(database)
        for target in ["/api/v1/query?query=1", "/-/ready", "/api/v1/labels"] {
            let answer = await api.get(target)
            #expect(answer.status == 503 && answer.bodyText == "Service Unavailable", "\(target)")
            #expect(answer.header("x-prometheus-stopping") == "false")
        }
        let write = await api.answer(APIRequest(method: "POST", target: "/api/v1/write"))
        #expect(write.status == 503 && write.header("retry-after") != nil)
        #expect(await api.get("/-/healthy").status == 200)
        #expect(await api.get("/api/v1/status/buildinfo").status == 200)
        api.state.stop()
        #expect(await api.get("/-/ready").header("x-prometheus-stopping") == "true")
    }

    @Test func maintenanceIsOffUnlessEnabled() async {
        let database = FakeDatabase()
        #expect(await PrometheusAPI.test(database).post("/api/v1/admin/flush").status == 403)
        #expect(database.calls.isEmpty)
        var options = ServerOptions()
        options.isAdminAPIEnabled = true
        let api = PrometheusAPI.test(database, options)
        for name in ["flush", "compact", "gc"] { #expect(await api.post("/api/v1/admin/\(name)").status == 204) }
        #expect(database.calls == ["flush", "compact", "collectGarbage"])
    }

    @Test func ownMetrics() async {
        let database = FakeDatabase()
        database.state.withLock {
            $0.statistics = [
                DatabaseStatistic(
                    name: "varve_wal_bytes", help: "Bytes\nkept.", kind: .gauge, labels: Labels([("region", "a\"b")]),
                    value: 5)
            ]
        }
        let api = PrometheusAPI.test(database)
        _ = await api.get("/api/v1/labels")
        _ = await api.get("/nothing")
        let plain = await api.get("/metrics")
        #expect(plain.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            plain.bodyText.contains(
                "# HELP varve_wal_bytes Bytes\\nkept.\n# TYPE varve_wal_bytes gauge\nvarve_wal_bytes{region=\"a\\\"b\"} 5\n"
            ))
        #expect(plain.bodyText.contains("varve_http_requests_total{code=\"200\",handler=\"labels\"} 1\n"))
        #expect(plain.bodyText.contains("varve_http_requests_total{code=\"404\",handler=\"other\"} 1\n"))
        #expect(plain.bodyText.contains("# TYPE process_cpu_seconds_total counter\n"))
        #expect(plain.bodyText.contains("process_resident_memory_bytes "))
        for line in plain.bodyText.split(separator: "\n") where !line.hasPrefix("#") {
            let name = line.prefix { $0 != " " && $0 != "{" }
            #expect(plain.bodyText.contains("# TYPE \(name) "), "\(name)")
            #expect(plain.bodyText.contains("# HELP \(name) "), "\(name)")
        }
        let open = await api.answer(
            APIRequest(
                method: "GET", target: "/metrics",
                headers: ["accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"]))
        #expect(open.bodyText.hasSuffix("# EOF\n"))
        #expect(open.bodyText.contains("# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total "))
    }

    @Test func status() async {
        var options = ServerOptions()
        options.flags = [("data", "./x")]
        let api = PrometheusAPI.test(FakeDatabase(), options)
        #expect(await api.get("/api/v1/status/flags").bodyText == #"{"status":"success","data":{"data":"./x"}}"#)
        #expect(await api.get("/api/v1/status/runtimeinfo").bodyText.contains(#""startTime":"2023-11-14T22:13:20Z""#))
        #expect(await api.get("/").status == 200)
    }
}
