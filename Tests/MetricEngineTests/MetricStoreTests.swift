import Columnar
import MetricModel
import Platform
import StorageEngine
import Testing

@testable import MetricEngine

/// Limits, metadata, bounds and counts.
@Suite struct MetricStoreTests {
    private let noon = TestWorld.noon
    private func metric(_ name: String, _ labels: [(String, String)] = []) -> Labels {
        Labels([("__name__", name)] + labels)
    }

    @Test func eachLimitHasItsOwnRefusalAndTheRestIsStored() async throws {
        var world = TestWorld(seed: 1)
        world.options.limits.labelsPerSeries = 2
        world.options.limits.labelNameBytes = 8
        world.options.limits.labelValueBytes = 10
        world.options.limits.series = 3
        world.options.region.retention = .seconds(3 * 86_400)
        let store = try await world.open()
        let outcome = try await store.write([
            (metric("ok"), noon, 1),
            (metric("ok"), noon + 600_000, 1),
            (metric("ok"), noon + 600_001, 1),
            (metric("ok"), noon - 3 * TestWorld.day - 1, 1),
            (metric("labels", [("a", "1"), ("b", "1"), ("c", "1")]), noon, 1),
            (metric("name", [("far_too_long", "1")]), noon, 1),
            (metric("metric_too_long"), noon, 1),
            (metric("value", [("a", "12345678901")]), noon, 1),
            (metric("second"), noon, 1),
            (metric("third"), noon, 1),
            (metric("zfourth"), noon, 1),
            (metric("ok"), .max, 1),
            (metric("ok"), .min, 1),
        ])
        #expect(outcome.samplesStored == 4)
        #expect(
            outcome.refused == [
                .tooFarAhead: 2, .tooOld: 2, .tooManyLabels: 1, .labelNameTooLong: 2, .labelValueTooLong: 1,
                .tooManySeries: 1,
            ])
        #expect(outcome.firstOffender?.hasPrefix("ok has a sample at \(noon + 600_001) ms, which is after") == true)
        #expect(try await store.everything().map { $0.labels.metricName } == ["ok", "second", "third"])
        // What is there goes on; its samples are not new series.
        #expect(try await store.write([(metric("third"), noon + 1, 1)]).samplesStored == 1)
        #expect(store.statistics.samplesStored == 5 && store.statistics.series == 3)
        #expect(store.statistics.samplesRefused[.tooManySeries] == 1)
    }

    @Test func samplesInMemoryAreUnsortedUntilSomebodyAsks() async throws {
        let store = try await TestWorld(seed: 4).open()
        try await store.write((0..<100).map { (metric("m", [("i", "\($0)")]), noon, 1) })
        #expect(store.unsortedSamples == 100)
        _ = try await store.everything()
        #expect(store.unsortedSamples == 0)
        try await store.write([(metric("m"), noon, 1)])
        #expect(store.unsortedSamples > 0)
        try await store.flush()
        #expect(store.unsortedSamples == 0)
    }

    /// One of many series of an object: its end is read, not remembered.
    @Test func theNewestOfAFewSeriesIsReadByPages() async throws {
        var world = TestWorld(seed: 3)
        world.layouts = .standard
        let store = try await world.open()
        for scrape in Int64(0)..<3 {
            // Integers, decimals and values that are neither.
            try await store.write(
                (0..<300).map { i in
                    let value = i % 3 == 2 ? 1 / Double(i + 3) : Double(i) + Double(scrape) / 4
                    return (metric("m", [("i", "\(i)")]), noon + scrape * 15_000, value)
                })
            if scrape < 2 { try await store.flush() }
        }
        for (i, end, scrape) in [(7, 31_000, 2.0), (7, 29_000, 1), (8, 14_999, 0), (9, 15_000, 1)] {
            let request = SelectRequest(
                matchers: [LabelMatcher("i", equals: "\(i)")], start: noon - 60_000, end: noon + Int64(end),
                newestOnly: true)
            let value = i % 3 == 2 ? 1 / Double(i + 3) : Double(i) + scrape / 4
            for _ in 0..<2 {
                let runs = try await store.select(request)
                #expect(runs.count == 1 && runs.first?.timestamps.last == noon + Int64(scrape) * 15_000)
                #expect(runs.first?.values.last == value)
                #expect(try await store.newest(request)?.values == [value])
            }
        }
        #expect(store.statistics.tailBytes == 0)
    }

    @Test func aRefusedBatchWritesNothing() async throws {
        var world = TestWorld(seed: 2)
        world.options.limits.series = 1
        let store = try await world.open()
        try await store.write([(metric("a"), noon, 1)])
        let outcome = try await store.write([(metric("b"), noon, 1)])
        #expect(outcome.samplesStored == 0 && outcome.refused == [.tooManySeries: 1])
        #expect(try await store.everything().count == 1)
    }

    @Test func whatAnOffenderIsCalledBreaksNoLine() {
        let text = SeriesText.describe(
            metric: Array("a\nb".utf8)[...], pairs: [(Array("x".utf8)[...], Array("\u{1b}[31m\u{202e}".utf8)[...])])
        #expect(text == "a\\u{a}b{x=\"\\u{1b}[31m\\u{202e}\"}")
        let long = SeriesText.describe(metric: Array(repeating: 0x61, count: 10_000)[...], labels: [])
        #expect(long.count <= 257)
    }

    @Test func repeatsSucceedAndTheLastWordCounts() async throws {
        let store = try await TestWorld(seed: 3).open()
        for value in [1.0, 1, 2] {
            #expect(try await store.write([(metric("a"), noon, value)]).samplesStored == 1)
        }
        #expect(try await store.everything().map(\.values) == [[2]])
    }

    @Test func valuesKeepTheirBits() async throws {
        var world = TestWorld(seed: 4)
        world.layouts = .standard
        let store = try await world.open()
        let bits: [UInt64] = [
            StaleMarker.bitPattern, Double.nan.bitPattern, (-0.0).bitPattern, Double.infinity.bitPattern,
            0x7ff8_0000_dead_beef, 1, 0.1.bitPattern,
        ]
        try await store.write(
            bits.enumerated().map { (metric("a"), noon + Int64($0.offset), Double(bitPattern: $0.element)) })
        #expect(try await store.everything().first?.values.map(\.bitPattern) == bits)
        try await store.flush()
        #expect(try await store.everything().first?.values.map(\.bitPattern) == bits)
        try await store.close()
    }

    @Test func aQueryOverItsBoundSaysSo() async throws {
        let store = try await TestWorld(seed: 5).open()
        try await store.write((0..<100).map { (metric("a"), noon + $0, 1) })
        let request = SelectRequest(matchers: [], start: noon, end: noon + 100, maximumSamples: 99)
        await #expect(throws: SelectError.tooManySamples(limit: 99)) { try await store.select(request) }
        var enough = request
        enough.maximumSamples = 100
        #expect(try await store.select(enough).first?.timestamps.count == 100)
    }

    @Test func metadataSurvivesAndTheLastWordCounts() async throws {
        var world = TestWorld(seed: 6)
        world.options.limits.metadataFamilies = 2
        var store = try await world.open()
        let counter = MetricMetadata(family: "requests", type: "counter", help: "Requests.", unit: "")
        var gauge = MetricMetadata(family: "heat", type: "gauge", help: "Heat.", unit: "celsius")
        try await store.append([counter, gauge])
        gauge.help = "Warmth."
        try await store.append([gauge, counter, MetricMetadata(family: "third", type: "info", help: "", unit: "")])
        #expect(store.metadata() == [gauge, counter])
        try await store.flush()
        try await store.close()
        store = try await world.open()
        #expect(store.metadata() == [gauge, counter])
        #expect(store.metadata(of: "heat") == [gauge] && store.metadata(of: "absent").isEmpty)
        try await store.close()
    }

    @Test func labelQueriesKeepToTimeAndLimit() async throws {
        let world = TestWorld(seed: 7)
        let store = try await world.open()
        let old = noon - 10 * TestWorld.day
        try await store.write([
            (metric("a", [("job", "x")]), old, 1), (metric("b", [("job", "y"), ("zone", "1")]), noon, 1),
            (metric("c", [("job", "z")]), noon, 1),
        ])
        #expect(try await store.labelNames(LabelRequest()) == ["__name__", "job", "zone"])
        #expect(try await store.labelNames(LabelRequest(start: old, end: old)) == ["__name__", "job"])
        #expect(try await store.labelValues(of: "job", LabelRequest(start: noon, end: noon + 1)).strings == ["y", "z"])
        #expect(try await store.labelValues(of: "job", LabelRequest(limit: 2)).strings == ["x", "y"])
        #expect(try await store.labelValues(of: "__name__", LabelRequest()).strings == ["a", "b", "c"])
        let sets = [[LabelMatcher("job", equals: "x")], [LabelMatcher("zone", equals: "1")]]
        #expect(try await store.series(LabelRequest(matcherSets: sets)).compactMap(\.metricName) == ["a", "b"])
        #expect(try await store.series(LabelRequest(limit: 1)).compactMap(\.metricName) == ["a"])
        #expect(try await store.series(LabelRequest(start: 5, end: 4)).isEmpty)
    }

    @Test func cardinalityCountsTheNewestSegment() async throws {
        let store = try await TestWorld(seed: 8).open()
        try await store.write(
            (0..<6).map { (metric("m\($0 % 2)", [("i", "\($0)"), ("job", "j")]), noon, 1) } + [
                (metric("old"), noon - 3 * TestWorld.day, 1)
            ])
        let found = try await store.cardinality(limit: 2)
        #expect(found.series == 6 && found.labelPairs == 7)
        #expect(found.times == noon - 3 * TestWorld.day...noon)
        #expect(found.seriesByMetric == [.init("m0", 3), .init("m1", 3)])
        #expect(found.valuesByLabel == [.init("i", 6), .init("job", 1)])
        #expect(found.seriesByPair.first == .init("job=j", 6))
    }
}
