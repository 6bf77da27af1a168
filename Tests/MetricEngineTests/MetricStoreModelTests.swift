import MetricModel
import ObjectStorage
import Platform
import StorageEngine
import Testing

@testable import MetricEngine

/// The metric store against a dictionary: random appends, flushes, merges, days that pass, reopenings.
@Suite struct MetricStoreModelTests {
    @Test(arguments: UInt64(0)..<8)
    func aStoreAnswersLikeADictionary(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var world = TestWorld(seed: seed)
        if seed % 2 == 1 { world.layouts = .standard }
        var store = try await world.open()
        var model: [Labels: [Int64: Double]] = [:]
        var now = TestWorld.noon

        for step in 0..<40 {
            switch Int.random(in: 0..<14, using: &random) {
            case 0: try await store.flush()
            case 1: try await store.compact()
            case 2:
                // With or without a goodbye.
                if Bool.random(using: &random) { try await store.close() } else { world.crash(using: &random) }
                store = try await world.open()
            case 3:
                now += Int64.random(in: 1...4, using: &random) * TestWorld.day / 2
                world.clock.set(now)
            default:
                var rows: [(Labels, Int64, Double)] = []
                for _ in 0..<Int.random(in: 1...30, using: &random) {
                    let labels = RandomLabels.pick(using: &random)
                    let age = Int64.random(in: 0..<4, using: &random)
                    let time = now - age * TestWorld.day / 2 - Int64.random(in: 0..<5, using: &random) * 15_000
                    let value = Double(Int.random(in: 0..<1_000_000, using: &random))
                    rows.append((labels, time, value))
                    model[labels, default: [:]][time] = value
                }
                let outcome = try await store.write(rows)
                try #require(outcome.samplesStored == rows.count && outcome.samplesRefused == 0)
            }
            let matchers = try RandomLabels.matchers(using: &random)
            let low = now - Int64.random(in: 0..<10, using: &random) * TestWorld.day / 2
            let range = low...(low + Int64.random(in: 0..<4, using: &random) * TestWorld.day)
            try await compare(store, model, matchers, range, "seed \(seed), step \(step)")
        }
        try await compare(store, model, [], Int64.min...Int64.max, "seed \(seed), at the end")
        try await store.close()
        store = try await world.open()
        try await compare(store, model, [], Int64.min...Int64.max, "seed \(seed), reopened")
        try await store.close()
    }

    private func compare(
        _ store: MetricStore, _ model: [Labels: [Int64: Double]], _ matchers: [LabelMatcher],
        _ range: ClosedRange<Int64>, _ place: String
    ) async throws {
        let runs = try await store.select(
            SelectRequest(matchers: matchers, start: range.lowerBound, end: range.upperBound))
        var expected: [(Labels, [(Int64, Double)])] = []
        for (labels, samples) in model where labels.satisfy(matchers) {
            let chosen = samples.filter { range.contains($0.key) }.sorted { $0.key < $1.key }
            if !chosen.isEmpty { expected.append((labels, chosen.map { ($0.key, $0.value) })) }
        }
        expected.sort { $0.0 < $1.0 }
        try #require(runs.map(\.labels) == expected.map(\.0), "\(place): \(matchers)")
        if let bound = store.selectionBound(matchers, start: range.lowerBound, end: range.upperBound) {
            try #require(bound.series >= runs.count && bound.looks >= runs.count, "\(place): \(matchers)")
        }
        for (run, (labels, samples)) in zip(runs, expected) {
            try #require(run.timestamps == samples.map(\.0), "\(place): \(labels)")
            try #require(run.values == samples.map(\.1), "\(place): \(labels)")
        }
        // Twice: what was learnt of the ends of series must say the same.
        for _ in 0..<2 { try await compareNewest(store, expected, matchers, range, place) }
        // Label queries look at whole days, so they may say more, never less; for all time they are exact.
        let names = try await store.labelNames(LabelRequest(matcherSets: [matchers]))
        let all = model.keys.filter { $0.satisfy(matchers) }
        let modelNames = Set(all.flatMap { $0.labels.map { Array($0.name.utf8) } })
        try #require(Set(names.map { Array($0.utf8) }) == modelNames, "\(place): \(matchers)")
        let values = try await store.labelValues(of: "job", LabelRequest(matcherSets: [matchers])).strings
        try #require(
            Set(values.map { Array($0.utf8) }) == Set(all.compactMap { $0["job"] }.map { Array($0.utf8) }), "\(place)")
        try #require(try await store.series(LabelRequest(matcherSets: [matchers])) == all.sorted(), "\(place)")
    }

    /// The newest samples up to the end of the range, and up to a sample in the middle.
    private func compareNewest(
        _ store: MetricStore, _ expected: [(Labels, [(Int64, Double)])], _ matchers: [LabelMatcher],
        _ range: ClosedRange<Int64>, _ place: String
    ) async throws {
        let middle = expected.compactMap { $0.1[$0.1.count / 2].0 }.min() ?? range.upperBound
        for end in [range.upperBound, middle] {
            let runs = try await store.select(
                SelectRequest(matchers: matchers, start: range.lowerBound, end: end, newestOnly: true))
            let newest = expected.compactMap { labels, samples in
                samples.last { $0.0 <= end }.map { (labels: labels, time: $0.0, value: $0.1) }
            }
            try #require(runs.map(\.labels) == newest.map(\.labels), "\(place), newest to \(end)")
            try #require(runs.map(\.timestamps.last) == newest.map(\.time), "\(place), newest to \(end)")
            try #require(runs.map(\.values.last) == newest.map(\.value), "\(place), newest to \(end)")
            let request = SelectRequest(matchers: matchers, start: range.lowerBound, end: end, newestOnly: true)
            guard let vector = try await store.newest(request) else { continue }
            var found: [(labels: Labels, value: Double)] = []
            for (ordinal, value) in zip(vector.ordinals, vector.values) {
                found.append((Labels(CodedLabels(vector.source, ordinal)), value))
            }
            found.sort { $0.labels < $1.labels }
            try #require(found.map(\.labels) == newest.map(\.labels), "\(place), vector to \(end)")
            try #require(found.map(\.value) == newest.map(\.value), "\(place), vector to \(end)")
        }
    }
}
