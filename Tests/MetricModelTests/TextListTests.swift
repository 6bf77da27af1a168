import MetricModel
import Testing

@Suite struct TextListTests {
    @Test func textsComeBackAsTheyWere() {
        let texts = ["", "a", "", "löng", "with\u{0}zero"]
        let list = TextList(texts)
        #expect(list.count == 5 && list.strings == texts && list.bytesHeld == 1 + 5 + 9)
        var each: [[UInt8]] = []
        list.visit { each.append(Array($0)) }
        #expect(each == texts.map { Array($0.utf8) })
    }

    @Test(arguments: -1...6) func aPrefixIsTheFirstOnes(most: Int) {
        let texts = ["", "ab", "c", "", "d"]
        #expect(TextList(texts).prefix(most) == TextList(texts.prefix(max(most, 0))))
    }
}
