import MetricModel
import Platform
import Testing

@Suite struct LabelEncodingTests {
    @Test func bytesAreAsDocumented() {
        let labels = Labels([("__name__", "up"), ("job", "api"), ("Zone", "é")])
        #expect(
            LabelEncoding.encode(labels)
                == [4] + Array("Zone".utf8) + [2] + Array("é".utf8) + [3] + Array("job".utf8) + [3] + Array("api".utf8))
    }

    @Test func whatIsEncodedIsDecoded() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<500 {
            let labels = RandomLabels.pick(using: &random)
            let metric = Array((labels.metricName ?? "").utf8)
            #expect(try LabelEncoding.decode(metric: metric[...], labels: LabelEncoding.encode(labels)[...]) == labels)
        }
    }

    @Test func otherBytesAreRefused() {
        let bad: [[UInt8]] = [
            [1], [1, 0x61], [1, 0x61, 0], [0, 1, 0x61], [1, 0x61, 1, 0x62, 1, 0x61, 1, 0x62],
            [1, 0x62, 1, 0x62, 1, 0x61, 1, 0x62], [1, 0x61, 0x81, 0, 0x62], [1, 0xff, 1, 0x61], [1, 0x61, 1, 0xff],
            [8] + Array("__name__".utf8) + [1, 0x61], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ]
        for bytes in bad {
            #expect(throws: MalformedBytes.self) { try LabelEncoding.validate(bytes[...]) }
        }
    }

    @Test func mutatedBytesNeverTrap() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<3_000 {
            var bytes = LabelEncoding.encode(RandomLabels.pick(using: &random))
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let labels = try? LabelEncoding.decode(metric: Array("m".utf8)[...], labels: bytes[...]) {
                #expect(LabelEncoding.encode(labels) == bytes)
            }
        }
    }
}
