import PromQL
import Testing

@testable import VarveServer

@Suite struct ParameterTests {
    @Test(
        arguments: [
            ("1435781430.781", 1_435_781_430_781), ("1435781430", 1_435_781_430_000), ("-1.5", -1_500), ("0", 0),
            ("4", 4_000), ("1e3", 1_000_000), ("0.0004", 0), ("0.0006", 1),
            ("2015-07-01T20:10:30.781Z", 1_435_781_430_781), ("2015-07-01T20:10:51Z", 1_435_781_451_000),
            ("2015-07-01T20:10:30.781123456Z", 1_435_781_430_781), ("2015-07-01T22:10:30.781+02:00", 1_435_781_430_781),
            ("2015-07-01T14:40:30.781-05:30", 1_435_781_430_781), ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.5Z", -500), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
            ("-292273086-05-16T16:47:06Z", TimeText.earliest),
            ("292277025-08-18T07:12:54.999999999Z", TimeText.latest),
            ("1e300", TimeText.latest), ("-1e300", TimeText.earliest), ("1735689600000", 1_735_689_600_000_000),
            ("9223372036854775807", TimeText.latest),
        ] as [(String, Int64)])
    func timesAreRead(text: String, milliseconds: Int64) {
        #expect(TimeText.parse(text) == milliseconds)
    }

    @Test(arguments: [
        "", "foo", "NaN", "inf", "-inf", "1e400", "2015-13-01T00:00:00Z", "2015-02-29T00:00:00Z",
        "2015-07-01T24:00:00Z", "2015-07-01 20:10:30Z", "2015-07-01T20:10:30", "2015-07-01T20:10:30.Z",
        "2015-07-01T20:10:30Zx", "2015-07-01", "2015-07-00T00:00:00Z", "2015-07-01T20:10:60Z", "5m",
    ])
    func otherTextsAreNoTimes(text: String) {
        #expect(TimeText.parse(text) == nil)
    }

    @Test func timesAreWrittenAsTheyAreRead() {
        for time: Int64 in [0, -1, 1_435_781_430_781, -62_167_219_200_000, 951_782_400_000, 253_402_300_799_999] {
            #expect(TimeText.parse(TimeText.rfc3339(time)) == time)
        }
        #expect(TimeText.rfc3339(951_782_400_000) == "2000-02-29T00:00:00Z")
        #expect(TimeText.rfc3339(-500) == "1969-12-31T23:59:59.500Z")
        _ = TimeText.rfc3339(.min)
        _ = TimeText.rfc3339(.max)
    }

    @Test(
        arguments: [
            ("5m", 300_000), ("1h30m", 5_400_000), ("15", 15_000), ("0.25", 250), ("1.5", 1_500), ("0", 0),
            ("1d", 86_400_000),
            ("500ms", 500), ("1y", 31_536_000_000), ("-5", -5_000),
        ] as [(String, Int64)])
    func durationsAreRead(text: String, milliseconds: Int64) {
        #expect(DurationParameter.parse(text) == milliseconds)
    }

    @Test(arguments: ["", "m", "5x", "5m1h", "1.5h", "NaN", "inf", "1e300", "99999999999999999999s", "9999999y", "-5m"])
    func otherTextsAreNoDurations(text: String) {
        #expect(DurationParameter.parse(text) == nil)
    }

