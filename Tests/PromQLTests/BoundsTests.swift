import MetricModel
import PromQL
import Testing

@Suite struct BoundsTests {
    private let tooMany = QueryError.execution(
        "query processing would load too many samples into memory in query execution (query.max-samples)")

    @Test func aQueryThatLoadsTooMuchSaysSo() async throws {
        let engine = QueryEngine([series("x", [Double?](repeating: 1, count: 100))]) { $0.maximumSamples = 50 }
        await #expect(throws: tooMany) { try await engine.instant("x[2h]", at: 6_000_000) }
    }

    @Test func aQueryOfTooManySeriesSaysHowManyAreAllowed() async throws {
        let engine = QueryEngine([series("x", [1]), series("y", [1]), series("z", [1])]) { $0.maximumSeries = 2 }
        _ = try await engine.instant("x + on() y", at: 0)
        await #expect(
            throws: QueryError.execution("the query selects 3 series, the limit is 2 (query.max-series)")
        ) { try await engine.instant("count(x) + count(y) + count(z)", at: 0) }
    }

    @Test func aQueryThatNeedsTooMuchMemorySaysSo() async throws {
        let tooMuch = QueryError.execution("the query needs more than 1 MiB of memory (query.max-memory)")
        let engine = QueryEngine([series("x", [Double?](repeating: 1, count: 1_000))]) { $0.maximumMemory = 1 << 20 }
        _ = try await engine.instant("x[100h]", at: 60_000_000)
        // A hundred thousand steps of eight bytes, and as many again.
        _ = try await engine.range("x", start: 0, end: 50_000_000, step: 1_000)
        await #expect(throws: tooMuch) { try await engine.range("x + x", start: 0, end: 60_000_000, step: 1_000) }
    }

    @Test func labelsThatAQueryMakesAreMemory() async throws {
        let tooMuch = QueryError.execution("the query needs more than 1 MiB of memory (query.max-memory)")
        let all = (0..<100).map { series([("__name__", "x"), ("a", "value-\($0)")], [1]) }
        let engine = QueryEngine(all) { $0.maximumMemory = 1 << 20 }
        func replaced(_ count: Int) -> String {
            "count(label_replace(x, \"b\", \"\(String(repeating: "$1", count: count))\", \"a\", \"(.*)\"))"
        }
        #expect(try await engine.vector(replaced(1_000), at: 0) == ["{} 100.0"])
        await #expect(throws: tooMuch) { try await engine.instant(replaced(2_000), at: 0) }
    }

    @Test func aSubqueryWithEndlessStepsIsRefusedBeforeItAllocates() async throws {
        let engine = QueryEngine([series("x", [1])])
        await #expect(throws: tooMany) { try await engine.instant("max_over_time(vector(1)[100y:1ms])", at: 0) }
    }

    @Test func aLateQueryTimesOut() async throws {
        let engine = QueryEngine([series("x", [1])]) { $0.timeout = .seconds(-1) }
        await #expect(throws: QueryError.timeout("query timed out in expression evaluation")) {
            try await engine.instant("x", at: 0)
        }
    }

    @Test func aCancelledQueryEnds() async throws {
        let engine = QueryEngine([series("x", [1])])
        let task = Task { () -> QueryError? in
            while !Task.isCancelled { await Task.yield() }
            do throws(QueryError) {
                _ = try await engine.instant("x", at: 0)
                return nil
            } catch { return error }
        }
        task.cancel()
        #expect(await task.value == .canceled)
    }

    @Test(arguments: [
        Int64.min, Int64.min + 1, -1, 0, 1, Int64.max - 1, Int64.max,
    ]) func extremeTimesAreAnswered(time: Int64) async throws {
        let engine = QueryEngine([series("x", [1])])
        _ = try await engine.instant("x offset 100y + rate(x[100y] @ 9e12) + time() + year()", at: time)
        _ = try await engine.instant("x[1h:1m]", at: time)
        for sign in ["", "-"] {
            let inner = "max_over_time(x[292y:200y] offset \(sign)292y)"
            _ = try await engine.instant("max_over_time(\(inner)[292y:200y] offset \(sign)292y)", at: time)
            _ = try await engine.instant("rate(x[292y] anchored) + rate(x[292y] smoothed)", at: time)
        }
        _ = try? await engine.range("x + vector(hour())", start: time, end: time, step: .max)
        _ = try await engine.instant("year(vector(1e300)) + year(vector(-1e300)) + month(vector(NaN))", at: time)
    }

    @Test(arguments: [
        ("x[step()]", "duration must be greater than 0"), ("x[5m:range()]", "duration must be greater than 0"),
        ("x[2^1000]", "duration is out of range"), ("x offset (1h/step())", "division by zero"),
        ("x offset (1h%range())", "modulo by zero"),
    ]) func durationsThatComeOutWrongAreTheTextsFault(query: String, reason: String) async throws {
        let engine = QueryEngine([series("x", [1])])
        await #expect(throws: QueryError.badParameter("invalid parameter \"query\": \(reason)")) {
            try await engine.instant(query, at: 0)
        }
    }

    @Test func rangeQueriesTakeScalarsAndVectorsOnly() async throws {
        let engine = QueryEngine([series("x", [1])])
        await #expect(
            throws: QueryError.badParameter(
                "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector")
        ) { try await engine.range("x[5m]", start: 0, end: 1, step: 1) }
    }
}
