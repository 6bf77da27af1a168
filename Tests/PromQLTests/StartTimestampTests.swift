import MetricModel
import PromQL
import Testing

/// Counters whose samples say since when they count.
@Suite struct StartTimestampTests {
    /// The first sample's time; the others follow a minute apart.
    private let noon: Int64 = 43_200_000

    /// `starts` in seconds before each sample, nil: not known.
    private func counter(_ name: String, _ values: [Double], _ starts: [Int64?]) -> SeriesRun {
        let times = values.indices.map { noon + Int64($0) * 60_000 }
        return SeriesRun(
            labels: Labels([("__name__", name), ("n", name)]), timestamps: times, values: values,
            startTimestamps: zip(times, starts).map { time, start in start.map { time - $0 * 1_000 } ?? 0 })
    }

    private func engine(_ series: [SeriesRun]) -> QueryEngine { QueryEngine(series) { $0.usesStartTimestamps = true } }

    @Test func aCountThatBeganAnewIsAResetThoughTheValueRose() async throws {
        // Two counts: since −10 s, then, from the third sample on, since 110 s.
        let series = counter("x_total", [10, 20, 30, 40], [10, 70, 10, 70])
        let anew = engine([series])
        #expect(try await anew.vector("resets(x_total[4m])", at: noon + 180_000) == ["{n=x_total} 1.0"])
        #expect(try await anew.vector("irate(x_total[2m]) * 60", at: noon + 120_000) == ["{n=x_total} 30.0"])
        // From 0 to 20, then from 0 to 40; the first count began inside the window: nothing is extrapolated.
        #expect(try await anew.vector("increase(x_total[4m])", at: noon + 180_000) == ["{n=x_total} 60.0"])
        // Without them in use the value alone counts.
        let plain = QueryEngine([series])
        #expect(try await plain.vector("resets(x_total[4m])", at: noon + 180_000) == ["{n=x_total} 0.0"])
        #expect(try await plain.vector("irate(x_total[2m]) * 60", at: noon + 120_000) == ["{n=x_total} 10.0"])
    }

    @Test func aCountThatBeganInsideTheWindowCameFromZero() async throws {
        let one = engine([counter("x_total", [5], [30])])
        #expect(try await one.vector("increase(x_total[1m])", at: noon) == ["{n=x_total} 5.0"])
        #expect(try await one.vector("rate(x_total[1m]) * 60", at: noon) == ["{n=x_total} 5.0"])
        #expect(try await one.vector("increase(x_total[20s])", at: noon) == [])  // it began before
        #expect(try await engine([counter("x_total", [5], [0])]).vector("increase(x_total[1m])", at: noon) == [])
        #expect(try await engine([counter("x_total", [5], [nil])]).vector("increase(x_total[1m])", at: noon) == [])
    }

    @Test func aDeltaCountsFromTheSampleBefore() async throws {
        let delta = engine([counter("x_total", [7, 7, 7], [60, 60, 60])])
        #expect(try await delta.vector("resets(x_total[3m])", at: noon + 120_000) == ["{n=x_total} 2.0"])
        // Unknown, then from the sample before: OpenTelemetry's cumulative series without a known start.
        for first in [nil, 0] as [Int64?] {
            let unknown = engine([counter("x_total", [7, 7], [first, 60])])
            #expect(try await unknown.vector("resets(x_total[3m])", at: noon + 60_000) == ["{n=x_total} 0.0"])
        }
        // A start after its own sample is not believed.
        let late = engine([counter("x_total", [7, 7], [-1, 60])])
        #expect(try await late.vector("resets(x_total[3m])", at: noon + 60_000) == ["{n=x_total} 0.0"])
    }

    @Test func overlappingCountsAreRemarkedOn() async throws {
        let engine = engine([
            counter("x_total", [1, 2, 3], [10, 130, 130]), counter("y_total", [1, 2, 3], [10, 70, 130]),
        ])
        let result = try await engine.instant("rate({__name__=~\".+\"}[3m])", at: noon + 120_000)
        #expect(
            result.warnings == [
                "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "
                    + "\"x_total\" (1:6)"
            ])
        #expect(try await engine.instant("delta(x_total[3m])", at: noon + 120_000).warnings.isEmpty)
        #expect(try await engine.instant("rate(x_total[3m:1m])", at: noon + 120_000).warnings.isEmpty)
    }

    @Test func startsCanBeAskedFor() async throws {
        let series = [counter("x_total", [1, 2], [30, nil]), counter("y_total", [1, 2], [nil, nil])]
        let engine = engine(series)
        #expect(try await engine.vector("start_timestamp(x_total)", at: noon + 60_000) == ["{n=x_total} 0.0"])
        #expect(
            try await engine.vector("start_timestamp(x_total @ 43200)", at: noon + 60_000) == ["{n=x_total} 43170.0"])
        #expect(try await engine.vector("start_timestamp((y_total))", at: noon + 60_000) == ["{n=y_total} 0.0"])
        #expect(try await engine.vector("start_timestamp(x_total + 1)", at: noon + 60_000) == [])
        #expect(try await QueryEngine(series).vector("start_timestamp(x_total)", at: noon + 60_000) == [])
    }
}
