import MetricModel
import PromQL
import Synchronization
import Testing

@Suite struct SelectorTests {
    let stale = StaleMarker.value

    @Test func aSampleIsSeenForTheLookbackButNotAtItsEnd() async throws {
        let engine = QueryEngine([series("x", [1])])
        #expect(try await engine.vector("x", at: 299_999) == ["x{} 1.0"])
        #expect(try await engine.vector("x", at: 300_000) == [])
        #expect(try await engine.vector("x", at: -1) == [])
    }

    @Test func aStaleMarkerEndsASeriesAtOnce() async throws {
        let engine = QueryEngine([series("x", [1, stale, nil, 4])])
        let answer = try await engine.matrix("x", from: 0, to: 240_000, step: 60_000)
        #expect(answer == ["x{} 1.0@0 4.0@180 4.0@240"])
        #expect(try await engine.vector("count_over_time(x[10m])", at: 180_000) == ["{} 2.0"])
    }

    @Test func windowsLeaveOutTheirLeftEdge() async throws {
        let engine = QueryEngine([series("x", [1, 2, 3, 4])])
        #expect(try await engine.vector("sum_over_time(x[1m])", at: 120_000) == ["{} 3.0"])
        #expect(try await engine.vector("sum_over_time(x[2m])", at: 120_000) == ["{} 5.0"])
    }

    @Test func offsetAndAtMoveTheReference() async throws {
        let engine = QueryEngine([series("x", [1, 2, 3, 4])])
        #expect(try await engine.vector("x offset 2m", at: 180_000) == ["x{} 2.0"])
        #expect(try await engine.vector("x offset -1m", at: 60_000) == ["x{} 3.0"])
        let fixed = try await engine.matrix("x @ 60", from: 0, to: 120_000, step: 60_000)
        #expect(fixed == ["x{} 2.0@0 2.0@60 2.0@120"])
        let end = try await engine.matrix("sum_over_time(x[2m] @ end())", from: 0, to: 120_000, step: 60_000)
        #expect(end == ["{} 5.0@0 5.0@60 5.0@120"])
    }

    @Test func aRangeVectorAnswersItsRawSamples() async throws {
        let engine = QueryEngine([series("x", [1, stale, 3])])
        guard case .matrix(let found) = try await engine.instant("x[5m]", at: 120_000).value else {
            Issue.record("not a matrix")
            return
        }
        #expect(found.map(\.timestamps) == [[0, 120_000]])
        #expect(found.map(\.values) == [[1, 3]])
    }

    @Test func aSubqueryRunsAtMultiplesOfItsStep() async throws {
        let engine = QueryEngine([series("x", [1, 2, 3, 4, 5])])
        guard case .matrix(let found) = try await engine.instant("x[2m:30s]", at: 130_000).value else {
            Issue.record("not a matrix")
            return
        }
        #expect(found.map(\.timestamps) == [[30_000, 60_000, 90_000, 120_000]])
        #expect(found.map(\.values) == [[1, 2, 2, 3]])
        let greatest = try await engine.matrix(
            "max_over_time((x * 2)[2m:1m])", from: 120_000, to: 180_000, step: 60_000)
        #expect(greatest == ["{} 6.0@120 8.0@180"])
    }

    @Test func oneSelectorIsFetchedOnceAndFarTimesApart() async throws {
        let source = MemorySeries([series("x", [1, 2, 3])])
        let engine = QueryEngine(source: source, options: .init())
        _ = try await engine.instant("x + x + rate(x[10m]) + (x offset 1w)", at: 120_000)
        let requests = source.requests.withLock { $0 }.sorted { $0.start < $1.start }
        let weekAgo: Int64 = 120_000 - 604_800_000
        #expect(requests.map(\.start) == [weekAgo - 299_999, -479_999])
        #expect(requests.map(\.end) == [weekAgo, 120_000])
    }
}
