import MetricModel
import PromQL
import Testing

@Suite struct FunctionTests {
    @Test func averagesOutliveAnOverflowingSum() async throws {
        let engine = QueryEngine([series("x", [1.5e308, 1.5e308, 1.5e308]), series("y", [1e16, 1, -1e16])])
        #expect(try await engine.vector("avg_over_time(x[5m])", at: 120_000) == ["{} 1.5e+308"])
        #expect(try await engine.vector("sum_over_time(x[5m])", at: 120_000) == ["{} inf"])
        #expect(try await engine.vector("sum_over_time(y[5m])", at: 120_000) == ["{} 1.0"])
    }

    @Test func extremesSkipNaNAndFindTheirTime() async throws {
        let values = [Double?](repeating: .nan, count: 3) + (0..<40).map { Double(($0 * 17) % 40) - 20 } + [.nan]
        let engine = QueryEngine([series("x", values), series("n", [.nan, .nan])])
        #expect(try await engine.vector("max_over_time(x[2h])", at: 3_600_000) == ["{} 19.0"])
        #expect(try await engine.vector("min_over_time(x[2h])", at: 3_600_000) == ["{} -20.0"])
        #expect(try await engine.vector("ts_of_min_over_time(x[2h])", at: 3_600_000) == ["{} 180.0"])
        #expect(try await engine.vector("max_over_time(n[5m])", at: 60_000) == ["{} nan"])
    }

