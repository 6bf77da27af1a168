import MetricModel
import Platform
import Testing

@testable import MetricEngine

/// The columnar index against a plain array of label sets.
@Suite struct LabelIndexTests {
    private static func insert(_ labels: Labels, _ index: inout LabelIndex) -> (ordinal: UInt32, isNew: Bool) {
        index.insert(metric: Array((labels.metricName ?? "").utf8)[...], labels: LabelEncoding.encode(labels)[...])
    }

    @Test(arguments: UInt64(0)..<20)
    func aLabelSetHasOneOrdinal(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var index = LabelIndex(hash: KeyedHash128(random: SeededRandomSource(seed: seed)))
        var model: [Labels] = []
        for _ in 0..<600 {
            let labels = RandomLabels.pick(using: &random)
            let (ordinal, isNew) = Self.insert(labels, &index)
            if let known = model.firstIndex(of: labels) {
                #expect(!isNew && Int(ordinal) == known)
            } else {
                #expect(isNew && Int(ordinal) == model.count)
                model.append(labels)
            }
        }
        let view = index.view()
        for (i, labels) in model.enumerated() {
            #expect(view.labels(of: UInt32(i)) == labels)
            #expect(view.canonicalLabels(of: UInt32(i)) == LabelEncoding.encode(labels))
            let metric = Array((labels.metricName ?? "").utf8)
            let found = index.find(metric: metric[...], labels: LabelEncoding.encode(labels)[...])
            #expect(found == UInt32(i))
        }
        let absent = index.find(metric: Array("absent".utf8)[...], labels: [])
        #expect(absent == nil)
    }

