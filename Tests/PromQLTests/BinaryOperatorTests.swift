import MetricModel
import PromQL
import Testing

@Suite struct BinaryOperatorTests {
    private let stale = StaleMarker.value
    private var engine: QueryEngine {
        QueryEngine([
            series([("__name__", "l"), ("a", "1")], [1, 2, stale]),
            series([("__name__", "l"), ("a", "2")], [10, 20, 30]),
            series([("__name__", "r"), ("a", "1")], [2, 2, 2]),
            series([("__name__", "r"), ("a", "3")], [3, 3, 3]),
            series([("__name__", "m"), ("a", "1"), ("b", "x")], [5, stale, 5]),
            series([("__name__", "m"), ("a", "1"), ("b", "y")], [stale, 6, 7]),
        ])
    }

    private func range(_ query: String) async throws(QueryError) -> [String] {
        try await engine.matrix(query, from: 0, to: 120_000, step: 60_000)
    }

    @Test func pairsMeetStepByStep() async throws {
        #expect(try await range("l * r") == ["{a=1} 2.0@0 4.0@60"])
        #expect(try await range("l >= r") == ["l{a=1} 2.0@60"])
        #expect(try await range("l >= bool r") == ["{a=1} 0.0@0 1.0@60"])
        #expect(try await range("l + on (a) group_right r") == ["{a=1} 3.0@0 4.0@60"])
        #expect(try await range("l == 10") == ["l{a=2} 10.0@0"])
        #expect(try await range("10 < l") == ["l{a=2} 20.0@60 30.0@120"])
        #expect(try await range("2 ^ l")[0] == "{a=1} 2.0@0 4.0@60")
        #expect(try await range("-l")[1] == "{a=2} -10.0@0 -20.0@60 -30.0@120")
    }

    @Test func setOperatorsLookAtPresence() async throws {
        #expect(try await range("l and r") == ["l{a=1} 1.0@0 2.0@60"])
        #expect(try await range("l unless r") == ["l{a=2} 10.0@0 20.0@60 30.0@120"])
        #expect(
            try await range("l or r") == [
                "l{a=1} 1.0@0 2.0@60", "l{a=2} 10.0@0 20.0@60 30.0@120", "r{a=1} 2.0@120",
                "r{a=3} 3.0@0 3.0@60 3.0@120",
            ])
    }

    @Test func aSideMayChangeItsSeriesAsLongAsTheyDoNotMeet() async throws {
        #expect(try await engine.matrix("l + on (a) m", from: 0, to: 60_000, step: 60_000) == ["{a=1} 6.0@0 8.0@60"])
        await #expect(
            throws: QueryError.execution(
                "found duplicate series for the match group {a=\"1\"} on the right hand-side of the operation: "
                    + "[{__name__=\"m\", a=\"1\", b=\"x\"}, {__name__=\"m\", a=\"1\", b=\"y\"}]"
                    + ";many-to-many matching not allowed: matching labels must be unique on one side")
        ) { try await range("r + on (a) m") }
        await #expect(
            throws: QueryError.execution(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
        ) { try await range("m + on (a) r") }
        #expect(
            try await range("m + on (a) group_left r") == ["{a=1,b=x} 7.0@0 7.0@120", "{a=1,b=y} 8.0@60 9.0@120"])
        await #expect(
            throws: QueryError.execution("multiple matches for labels: grouping labels must ensure unique matches")
        ) { try await range("m * on (a) group_left (b) r") }
    }

    @Test func includedLabelsComeFromTheOneSide() async throws {
        let engine = QueryEngine([
            series([("__name__", "x"), ("a", "1"), ("v", "old")], [2]),
            series([("__name__", "info"), ("a", "1"), ("v", "new"), ("w", "more")], [1]),
        ])
        #expect(
            try await engine.vector("x * on (a) group_left (v, w) info", at: 0) == ["{a=1,v=new,w=more} 2.0"])
        #expect(try await engine.vector("info * on (a) group_right () x", at: 0) == ["{a=1,v=old} 2.0"])
    }

    @Test func namesThatWentMayNotMakeTwoOfOne() async throws {
        let engine = QueryEngine([series("x", [1]), series("y", [2])])
        await #expect(throws: QueryError.execution("vector cannot contain metrics with the same labelset")) {
            try await engine.instant("{__name__=~\"x|y\"} * 2", at: 0)
        }
    }
}