    @Test func aFormCountsBeforeTheURL() throws {
        let form = try FormParameters(
            query: "query=b&match[]=y&x=1".utf8, body: "query=a%2Bb+c&match%5B%5D=z".utf8)
        #expect(form["query"] == "a+b c")
        #expect(form.all("match[]") == ["z", "y"])
        #expect(form["x"] == "1")
        #expect(form["none"] == nil)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=1"])
    func brokenFormsAreRefused(text: String) {
        #expect(throws: APIError.self) { try FormParameters(query: text.utf8) }
    }

    @Test func aFloodOfParametersIsRefused() {
        let flood = String(repeating: "a&", count: FormParameters.maximumCount + 1)
        #expect(throws: APIError.self) { try FormParameters(query: flood.utf8) }
    }

    @Test(arguments: [
        ("job", "job"), ("U__my_2e_metric", "my.metric"), ("U__a__b", "a_b"), ("U___1f40d_x", "🐍x"), ("U__", ""),
        ("U__bad_2e", "U__bad_2e"), ("U__bad_zz_", "U__bad_zz_"), ("U__bad_d800_", "U__bad_d800_"),
        ("U__bad_1234567_", "U__bad_1234567_"), ("U__x_", "U__x_"), ("u__a_2e_b", "u__a_2e_b"),
    ])
    func labelNamesAreUnescaped(text: String, name: String) {
        #expect(LabelNameEscaping.unescape(text) == name)
    }

    @Test func aRangeQueryIsBounded() throws {
        func range(_ text: String) throws -> RangeQueryParameters {
            try RangeQueryParameters(FormParameters(query: text.utf8), defaults: QueryOptions())
        }
        let good = try range("query=up&start=0&end=11000&step=1")
        #expect(good.start == 0 && good.end == 11_000_000 && good.step == 1_000)
        func complaint(_ text: String) -> String? {
            do {
                _ = try range(text)
                return nil
            } catch {
                return (error as? APIError)?.text
            }
        }
        #expect(
            complaint("query=up&start=0&end=11001&step=1")
                == "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution "
                + "(?step=XX), or raise query.max-points"
        )
        #expect(complaint("start=-1e300&end=1e300&step=1y")?.hasPrefix("exceeded maximum resolution") == true)
        #expect(
            complaint("start=1&end=0&step=1")
                == "invalid parameter \"end\": end timestamp must not be before start time")
        #expect(
            complaint("start=0&end=1&step=0")
                == "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
        #expect(complaint("start=0&end=1&step=0.0001")?.contains("zero or negative") == true)
        #expect(complaint("start=0&end=1") == "invalid parameter \"step\": cannot parse \"\" to a valid duration")
        #expect(complaint("end=1&step=1") == "invalid parameter \"start\": cannot parse \"\" to a valid timestamp")
        #expect(
            complaint("start=x%22&end=1&step=1")
                == "invalid parameter \"start\": cannot parse \"x\\\"\" to a valid timestamp")
        #expect(complaint("start=0&end=1&step=1&limit=-1") == "invalid parameter \"limit\": limit must be non-negative")
    }

    @Test func aRequestMayAskForLessTimeButNotMore() throws {
        func options(_ text: String) throws -> QueryOptions {
            try CommonQueryParameters(FormParameters(query: text.utf8), defaults: QueryOptions()).options
        }
        #expect(try options("timeout=5s").timeout == .seconds(5))
        #expect(try options("timeout=1h").timeout == .seconds(120))
        #expect(try options("lookback_delta=1m").lookback == .seconds(60))
        #expect(try options("lookback_delta=0").lookback == .seconds(300))
        #expect(throws: APIError.self) { try options("timeout=0") }
    }

    @Test(arguments: [
        ("/api/v1/query", Route.query), ("/prometheus/api/v1/query_range", .queryRange), ("/-/ready", .ready),
        ("/prometheus/metrics", .metrics), ("/api/v1/push", .write), ("/api/v1/label/a/values", .labelValues),
        ("/db/api/v1/labels", .labels), ("/api/v1/admin/gc", .collectGarbage),
    ])
    func pathsAreFound(path: String, route: Route) {
        #expect(Route.find(path, prefix: "/db")?.route == route)
    }

    @Test(arguments: [
        "/api/v1", "/api/v1/", "/api/v2/query", "/api/v1/query/", "/prometheusx/metrics", "/api/v1/label//values",
        "/api/v1/label/values", "/api/v1/label/a", "//", "/metrics/", "/prometheus/prometheus/metrics",
    ])
    func otherPathsAreNot(path: String) {
        #expect(Route.find(path) == nil)
    }
}