    /// Texts that begin alike, that are the beginning of others, with zeros and none.
    @Test(arguments: UInt64(0)..<40)
    func valuesAreInTheOrderOfTheirBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var index = LabelIndex(hash: KeyedHash128(random: SeededRandomSource(seed: seed)))
        let start = String(repeating: "p", count: Int.random(in: 0...20, using: &random))
        var model: Set<[UInt8]> = []
        var chosen: [UInt32] = []
        var chosenValues: Set<[UInt8]> = []
        for _ in 0..<Int.random(in: 0...300, using: &random) {
            var value = start
            for _ in 0..<Int.random(in: 0...18, using: &random) {
                value += ["a", "b", "\u{0}", "é"].randomElement(using: &random) ?? ""
            }
            if value.isEmpty { continue }
            let (ordinal, _) = Self.insert(Labels([("__name__", "m"), ("job", value)]), &index)
            model.insert(Array(value.utf8))
            if Bool.random(using: &random) {
                chosen.append(ordinal)
                chosenValues.insert(Array(value.utf8))
            }
        }
        func bytes(_ list: TextList) -> [[UInt8]] {
            var all: [[UInt8]] = []
            list.visit { all.append(Array($0)) }
            return all
        }
        func sorted(_ values: Set<[UInt8]>) -> [[UInt8]] { values.sorted { $0.lexicographicallyPrecedes($1) } }
        let view = index.view()
        #expect(bytes(view.values(of: "job", nil)) == sorted(model))
        #expect(bytes(view.values(of: "job", chosen.sorted())) == sorted(chosenValues))
        #expect(view.values(of: "absent", nil).count == 0)
        #expect(view.values(of: "__name__", nil).strings == (model.isEmpty ? [] : ["m"]))
    }

    @Test(arguments: UInt64(0)..<40)
    func matchersChooseWhatTheyMean(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var index = LabelIndex(hash: KeyedHash128(random: SeededRandomSource(seed: seed)))
        var model: [Labels] = []
        for _ in 0..<300 {
            let labels = RandomLabels.pick(using: &random)
            if Self.insert(labels, &index).isNew { model.append(labels) }
        }
        let view = index.view()
        for _ in 0..<60 {
            let alive = OrdinalSet((0..<UInt32(model.count)).filter { _ in Int.random(in: 0..<4, using: &random) > 0 })
            let matchers = try RandomLabels.matchers(using: &random)
            let expected = (0..<UInt32(model.count)).filter {
                alive.contains($0) && model[Int($0)].satisfy(matchers)
            }
            #expect(view.select(matchers, among: alive).sorted() == expected, "seed \(seed), \(matchers)")
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func ranksGiveTheOrderOfTheLabels(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var index = LabelIndex(hash: KeyedHash128(random: SeededRandomSource(seed: seed)))
        for i in 0..<400 {
            var labels = RandomLabels.pick(using: &random)
            if seed % 4 == 3 {
                // More than two words of ranks: the texts decide the rest.
                for k in 0..<40 {
                    labels = labels.setting("wide_\(k)", to: "\(Int.random(in: 0..<20, using: &random))")
                }
                if i % 2 == 1, let last = labels.labels.last {
                    labels = labels.setting(last.name, to: last.value + "x")
                }
            }
            _ = Self.insert(labels, &index)
        }
        let view = index.view()
        for count in [1, 63, 64, 300] {
            let chosen = Array((0..<UInt32(view.count)).shuffled(using: &random).prefix(count))
            var sorted = chosen
            LabelRanks.sort(&sorted, in: view)
            let expected = chosen.sorted { view.labels(of: $0) < view.labels(of: $1) }
            #expect(sorted == expected, "seed \(seed), \(count)")
            let source = IndexedLabels(view, chosen)
            #expect(sorted.map { source.labels(of: $0).spelledOut } == sorted.map { view.labels(of: $0) })
        }
    }

    @Test func orderByCodesIsTheOrderOfTheLabels() {
        var random = SeededGenerator(seed: 7)
        var index = LabelIndex(hash: KeyedHash128(random: SeededRandomSource(seed: 7)))
        var model: [Labels] = []
        for _ in 0..<400 {
            let labels = RandomLabels.pick(using: &random)
            if Self.insert(labels, &index).isNew { model.append(labels) }
        }
        let view = index.view()
        let sorted = (0..<UInt32(model.count)).sorted { view.precedes($0, $1) }
        #expect(sorted.map { model[Int($0)] } == model.sorted())
    }

    /// A view is what was there when it was taken, whatever is inserted later.
    @Test func aViewStaysWhatItWas() {
        var random = SeededGenerator(seed: 3)
        var index = LabelIndex(hash: KeyedHash128(random: SeededRandomSource(seed: 3)))
        var views: [(LabelIndexView, [Labels])] = []
        var model: [Labels] = []
        for step in 0..<2_000 {
            let labels = Labels([
                (Labels.metricNameLabel, "m\(Int.random(in: 0..<50, using: &random))"),
                ("id", "\(Int.random(in: 0..<1_000, using: &random))"),
            ])
            if Self.insert(labels, &index).isNew { model.append(labels) }
            if step % 100 == 0 { views.append((index.view(), model)) }
        }
        for (view, then) in views {
            #expect(view.count == then.count)
            for (i, labels) in then.enumerated() { #expect(view.labels(of: UInt32(i)) == labels) }
            let all = OrdinalSet(0..<UInt32(model.count))
            #expect(view.select([], among: all).count == then.count)
            if let last = then.last, let id = last["id"] {
                let expected = then.indices.filter { then[$0]["id"] == id }.map { UInt32($0) }
                #expect(view.select([LabelMatcher("id", equals: id)], among: all) == expected)
            }
        }
    }

    @Test func aSetKnowsWhetherItHasAllBelow() {
        for count in [0, 1, 63, 64, 65, 128, 200] {
            let whole = OrdinalSet(0..<UInt32(count))
            #expect(whole.containsAll(below: count) && !whole.containsAll(below: count + 1))
            for missing in [0, count / 2, count - 1] where count > 0 {
                #expect(
                    !OrdinalSet((0..<UInt32(count + 70)).filter { $0 != missing }).containsAll(below: count))
            }
        }
    }
}
