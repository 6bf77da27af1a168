import MetricModel
import PromQL
import PromQLScript
import Testing

@Suite struct ScriptParserTests {
    private func points(_ text: String) throws -> [SeriesPoint] {
        guard case .load(let load) = try Script("load 1m\n  metric \(text)", name: "test").commands[0] else {
            return []
        }
        return load.series[0].points
    }

    private func values(_ text: String) throws -> [Double?] {
        try points(text).map { if case .value(let value) = $0 { value } else { nil } }
    }

    @Test func valuesRepeatAndClimb() throws {
        #expect(try values("1 2.5 -3 +4 .5 1e3 -1.5e-3") == [1, 2.5, -3, 4, 0.5, 1000, -0.0015])
        #expect(try values("1x3") == [1, 1, 1, 1])
        #expect(try values("0+10x3") == [0, 10, 20, 30])
        #expect(try values("5-2.5x2 1") == [5, 2.5, 0, 1])
        #expect(try values("-1+1e1x2") == [-1, 9, 19])
        #expect(try values("_ 1 _x2 2 _x0") == [nil, 1, nil, nil, 2])
        #expect(try values("Inf -Inf +Inf") == [.infinity, -.infinity, .infinity])
        #expect(try values("NaN nan")[0]?.isNaN == true)
        #expect(try values("stale").map { $0?.bitPattern } == [StaleMarker.bitPattern])
        #expect(try points("").isEmpty)
    }

    @Test func histogramsAreRecognised() throws {
        #expect(
            try points("1 {{schema:0 buckets:[1 2]}}x2 {{}}") == [
                .value(1), .histogram("schema:0 buckets:[1 2]"), .histogram("schema:0 buckets:[1 2]"),
                .histogram("schema:0 buckets:[1 2]"), .histogram(""),
            ])
        #expect(try points("{{sum:1}}+{{sum:2}}x3").count == 4)
        #expect(try points("{{sum:1}}-{{sum:2}}x1").count == 2)
    }

    @Test(arguments: [
        "1x", "x3", "1+x3", "1+2", "abc", "1,2", "{{", "{{}}+{{}}", "1x99999999999999999999", "1x100000000", "--1",
        "1..2",
        "_y", "stalex",
    ])
    func brokenValuesAreRefused(text: String) {
        #expect(throws: ScriptError.self) { try points(text) }
    }

    private func starts(_ lines: String) throws -> [[Int64?]] {
        guard case .load(let load) = try Script("load 1m\n" + lines, name: "test").commands[0] else { return [] }
        return load.series.map(\.startOffsets) + [load.defaultStartOffsets]
    }

    @Test func startTimestampsAreReadAndBelongToTheNextLine() throws {
        #expect(
            try starts("a{b=\"c\"}@st _ -30s +1m1s *x1 _x2\na{b=\"c\"} 1x6\nd 1")
                == [[nil, -30_000, 61_000, 61_000, 61_000, nil, nil], [], []])
        #expect(try starts("@st 0 -1m\na 1 2 3") == [[], [0, -60_000]])
        #expect(try starts("a@st -1ms-1mx2 5sx1\na 1x4") == [[-1, -60_001, -120_001, 5_000, 5_000], []])
    }

    @Test(arguments: [
        "a@st -1m", "a@st -1m\nb 1", "a@st -1m\na 1 2", "a@st -1m\na@st -1m\na 1", "a@st 1\na 1", "a@st -1m-1m\na 1",
        "a@st _x0\na 1", "a@st -1mx\na 1", "a@st -1my\na 1", "a@st x3\na 1", "a@st -1mx99999999999\na 1",
    ])
    func brokenStartTimestampsAreRefused(lines: String) {
        #expect(throws: ScriptError.self) { try starts(lines) }
    }

    @Test func commandsAreRead() throws {
        let script = try Script(
            """
            # a comment
            load 10s53ms
            \tfoo{a="b c"}\t1 2
              # inside
            clear

            load_with_nhcb 5m
              foo_bucket{le="1"} 1

            eval instant at 1m30s  sum by (a) (foo)  # kept
              expect no_warn
              expect info regex: a.*b
              expect info msg: exactly this
              expect ordered
              {a="b c"} 5
              {} 6

            eval range from 0 to 10m step 1m foo to bar
              foo{} 1 _ 3

            eval_fail instant at 0 foo
              expected_fail_message  it failed

            eval instant at 5m 1
              -0x10

            eval instant at 5m foo[1m]
              expect range vector from 10s to 30s step 10s
              foo 1 2 3

            eval instant at 5m "x"
              expect string "x\\n"
            """, name: "test")
        guard case .load(let load) = script.commands[0], case .clear = script.commands[1],
            case .load(let converted) = script.commands[2], case .evaluate(let first) = script.commands[3],
            case .evaluate(let ranged) = script.commands[4]
        else {
            Issue.record("\(script.commands)")
            return
        }
        #expect(load.interval == 10_053 && !load.addsNativeHistograms)
        #expect(load.series[0].labels == Labels([("__name__", "foo"), ("a", "b c")]))
        #expect(converted.addsNativeHistograms)
        #expect(first.query == "sum by (a) (foo)  # kept")
        #expect(first.line == 10 && first.time == .instant(90_000))
        #expect(first.forbidsWarnings && first.infos.count == 2 && first.isOrdered && first.series.count == 2)
        #expect(ranged.time == .range(start: 0, end: 600_000, step: 60_000) && ranged.query == "foo to bar")
        #expect(ranged.series[0].points == [.value(1), .omitted, .value(3)])
        guard case .evaluate(let failing) = script.commands[5], case .evaluate(let scalar) = script.commands[6],
            case .evaluate(let window) = script.commands[7], case .evaluate(let text) = script.commands[8]
        else {
            Issue.record("\(script.commands)")
            return
        }
        guard case .exactly("it failed")? = failing.failure else {
            Issue.record("\(failing)")
            return
        }
        #expect(scalar.scalar == -16)
        #expect(window.rangeVector?.start == 10_000 && window.rangeVector?.step == 10_000)
        #expect(text.string == "x\n")
        #expect(script.commands.count == 9)
    }

    @Test(arguments: [
        ("launch 5m", 1), ("load", 1), ("load 5x", 1), ("\nload 5m\n  {a=} 1", 3), ("eval instant 5m foo", 1),
        ("eval instant at 5m", 1), ("eval range from 10 to 0 step 1 foo", 1), ("eval_maybe instant at 5m foo", 1),
        ("eval instant at 5m foo\n  foo 1 2", 2), ("eval instant at 5m foo\n  expect nothing", 2),
        ("eval instant at 5m foo\n  expect warn sure", 2), ("eval instant at 5m foo\n  expect warn regex: (", 2),
        ("eval instant at 5m foo\n  expect warn\n  expect no_warn", 1),
        ("eval instant at 5m foo\n  expect string x", 2),
        ("eval instant at 5m foo[1m]\n  expect range vector from 1 to 2", 2),
    ])
    func brokenScriptsNameTheirLine(text: String, line: Int) {
        #expect { try Script(text, name: "test") } throws: { error in
            (error as? ScriptError)?.line == line
        }
    }
}
