import Foundation
import MetricModel
import Platform
import Testing

@testable import VarveServer

@Suite struct JSONTextTests {
    /// Each byte at each place of texts of all short lengths.
    @Test func specialBytesAreFoundWhereverTheyStand() {
        for count in 0...25 {
            for place in 0..<max(1, count) {
                for byte in UInt8.min...UInt8.max {
                    var text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
                    if place < count { text[place] = byte }
                    // Nothing may be written behind.
                    var copy = [UInt8](repeating: 0, count: count + 1)
                    let isPlain = text.withUnsafeBytes { text in
                        copy.withUnsafeMutableBytes { copy in
                            copy.baseAddress.map { PlainText.copy(text, to: $0) }
                        }
                    }
                    let isSpecial = text.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }
                    if isPlain != !isSpecial || copy != text + [0] {
                        Issue.record("\(count) bytes, \(byte) at \(place)")
                    }
                }
            }
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func labelSetsAreReadBackAsTheyWere(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func text() -> String {
            let alphabet: [Unicode.Scalar] = [
                "a", "b", "\"", "\\", "\n", "\u{1}", "ß", "😀", "z", "0", "-", ".", "c", "d",
            ]
            let isPlain = Bool.random(using: &random)
            let scalars = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                isPlain ? "x" : alphabet.randomElement(using: &random) ?? "a"
            }
            return String(String.UnicodeScalarView(scalars))
        }
        for _ in 0..<50 {
            let labels = Labels((0..<Int.random(in: 0...6, using: &random)).map { _ in (text(), text()) })
            var json = JSONText()
            json.append(labels)
            let read = try #require(
                try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: String])
            #expect(read.count == labels.labels.count)
            for label in labels.labels { #expect(read[label.name] == label.value) }
        }
    }
}
