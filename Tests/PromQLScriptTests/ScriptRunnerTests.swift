import MetricModel
import PromQL
import PromQLScript
import Testing

/// The runner must fail what is wrong: a tester that passes everything proves nothing.
@Suite struct ScriptRunnerTests {
    private func report(_ text: String) async throws -> ScriptReport {
        try await ScriptRunner().run(try Script(text, name: "test"))
    }

    private static let data = """
        load 1m
          foo{a="1"} 1+1x10
          foo{a="2"} 10+10x10
          h {{count:1 sum:2 buckets:[1]}}x10
          mixed 1 1 1 {{count:1 sum:2 buckets:[1]}}


        """

    @Test(arguments: [
        "eval instant at 2m foo\n  foo{a=\"1\"} 3\n  foo{a=\"2\"} 30",
        "eval instant at 2m sum(foo)\n  {} 33.00003",
        "eval range from 0 to 2m step 1m foo{a=\"1\"}\n  foo{a=\"1\"} 1 2 3",
        "eval instant at 2m sort_desc(foo)\n  expect ordered\n  foo{a=\"2\"} 30\n  foo{a=\"1\"} 3",
        "eval instant at 2m 1 + 1\n  2",
        "eval instant at 2m foo + on() foo\n  expect fail",
        "eval instant at 2m nothing",
        "eval_fail instant at 2m sum(",
        "eval instant at 2m mixed\n  mixed 1",
    ])
    func rightAnswersPass(evaluation: String) async throws {
        let report = try await report(Self.data + evaluation)
        #expect(report.passed == 1 && report.failed == 0 && report.skipped == 0, "\(report)")
    }

    @Test(arguments: [
        "eval instant at 2m foo\n  foo{a=\"1\"} 3\n  foo{a=\"2\"} 30.1",
        "eval instant at 2m foo\n  foo{a=\"1\"} 3",
        "eval instant at 2m foo\n  foo{a=\"1\"} 3\n  foo{a=\"2\"} 30\n  foo{a=\"3\"} 1",
        "eval instant at 2m foo\n  3",
        "eval instant at 2m foo",
        "eval instant at 2m nothing\n  {} 1",
        "eval range from 0 to 2m step 1m foo{a=\"1\"}\n  foo{a=\"1\"} 1 2 4",
        "eval range from 0 to 2m step 1m foo{a=\"1\"}\n  foo{a=\"1\"} 1 2",
        "eval range from 0 to 2m step 1m foo{a=\"1\"}\n  foo{a=\"1\"} 1 _ 3",
        "eval instant at 2m sort_desc(foo)\n  expect ordered\n  foo{a=\"1\"} 3\n  foo{a=\"2\"} 30",
        "eval instant at 2m 1 + 1\n  3",
        "eval instant at 2m 1 + 1\n  {} 2",
        "eval instant at 2m foo\n  expect fail",
        "eval instant at 2m foo + on() foo",
        "eval instant at 2m foo + on() foo\n  expect fail msg: something else",
        "eval instant at 2m foo + on() foo\n  expect fail regex: ^many",
        "eval instant at 2m sum(foo)\n  expect warn\n  {} 33",
        "eval instant at 2m sum(foo)\n  expect info\n  {} 33",
        "eval instant at 2m quantile(2, foo)\n  expect no_warn\n  {} Inf",
        "eval instant at 2m quantile(2, foo)\n  expect warn msg: no such text\n  {} Inf",
        "eval instant at 2m sum(\n  {} 33",
        "eval instant at 2m \"x\"\n  expect string \"y\"",
        "eval instant at 2m foo{a=\"1\"}[1m]\n  expect range vector from 1m to 2m step 1m\n  foo{a=\"1\"} 2 3",
    ])
    func wrongAnswersFail(evaluation: String) async throws {
        let report = try await report(Self.data + evaluation)
        #expect(report.passed == 0 && report.failed == 1 && report.skipped == 0, "\(report)")
        let failure = try #require(report.failures.first)
        #expect(failure.line == 7 && failure.script == "test")
    }

    @Test(arguments: [
        "eval instant at 2m h\n  h 1", "eval instant at 2m sum(h)",
        "eval instant at 2m {__name__=~\"h|foo\"}\n  mixed 7",
        "eval instant at 3m mixed\n  mixed 1", "eval range from 0 to 3m step 1m mixed\n  mixed 1 1 1",
    ])
    func whatNeedsNativeHistogramsIsSkippedAndSaysSo(evaluation: String) async throws {
        let report = try await report(Self.data + evaluation)
        #expect(report.passed == 0 && report.failed == 0 && report.skipped == 1, "\(report)")
        #expect(report.skips.first?.reason.contains("native histogram") == true)
    }

    @Test func classicHistogramsConvertedAtLoadAreNativeToo() async throws {
        let text = "load_with_nhcb 1m\n  d_bucket{le=\"1\"} 1\n  d_bucket{le=\"+Inf\"} 2\n\n"
        let report = try await report(text + "eval instant at 0 d\n\neval instant at 0 count(d_bucket)\n  {} 2")
        #expect(report.passed == 1 && report.skipped == 1 && report.failed == 0, "\(report)")
    }

    /// An engine that answers instant queries rightly and range queries wrongly.
    private struct Crooked: QueryAnswering {
        let engine: QueryEngine
        func instant(_ query: String, at time: Int64) async throws(QueryError) -> QueryResult {
            try await engine.instant(query, at: time)
        }
        func range(_ query: String, start: Int64, end: Int64, step: Int64) async throws(QueryError) -> QueryResult {
            var result = try await engine.range(query, start: start, end: end, step: step)
            if case .matrix(var series) = result.value, !series.isEmpty {
                series[0].values = series[0].values.map { $0 + 1 }
                result.value = .matrix(series)
            }
            return result
        }
    }

    @Test func anInstantQueryMustAgreeWithItsRange() async throws {
        let script = try Script(Self.data + "eval instant at 2m sum(foo)\n  {} 33", name: "test")
        let report = try await ScriptRunner {
            Crooked(engine: QueryEngine(source: $0, options: ScriptRunner.options))
        }.run(script)
        #expect(report.failed == 1)
        #expect(report.failures.first?.mode.contains("range query") == true)
    }

    /// An engine that forgets the `@` of a pinned query.
    private struct Unpinned: QueryAnswering {
        let engine: QueryEngine
        private func stripped(_ query: String) -> String {
            guard let at = query.range(of: " @ ") else { return query }
            return String(query[..<at])
        }
        func instant(_ query: String, at time: Int64) async throws(QueryError) -> QueryResult {
            try await engine.instant(stripped(query), at: time)
        }
        func range(_ query: String, start: Int64, end: Int64, step: Int64) async throws(QueryError) -> QueryResult {
            try await engine.range(stripped(query), start: start, end: end, step: step)
        }
    }

    @Test func aPinnedQueryMustAgreeAtAnyTime() async throws {
        let script = try Script(Self.data + "eval instant at 2m foo{a=\"1\"}\n  foo{a=\"1\"} 3", name: "test")
        let report = try await ScriptRunner {
            Unpinned(engine: QueryEngine(source: $0, options: ScriptRunner.options))
        }.run(script)
        #expect(report.failed == 1)
        #expect(report.failures.first?.mode.contains("@ 120.000") == true)
    }
}

extension String {
    /// The place of a text, without Foundation.
    fileprivate func range(of text: String) -> String.Index? {
        indices.first { self[$0...].hasPrefix(text) }
    }
}
