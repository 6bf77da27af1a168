import MetricModel
import PromQL
import Testing

@Suite struct AggregationTests {
    private let engine = QueryEngine([
        series([("__name__", "x"), ("a", "1"), ("b", "1")], [1, nil, 3]),
        series([("__name__", "x"), ("a", "1"), ("b", "2")], [10, 20, nil]),
        series([("__name__", "x"), ("a", "2"), ("b", "1")], [100, 200, 300]),
    ])

    private func range(_ query: String) async throws -> [String] {
        try await QueryEngine(
            [
                series([("__name__", "x"), ("a", "1"), ("b", "1")], [1, .some(StaleMarker.value), 3]),
                series([("__name__", "x"), ("a", "1"), ("b", "2")], [10, 20, .some(StaleMarker.value)]),
                series([("__name__", "x"), ("a", "2"), ("b", "1")], [100, 200, 300]),
            ]
        ).matrix(query, from: 0, to: 120_000, step: 60_000)
    }

    @Test func groupsHoldWhatIsPresentAtEachStep() async throws {
        #expect(
            try await range("sum by (a) (x)") == ["{a=1} 11.0@0 20.0@60 3.0@120", "{a=2} 100.0@0 200.0@60 300.0@120"])
        #expect(try await range("count(x)") == ["{} 3.0@0 2.0@60 2.0@120"])
        #expect(try await range("avg without (b) (x)")[0] == "{a=1} 5.5@0 20.0@60 3.0@120")
        #expect(try await range("max(x)") == ["{} 100.0@0 200.0@60 300.0@120"])
        #expect(try await range("min(x)") == ["{} 1.0@0 20.0@60 3.0@120"])
        #expect(try await range("group(x)") == ["{} 1.0@0 1.0@60 1.0@120"])
        #expect(try await range("stdvar by (a) (x)")[0] == "{a=1} 20.25@0 0.0@60 0.0@120")
        #expect(try await range("quantile(0.5, x)") == ["{} 10.0@0 110.0@60 151.5@120"])
    }

    @Test func rankingKeepsLabelsAndOrder() async throws {
        #expect(try await engine.vector("topk(2, x)", at: 0) == ["x{a=2,b=1} 100.0", "x{a=1,b=2} 10.0"])
        #expect(try await engine.vector("bottomk(2, x)", at: 0) == ["x{a=1,b=1} 1.0", "x{a=1,b=2} 10.0"])
        #expect(try await range("topk(1, x)") == ["x{a=2,b=1} 100.0@0 200.0@60 300.0@120"])
        #expect(try await engine.vector("limitk(1, x)", at: 0).count == 1)
    }

    @Test func halvesOfALimitRatioAreComplements() async throws {
        let many = QueryEngine((0..<100).map { series([("__name__", "x"), ("n", "\($0)")], [1]) })
        let low = try await many.vector("limit_ratio(0.3, x)", at: 0)
        let high = try await many.vector("limit_ratio(-0.7, x)", at: 0)
        #expect(low.count + high.count == 100)
        #expect(Set(low).isDisjoint(with: high))
        #expect(low.count > 15 && low.count < 45)
    }

    @Test func valuesBecomeLabels() async throws {
        let values = QueryEngine([
            series([("__name__", "x"), ("n", "1")], [1e21]), series([("__name__", "x"), ("n", "2")], [0.5]),
            series([("__name__", "x"), ("n", "3")], [0.5]), series([("__name__", "x"), ("n", "4")], [-.infinity]),
            series([("__name__", "x"), ("n", "5")], [1.25e-7]),
        ])
        let found = try await values.vector("sort_by_label(count_values(\"v\", x), \"v\")", at: 0)
        #expect(
            found == [
                "{v=-Inf} 1.0", "{v=0.5} 2.0", "{v=0.000000125} 1.0", "{v=1000000000000000000000} 1.0",
            ])
    }

    @Test func sumsAreCompensated() async throws {
        let values: [Double] = [1e16, 1, -1e16, 1, 0.1]
        let engine = QueryEngine(values.enumerated().map { series([("__name__", "x"), ("n", "\($0)")], [$1]) })
        #expect(try await engine.vector("sum(x)", at: 0) == ["{} 2.1"])
        let huge = QueryEngine((0..<3).map { series([("__name__", "x"), ("n", "\($0)")], [1.5e308]) })
        #expect(try await huge.vector("avg(x)", at: 0) == ["{} 1.5e+308"])
        #expect(try await huge.vector("sum(x)", at: 0) == ["{} inf"])
    }

    @Test func parametersOutsideTheirRangeAreRemarkedOn() async throws {
        let result = try await engine.instant("quantile(2, x)", at: 0)
        #expect(result.warnings == ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"])
        await #expect(throws: QueryError.execution("Scalar value 1e+20 overflows int64")) {
            try await engine.instant("topk(1e20, x)", at: 0)
        }
        await #expect(throws: QueryError.execution("Parameter value is NaN")) {
            try await engine.range("topk(scalar(x{a=\"2\"} < 150), x)", start: 0, end: 60_000, step: 60_000)
        }
    }
}