    @Test func anInvalidSmoothingFactorIsAnError() async throws {
        let engine = QueryEngine([series("x", [1, 2, 4])])
        await #expect(
            throws: QueryError.execution("invalid smoothing factor. Expected: 0 < sf < 1, got: 1.500000")
        ) { try await engine.instant("double_exponential_smoothing(x[5m], 1.5, 0.5)", at: 120_000) }
        #expect(
            try await engine.vector("double_exponential_smoothing(x[5m], 0.5, 0.5)", at: 120_000) == ["{} 3.5"])
    }

    @Test func predictionStartsFromTheEvaluationTime() async throws {
        let engine = QueryEngine([series("x", [0, 60, 120])])
        let found = try await engine.matrix(
            "predict_linear(x[5m] @ 120, 60)", from: 120_000, to: 240_000, step: 60_000)
        #expect(found == ["{} 180.0@120 240.0@180 300.0@240"])
        #expect(try await engine.vector("deriv(x[5m])", at: 120_000) == ["{} 1.0"])
    }

    @Test func quantilesOfClassicHistograms() async throws {
        func bucket(_ bound: String, _ count: Double) -> SeriesRun {
            series([("__name__", "h_bucket"), ("le", bound)], [count])
        }
        let engine = QueryEngine([bucket("1", 10), bucket("2", 30), bucket("+Inf", 40), bucket("x", 1)])
        let result = try await engine.instant("histogram_quantile(0.5, h_bucket)", at: 0)
        guard case .vector(let samples) = result.value else { return }
        #expect(samples.map(\.value) == [1.5])
        #expect(
            result.warnings == [
                "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" for metric name "
                    + "\"h_bucket\" (1:25)"
            ])
        #expect(try await engine.vector("histogram_fraction(0, 2, h_bucket)", at: 0) == ["{} 0.75"])
        let broken = QueryEngine([bucket("1", 10), bucket("2", 5), bucket("+Inf", 40)])
        let infos = try await broken.instant("histogram_quantile(0.5, h_bucket)", at: 0).infos
        #expect(infos.count == 1 && infos[0].contains("from buckets 2 to 2, with a max diff of 5, over 1 samples"))
    }

    /// Bytes of a literal that are no UTF-8 equal no label, and name none.
    @Test func literalsMayHoldAnyByte() async throws {
        let engine = QueryEngine([series([("__name__", "x"), ("a", "é")], [1])])
        #expect(try await engine.vector(#"x{a!="\xc5"}"#, at: 0) == ["x{a=é} 1.0"])
        #expect(try await engine.vector(#"x{a="\xc3\251"}"#, at: 0) == ["x{a=é} 1.0"])
        #expect(try await engine.vector(#"x{a="\xc3"}"#, at: 0) == [])
        #expect(
            try await engine.vector(#"label_replace(x, "b", "y\xff", "a", "é")"#, at: 0) == ["x{a=é,b=y\u{fffd}} 1.0"])
        for (query, reason) in [
            (#"count_values("a\xc5z", x)"#, #"invalid label name "a\xc5z""#),
            (
                #"label_join(x, "\x80", "-", "a")"#,
                #"invalid destination label name in label_join(): \x80"#
            ), (#"label_join(x, "b", "-", "\x80")"#, #"invalid source label name in label_join(): \x80"#),
            (
                #"label_replace(x, "\xff", "$1", "a", "(.*)")"#,
                #"invalid destination label name in label_replace(): \xff"#
            ),
        ] {
            await #expect(throws: QueryError.execution(reason)) { try await engine.instant(query, at: 0) }
        }
    }

    /// Info series are those of the time at which the argument is, where that is one.
    @Test(arguments: [
        ("info(m @ 0)", "v1"), ("info(ceil(m @ 0))", "v1"), ("info(m @ 0 * 1)", "v1"),
        ("info(count_over_time(m[2m] @ 0))", "v1"), ("info(m offset 3m)", "v1"),
        ("info(m @ 120 + m @ 180 offset 1m)", "v1"), ("info(last_over_time(m[1m:1m] @ 60))", "v1"),
        ("info(m)", "v2"), ("info(m @ 0 + m @ 60)", "v2"), ("info(scalar(m @ 0) * m)", "v2"),
        ("info(m @ 0 or vector(1))", "v2"),
    ])
    func infoIsThatOfTheArgumentsTime(query: String, version: String) async throws {
        func info(_ version: String, _ values: [Double?]) -> SeriesRun {
            series(
                [("__name__", "target_info"), ("instance", "a"), ("job", "1"), ("version", version)], values)
        }
        let engine = QueryEngine([
            series([("__name__", "m"), ("instance", "a"), ("job", "1")], [1, 2, 3, 4, 5]),
            info("v1", [1, 1, 1, StaleMarker.value]), info("v2", [nil, nil, nil, nil, 1]),
        ])
        let found = try await engine.vector(query, at: 240_000).filter { $0.contains("instance") }
        #expect(found.count == 1 && found[0].contains("version=\(version)"), "\(found)")
    }

    @Test func labelsAreRewritten() async throws {
        let engine = QueryEngine([series([("__name__", "x"), ("a", "one-two"), ("b", "z")], [1])])
        let replaced = try await engine.vector(
            "label_replace(x, \"c\", \"${second}$$$1\", \"a\", \"(\\\\w+)-(?P<second>.*)\")", at: 0)
        #expect(replaced == ["x{a=one-two,b=z,c=two$one} 1.0"])
        #expect(
            try await engine.vector("label_replace(x, \"c\", \"y\", \"a\", \"one\")", at: 0) == ["x{a=one-two,b=z} 1.0"]
        )
        #expect(
            try await engine.vector("label_join(x, \"c\", \"/\", \"a\", \"b\")", at: 0)
                == ["x{a=one-two,b=z,c=one-two/z} 1.0"])
        await #expect(throws: QueryError.execution("invalid regular expression in label_replace(): (")) {
            try await engine.instant("label_replace(x, \"c\", \"\", \"a\", \"(\")", at: 0)
        }
        let long = String(repeating: "(", count: 1_000)
        await #expect(
            throws: QueryError.execution("invalid regular expression in label_replace(): \(long.prefix(256))...")
        ) { try await engine.instant("label_replace(x, \"c\", \"\", \"a\", \"\(long)\")", at: 0) }
    }

    @Test func labelsThatDoubleAreStopped() async throws {
        let engine = QueryEngine([series([("__name__", "x"), ("a", "12345678")], [1])])
        let depth = 40
        let query =
            String(repeating: "label_join(", count: depth) + "x"
            + String(repeating: ", \"a\", \"\", \"a\", \"a\")", count: depth)
        await #expect(
            throws: QueryError.execution("label_join() would make a label value of more than 65536 bytes")
        ) { try await engine.instant(query, at: 0) }
    }

    @Test func datesAreGregorian() async throws {
        let engine = QueryEngine([])
        func part(_ name: String, _ seconds: Int) async throws -> [String] {
            try await engine.vector("\(name)(vector(\(seconds)))", at: 0)
        }
        #expect(try await part("year", 951_782_400) == ["{} 2000.0"])  // 2000-02-29, a Tuesday
        #expect(try await part("month", 951_782_400) == ["{} 2.0"])
        #expect(try await part("day_of_month", 951_782_400) == ["{} 29.0"])
        #expect(try await part("day_of_year", 951_782_400) == ["{} 60.0"])
        #expect(try await part("day_of_week", 951_782_400) == ["{} 2.0"])
        #expect(try await part("days_in_month", 951_782_400) == ["{} 29.0"])
        #expect(try await part("day_of_year", -1) == ["{} 365.0"])
        #expect(try await part("hour", -1) == ["{} 23.0"])
        #expect(try await part("minute", 3_540) == ["{} 59.0"])
    }

    @Test func absenceSpeaksTheSelectorsLabels() async throws {
        let engine = QueryEngine([series("x", [1, nil, nil, nil, nil, nil, nil, 2])])
        #expect(try await engine.vector("absent(y{a=\"b\", c=~\"d\"})", at: 0) == ["{a=b} 1.0"])
        let gaps = try await engine.matrix("absent(x)", from: 0, to: 420_000, step: 60_000)
        #expect(gaps == ["{} 1.0@300 1.0@360"])
        let windows = try await engine.matrix("absent_over_time(x[2m])", from: 0, to: 240_000, step: 60_000)
        #expect(windows == ["{} 1.0@120 1.0@180 1.0@240"])
    }

    @Test func sortingPutsNaNLastAndMeansNothingInARange() async throws {
        let engine = QueryEngine(
            [2.0, .nan, 3, 1].enumerated().map { series([("__name__", "x"), ("n", "\($0)")], [$1]) })
        #expect(
            try await engine.vector("sort(x)", at: 0) == ["x{n=3} 1.0", "x{n=0} 2.0", "x{n=2} 3.0", "x{n=1} nan"])
        #expect(
            try await engine.vector("sort_desc(x)", at: 0) == ["x{n=2} 3.0", "x{n=0} 2.0", "x{n=3} 1.0", "x{n=1} nan"])
        let result = try await engine.range("sort(x)", start: 0, end: 60_000, step: 60_000)
        #expect(result.warnings.count == 1)
    }

    @Test func infoSeriesLendTheirLabels() async throws {
        let engine = QueryEngine([
            series([("__name__", "x"), ("job", "j"), ("instance", "i")], [1, 2]),
            series([("__name__", "target_info"), ("job", "j"), ("instance", "i"), ("v", "1")], [1, nil]),
            series([("__name__", "target_info"), ("job", "j"), ("instance", "i"), ("v", "2")], [nil, 1]),
        ])
        #expect(
            try await engine.matrix("info(x)", from: 0, to: 60_000, step: 60_000)
                == ["x{instance=i,job=j,v=1} 1.0@0", "x{instance=i,job=j,v=2} 2.0@60"])
        #expect(try await engine.vector("info(x, {w=~\".+\"})", at: 0) == [])
    }

    @Test func edgesOfExtendedRanges() async throws {
        let engine = QueryEngine([
            series([("__name__", "x")], every: 15_000, [1, 2, 3, 4, 5, 9, 10, 11, 12, 13])
        ])
        #expect(try await engine.vector("increase(x[1m] anchored)", at: 80_000) == ["{} 7.0"])
        #expect(try await engine.vector("increase(x[1m] smoothed)", at: 37_500) == ["{} 2.5"])
        #expect(try await engine.vector("x smoothed", at: 7_500) == ["x{} 1.5"])
        await #expect(
            throws: QueryError.execution(
                "smoothed modifier can only be used with: delta, increase, rate - not with deriv")
        ) { try await engine.instant("deriv(x[3m] smoothed)", at: 0) }
    }

    @Test func aSmoothedRangeNeedsASampleBeforeItsEnd() async throws {
        let engine = QueryEngine([series([("__name__", "x")], every: 10_000, [nil, 5, 6, 7])])
        #expect(try await engine.vector("increase(x[5s] smoothed)", at: 5_000) == [])
        #expect(try await engine.vector("rate(x[5s] smoothed)", at: 5_000) == [])
        #expect(try await engine.vector("increase(x[10s] smoothed)", at: 15_000) == ["{} 0.5"])
        #expect(try await engine.vector("increase(x[5s] smoothed)", at: 60_000) == [])
    }

    @Test func sortingByLabelReadsNumbers() async throws {
        func sorted(_ values: [String?], _ query: String) async throws -> [String] {
            let all = values.enumerated().map { n, value in
                series([("__name__", "x"), ("n", "\(n)")] + (value.map { [("l", $0)] } ?? []), [1])
            }
            guard case .vector(let samples) = try await QueryEngine(all).instant(query, at: 0).value else { return [] }
            return samples.map { $0.labels["l"] ?? "none" }
        }
        let ascending = "sort_by_label(x, \"l\")"
        #expect(try await sorted(["a10b", "a2b", "a1", "a"], ascending) == ["a", "a1", "a2b", "a10b"])
        #expect(
            try await sorted(["a10b", "a2b", "a1", "a"], "sort_by_label_desc(x, \"l\")") == ["a10b", "a2b", "a1", "a"])
        // What has no such label stays where it is, at the end of the order of labels: neither comes before the other.
        #expect(try await sorted([nil, "b", "a"], ascending) == ["a", "b", "none"])
        let many = (0..<20).map { $0 % 5 == 0 ? nil : String($0) }
        let wanted = many.filter { $0 == nil }.map { _ in "none" } + many.compactMap { $0 }
        #expect(try await sorted(many.reversed(), ascending) == wanted)
    }

    @Test func missingSidesAreFilled() async throws {
        let engine = QueryEngine([
            series([("__name__", "l"), ("a", "1")], [1]), series([("__name__", "l"), ("a", "2")], [2]),
            series([("__name__", "r"), ("a", "2")], [20]), series([("__name__", "r"), ("a", "3")], [30]),
        ])
        #expect(
            try await engine.vector("sort(l + fill_left(5) fill_right(7) r)", at: 0)
                == ["{a=1} 8.0", "{a=2} 22.0", "{a=3} 35.0"])
        #expect(try await engine.vector("l + fill_left(5) nothing", at: 0) == [])
    }
}
