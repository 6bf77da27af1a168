import PromQL
import Testing

/// When the name of a metric goes: at once by default, at the end of the query on request.
struct NameRemovalTests {
    private static let twoNames = [
        series([("__name__", "a"), ("job", "x")], [1, 2, 3, 4]),
        series([("__name__", "b"), ("job", "x")], [5, 6, 7, 8]),
    ]
    private func engine(delayed: Bool) -> QueryEngine {
        QueryEngine(Self.twoNames) { $0.delayedNameRemoval = delayed }
    }

    @Test(arguments: [
        "sum(count_over_time({job=\"x\"}[2m]))", "sum(-{job=\"x\"})", "sum({job=\"x\"} * 2)", "sum(abs({job=\"x\"}))",
        "sum(timestamp({job=\"x\"}))", "sum({job=\"x\"} > bool 1)",
    ])
    func twoSeriesThatOnlyDifferInTheirNamesAreAnErrorWithoutThem(query: String) async throws {
        await #expect(throws: QueryError.execution("vector cannot contain metrics with the same labelset")) {
            try await engine(delayed: false).vector(query, at: 180_000)
        }
        await #expect(throws: QueryError.execution("vector cannot contain metrics with the same labelset")) {
            try await engine(delayed: false).matrix(query, from: 60_000, to: 180_000, step: 60_000)
        }
        #expect(try await engine(delayed: true).vector(query, at: 180_000).count == 1)
    }

    @Test func functionsThatKeepTheNameKeepTheSeriesApart() async throws {
        let answer = try await engine(delayed: false).vector(
            "sum by (__name__) (last_over_time({job=\"x\"}[2m]))", at: 180_000)
        #expect(answer == ["a{} 4.0", "b{} 8.0"])
    }

    @Test func aNameThatIsStillToGoCanBeGroupedByOnlyWhenRemovalIsDelayed() async throws {
        let query = "count by (__name__) (abs(a))"
        #expect(try await engine(delayed: false).vector(query, at: 0) == ["{} 1.0"])
        let replaced = "label_replace(abs(a), \"was\", \"$1\", \"__name__\", \"(.*)\")"
        #expect(try await engine(delayed: true).vector(replaced, at: 0) == ["{job=x,was=a} 1.0"])
        #expect(try await engine(delayed: false).vector(replaced, at: 0) == ["{job=x} 1.0"])
    }

    @Test(arguments: ["a </ 2", "2 >/ a", "a >/ ignoring (__name__) b"])
    func trimmingFloatsAnswersNothingAndSaysWhy(query: String) async throws {
        let result = try await engine(delayed: false).instant(query, at: 0)
        guard case .vector(let samples) = result.value else {
            Issue.record("not a vector")
            return
        }
        #expect(samples.isEmpty)
        let name = query.contains("</") ? "</" : ">/"
        #expect(
            result.infos == [
                "PromQL info: incompatible sample types encountered for binary operator \"\(name)\": float \(name) float (1:1)"
            ])
    }
}
