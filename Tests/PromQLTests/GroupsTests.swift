import MetricModel
import Platform
import Testing

@testable import PromQL

/// Groups told apart by codes against groups told apart by texts.
@Suite struct GroupsTests {
    private static let names = ["__name__", "__type__", "Zone", "a", "b", "é", "e\u{301}"]
    private static let values = ["1", "2", "3", "é", "e\u{301}"]

    private static func sets(using random: inout SeededGenerator) -> [Labels] {
        var sets = Set<Labels>()
        for _ in 0..<60 {
            sets.insert(
                Labels(
                    names.filter { _ in Bool.random(using: &random) }
                        .map { ($0, values.randomElement(using: &random) ?? "1") }))
        }
        return sets.sorted()
    }

    @Test(arguments: UInt64(0)..<40)
    func codesGroupAsTextsDo(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        // Two sources, and labels of none: an expression may bring them together.
        let all = (0..<2).flatMap { _ -> [Labels] in
            let sets = Self.sets(using: &random)
            let source = MemoryLabels(sets)
            return sets.indices.map { i in
                switch Int.random(in: 0..<4, using: &random) {
                case 0: sets[i]
                case 1: Labels(CodedLabels(source, UInt32(i), isNameless: true))
                default: Labels(CodedLabels(source, UInt32(i)))
                }
            }
        }.shuffled(using: &random)
        for _ in 0..<20 {
            let grouping = LabelGrouping(
                names: Self.names.filter { _ in Int.random(in: 0..<3, using: &random) == 0 },
                isExclusion: Bool.random(using: &random))
            var byCodes = Groups()
            var byTexts = Groups()
            for labels in all {
                let expected = byTexts.index(of: labels.spelledOut, by: grouping)
                #expect(byCodes.index(of: labels, by: grouping) == expected, "seed \(seed), \(grouping), \(labels)")
            }
            #expect(byCodes.keys.map(\.labels) == byTexts.keys.map(\.labels), "seed \(seed)")
        }
    }

    @Test(arguments: UInt64(0)..<10)
    func codedLabelsAreLikeTheirPairs(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sets = Self.sets(using: &random)
        let sources = [MemoryLabels(sets), MemoryLabels(sets)]
        let coded = sets.indices.flatMap { i in
            sources.flatMap { [CodedLabels($0, UInt32(i)), CodedLabels($0, UInt32(i), isNameless: true)] }
        }.map { Labels($0) }
        for a in coded {
            #expect(a.count == a.labels.count && a.isEmpty == a.labels.isEmpty)
            for name in Self.names {
                #expect(a[name].map { Array($0.utf8) } == a.spelledOut[name].map { Array($0.utf8) })
            }
            #expect(a.withoutMetadata.labels == a.spelledOut.withoutMetadata.labels)
            #expect(a.dropping(["a"]).labels == a.spelledOut.dropping(["a"]).labels)
            #expect(a.retaining(["b", "é"]).labels == a.spelledOut.retaining(["b", "é"]).labels)
            for b in coded.shuffled(using: &random).prefix(40) {
                let (x, y) = (a.spelledOut, b.spelledOut)
                #expect((a == b) == (x == y) && (a < b) == (x < y))
                if x == y { #expect(a.hashValue == b.hashValue) }
            }
        }
    }
}
