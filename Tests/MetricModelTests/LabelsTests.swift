import MetricModel
import Platform
import Testing

@Suite struct LabelsTests {
    @Test func pairsAreSortedEmptyOnesGoAndTheLastOfANameCounts() {
        let labels = Labels([("b", "1"), ("a", "2"), ("b", "3"), ("c", ""), ("d", "4"), ("d", "")])
        #expect(labels.labels == [.init("a", "2"), .init("b", "3")])
        #expect(labels["b"] == "3" && labels["c"] == nil && labels.count == 2)
    }

    @Test func twoSpellingsOfACharacterAreTwoLabels() {
        let composed = Labels([("é", "1")])
        let decomposed = Labels([("e\u{301}", "1")])
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(Labels([("é", "1"), ("e\u{301}", "2")]).count == 2)
        #expect(composed["e\u{301}"] == nil)
        #expect(composed.removing(["e\u{301}"]) == composed)
        #expect(composed.keeping(["e\u{301}"]).isEmpty)
        #expect(composed.removing(["é"]).isEmpty)
        #expect(composed.setting("e\u{301}", to: "2").count == 2)
    }

    @Test func settingKeepsOrderAndEmptyRemoves() {
        let labels = Labels([("a", "1"), ("c", "3")])
        #expect(labels.setting("b", to: "2").labels.map(\.name) == ["a", "b", "c"])
        #expect(labels.setting("a", to: "9")["a"] == "9")
        #expect(labels.setting("a", to: "") == Labels([("c", "3")]))
        #expect(labels.setting("__name__", to: "m").metricName == "m")
        #expect(labels.setting("__name__", to: "m").withoutMetricName == labels)
    }

    /// Random labels against flattened bytes: names and values compare as bytes, a prefix comes first.
    @Test(arguments: UInt64(0)..<40)
    func orderIsTotalAndByBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let words = ["a", "b", "ab", "Z", "é", "e\u{301}", "\u{1f600}", "\u{ffff}", "_", "0"]
        func word() -> String { words[Int.random(in: 0..<words.count, using: &random)] }
        let all = (0..<30).map { _ in
            Labels((0..<Int.random(in: 0...3, using: &random)).map { _ in (word(), word()) })
        }
        func flat(_ labels: Labels) -> [[UInt8]] {
            labels.labels.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] }
        }
        func precedes(_ a: [[UInt8]], _ b: [[UInt8]]) -> Bool {
            a.lexicographicallyPrecedes(b) { $0.lexicographicallyPrecedes($1) }
        }
        for a in all {
            for b in all {
                #expect((a < b) == precedes(flat(a), flat(b)), "seed \(seed)")
                #expect((a == b) == (flat(a) == flat(b)), "seed \(seed)")
                if a == b { #expect(a.hashValue == b.hashValue) }
            }
        }
    }
}
