import MetricModel
import PromQLScript
import Testing

@Suite struct ScriptSourceTests {
    private let foo = Labels([("__name__", "foo")])
    private let bar = Labels([("__name__", "bar"), ("a", "b")])

    private func request(_ matchers: [LabelMatcher], _ times: ClosedRange<Int64>, most: Int = .max) -> SelectRequest {
        SelectRequest(matchers: matchers, start: times.lowerBound, end: times.upperBound, maximumSamples: most)
    }

    @Test func selectsWhatMatchesWithinTheRangeInLabelOrder() async throws {
        let source = ScriptSource()
        source.append(foo, timestamps: [10, 20, 30], values: [1, 2, 3])
        source.append(bar, timestamps: [20], values: [7])
        source.append(bar, timestamps: [5, 20], values: [6, 8])  // late, and once more
        let all = try await source.select(request([try LabelMatcher("__name__", .matches, ".+")], 10...25))
        #expect(all.map(\.labels) == [bar, foo])
        #expect(all.map(\.timestamps) == [[20], [10, 20]])
        #expect(all.map(\.values) == [[8], [1, 2]])
        let absent = try await source.select(request([LabelMatcher("a", equals: "")], 0...100))
        #expect(absent.map(\.labels) == [foo])
        #expect(try await source.select(request([LabelMatcher("a", equals: "b")], 21...100)).isEmpty)
    }

    @Test func theSampleLimitHolds() async throws {
        let source = ScriptSource()
        source.append(foo, timestamps: [10, 20, 30], values: [1, 2, 3])
        let matchers = [LabelMatcher("__name__", equals: "foo")]
        #expect(try await source.select(request(matchers, 0...100, most: 3)).count == 1)
        await #expect(throws: SelectError.tooManySamples(limit: 2)) {
            try await source.select(request(matchers, 0...100, most: 2))
        }
    }

    @Test func touchedHistogramsAreRememberedOnce() async throws {
        let source = ScriptSource()
        source.append(foo, timestamps: [10], values: [1], histograms: [20])
        let matchers = [LabelMatcher("__name__", equals: "foo")]
        _ = try await source.select(request(matchers, 0...19))
        #expect(source.takeTouchedHistogram() == nil)
        _ = try await source.select(request(matchers, 0...20))
        #expect(source.takeTouchedHistogram() == foo)
        #expect(source.takeTouchedHistogram() == nil)
    }
}
