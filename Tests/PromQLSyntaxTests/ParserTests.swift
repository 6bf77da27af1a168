import MetricModel
import PromQL
import Testing

/// Queries in, canonical text out: precedence and grouping show in fully parenthesised form.
@Suite struct ParserTests {
    /// With every operator's operands in parentheses.
    private func grouped(_ expression: Expression) -> String {
        switch expression {
        case .unary(let unary): return (unary.isNegation ? "-" : "+") + "(" + grouped(unary.operand) + ")"
        case .binary(let binary):
            return "(\(grouped(binary.left)) \(binary.operation.rawValue) \(grouped(binary.right)))"
        case .parenthesized(let inner, _): return grouped(inner)
        default: return PromQLPrinter.print(expression)
        }
    }

    private func parse(_ query: String) throws -> Expression {
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        return try PromQLParser.parse(query, options: options)
    }

    @Test(arguments: [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 * 2 + 3", "((1 * 2) + 3)"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("2 ^ 3 ^ 2", "(2 ^ (3 ^ 2))"),
        ("-2 ^ 2", "-((2 ^ 2))"),
        ("2 ^ -1 * 3", "((2 ^ -1) * 3)"),
        ("-2^---1*3", "(-((2 ^ -1)) * 3)"),
        ("2 ^ -3 ^ 2", "(2 ^ -((3 ^ 2)))"),
        ("-a * b", "(-(a) * b)"),
        ("a atan2 b % c", "((a atan2 b) % c)"),
        ("a and b or c unless d", "((a and b) or (c unless d))"),
        ("a or b and c == d + e", "(a or (b and (c == (d + e))))"),
        ("a </ 1 + 2 >/ 3 and b", "(((a </ (1 + 2)) >/ 3) and b)"),
        ("a == bool b > c", "((a == b) > c)"),
        ("a offset -2 ^ 2", "(a offset -2s ^ 2)"),
        ("a offset 100 + 2", "(a offset 1m40s + 2)"),
        ("a offset step() * 0", "(a offset step() * 0)"),
        ("a offset (2 ^ 2)", "a offset (2s ^ 2s)"),
        ("a offset -(min_of(step(), 1s)) + 8000", "(a offset -(min_of(step(), 1s)) + 8000)"),
        ("-a[5m] offset 5m", "-(a[5m] offset 5m)"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
    ])
    func operatorsBindAsInPrometheus(query: String, expected: String) throws {
        let found = query.hasPrefix("-a[") ? nil : try grouped(parse(query))
        if let found { #expect(found == expected) }
    }

    @Test(arguments: [
        (
            "SUM by (job, \"a.b\",) (rate(http{code=~\"5..\", code!=\"\"}[5m:]))",
            "sum by (job, \"a.b\") (rate(http{code!=\"\",code=~\"5..\"}[5m:]))"
        ),
        ("sum(x) without (a)", "sum without (a) (x)"),
        ("topk(3, x)", "topk(3, x)"),
        ("count_values(\"v\", x)", "count_values(\"v\", x)"),
        ("{\"my.metric\", \"label.name\"='x'}", "{\"label.name\"=\"x\",__name__=\"my.metric\"}"),
        ("{__name__!=\"\"}", "{__name__!=\"\"}"),
        ("foo{a='\\'b\\n', c=`d\\e`}", "foo{a=\"'b\\n\",c=\"d\\\\e\"}"),
        ("a + on(x, y) group_left(z) b", "a + on (x, y) group_left (z) b"),
        ("a * ignoring() group_right b", "a * ignoring () group_right () b"),
        ("a == bool on() b", "a == bool on () b"),
        ("a + fill(0) b", "a + fill (0) b"),
        ("a + fill_right(7) fill_left(-5) b", "a + fill_left (-5) fill_right (7) b"),
        ("fill + fill(NaN) fill", "fill + fill (NaN) fill"),
        ("foo @ 1.5 offset 1h30m", "foo @ 1.500 offset 1h30m"),
        ("foo offset -5m @ end()", "foo @ end() offset -5m"),
        ("foo[5m] @ start()", "foo[5m] @ start()"),
        ("rate(foo[5m] anchored)", "rate(foo[5m] anchored)"),
        ("foo smoothed", "foo smoothed"),
        ("x @ start()[1h:1m] offset 1m16s", "x @ start()[1h:1m] offset 1m16s"),
        ("foo[90]", "foo[1m30s]"),
        ("foo[ 5m + step() ]", "foo[5m + step()]"),
        ("foo[max(min(STEP()+1,1h),1ms)]", "foo[max_of(min_of(step() + 1s, 1h), 1ms)]"),
        ("foo[24m+((1.5*2m)+2m)]", "foo[24m + ((1s500ms * 2m) + 2m)]"),
        ("0x1F + 017 + 08 + 1_000 + .5 + 2. + 1e3", "31 + 15 + 8 + 1000 + 0.5 + 2 + 1000"),
        ("1e-7", "0.0000001"),
        ("12345678901234567890", "12345678901234567000"),
        ("inF - nan", "+Inf - NaN"),
        ("5m", "300"),
        ("# a comment\nfoo # another\n+ 1", "foo + 1"),
        ("sum", "sum"), ("sum{a=\"b\"}", "sum{a=\"b\"}"), ("offset offset 5m", "offset offset 5m"),
        ("and and or", "and and or"), ("start", "start"), ("STep()", "step()"), ("end() - start()", "end() - start()"),
        ("a:b:c", "a:b:c"), ("min_of(1, 2)", "min_of(1, 2)"), ("min_of", "min_of"),
        ("sum by (by, on, bool, group_left, sum, fill) (x)", "sum by (by, on, bool, group_left, sum, fill) (x)"),
        ("label_join(x, \"a\", \"b\")", "label_join(x, \"a\", \"b\")"),
        ("info(x, {k=~\".*\"})", "info(x, {k=~\".*\"})"),
        ("\"\\x41\\u00e9\\101\"", "\"AéA\""),
    ])
    func textsAreReadAndWrittenAsInPrometheus(query: String, expected: String) throws {
        let parsed = try parse(query)
        #expect(PromQLPrinter.print(parsed) == expected)
        #expect(PromQLPrinter.print(try parse(expected)) == expected)
    }

    @Test func matchersCarryTheMetricNameLast() throws {
        guard case .vectorSelector(let selector) = try parse("foo{b=\"c\"}") else {
            Issue.record("not a selector")
            return
        }
        #expect(selector.metricName == "foo")
        #expect(selector.matchers == [LabelMatcher("b", equals: "c"), LabelMatcher("__name__", equals: "foo")])
        #expect(selector.position == SourceRange(0, 10))
    }

    @Test func positionsAreBytesOfTheQuery() throws {
        guard case .call(let call) = try parse(" rate(  foo[5m] offset 1m )"),
            case .matrixSelector(let matrix) = call.arguments[0]
        else {
            Issue.record("not a call")
            return
        }
        #expect(call.position == SourceRange(1, 27))
        #expect(matrix.position == SourceRange(8, 25))
    }

    @Test func matchingIsNilBesideAScalar() throws {
        guard case .binary(let scalar) = try parse("a + 1"), case .binary(let vectors) = try parse("a or b") else {
            Issue.record("not binary")
            return
        }
        #expect(scalar.matching == nil)
        #expect(vectors.matching?.cardinality == .manyToMany)
    }

    @Test func aLoneSelectorTakesWhatMatchParametersSend() throws {
        #expect(try PromQLParser.parseSelector("{__name__!=\"\"}").matchers.count == 1)
        #expect(try PromQLParser.parseSelector("up{job=\"a\",}").matchers.count == 2)
        #expect(
            try PromQLParser.parseSelector("{\"my.metric\", \"label.name\"=\"x\"}").matchers == [
                LabelMatcher("__name__", equals: "my.metric"), LabelMatcher("label.name", equals: "x"),
            ])
        for bad in ["{}", "{a=~\".*\"}", "", "up + 1", "up[5m]", "rate(up[5m])", "up offset 5m", "{a=~\"(\"}"] {
            #expect(throws: ParseError.self) { try PromQLParser.parseSelector(bad) }
        }
    }

    @Test func seriesLabelsEndWhereValuesBegin() throws {
        let first = try PromQLParser.parseSeriesLabels("http{path=\"/ {}\", job='a'} 1 2")
        #expect(first.labels == Labels([("__name__", "http"), ("path", "/ {}"), ("job", "a")]))
        #expect(first.end == 26)
        #expect(try PromQLParser.parseSeriesLabels("sum {{count:1}}").end == 3)
        #expect(try PromQLParser.parseSeriesLabels("{} 5").labels.isEmpty)
        #expect(try PromQLParser.parseSeriesLabels("{\"a.b\"} 5").labels.metricName == "a.b")
    }
}
