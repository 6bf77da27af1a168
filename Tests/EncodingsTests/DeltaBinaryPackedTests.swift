import Encodings
import Platform
import Testing

/// DELTA_BINARY_PACKED written bit by bit, in any shape: the model that our writer and reader are held against.
private struct ModelEncoder {
    var blockSize: Int
    var miniblocks: Int
    /// Extra bits per miniblock: legal, if wasteful.
    var slack: Int

    func encode(_ values: [Int64]) -> [UInt8] {
        var bytes = varint(UInt64(blockSize)) + varint(UInt64(miniblocks)) + varint(UInt64(values.count))
        bytes += zigzag(values.first ?? 0)
        let differences = zip(values, values.dropFirst()).map { $1 &- $0 }
        for start in stride(from: 0, to: differences.count, by: blockSize) {
            let block = Array(differences[start..<min(start + blockSize, differences.count)])
            let reference = block.min() ?? 0
            bytes += zigzag(reference)
            var widths: [UInt8] = []
            var packed: [UInt8] = []
            let size = blockSize / miniblocks
            for m in 0..<miniblocks {
                var fields = block.dropFirst(m * size).prefix(size).map { UInt64(bitPattern: $0 &- reference) }
                if fields.isEmpty {
                    widths.append(0)
                    continue
                }
                let largest = fields.max() ?? 0
                let width = min(64, 64 - largest.leadingZeroBitCount + slack)
                widths.append(UInt8(width))
                fields += Array(repeating: 0, count: size - fields.count)
                packed += bits(fields, width)
            }
            bytes += widths + packed
        }
        return bytes
    }

    private func bits(_ fields: [UInt64], _ width: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: fields.count * width / 8)
        for (i, field) in fields.enumerated() {
            for bit in 0..<width where field >> UInt64(bit) & 1 == 1 {
                bytes[(i * width + bit) / 8] |= 1 << UInt8((i * width + bit) % 8)
            }
        }
        return bytes
    }
    private func varint(_ value: UInt64) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f) | 0x80] + varint(value >> 7)
    }
    private func zigzag(_ value: Int64) -> [UInt8] { varint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }
}

private func decoded(_ bytes: [UInt8], count: Int) throws(EncodingError) -> (values: [Int64], consumed: Int) {
    var values: [Int64] = [-7]
    let consumed = try bytes.span.bytes.withUnsafeBytes { raw throws(EncodingError) in
        try DeltaBinaryPacked.decode(raw, count: count, into: &values)
    }
    return (Array(values.dropFirst()), consumed)
}

/// Integers of many characters: steps, jumps, extremes, widths from 0 to 64.
private func integers(_ count: Int, seed: UInt64) -> [Int64] {
    var random = SeededGenerator(seed: seed)
    var value = Int64.random(in: .min ... .max, using: &random)
    var step: Int64 = 0
    var spread = 0
    return (0..<count).map { i in
        if i % 37 == 0 {
            spread = Int.random(in: 0...63, using: &random)
            step = Int64.random(in: -20_000...20_000, using: &random)
        }
        switch Int.random(in: 0..<200, using: &random) {
        case 0: value = .max
        case 1: value = .min
        case 2: value = 0
        default:
            let noise = spread == 0 ? 0 : Int64(truncatingIfNeeded: random.next() >> UInt64(64 - spread))
            value = value &+ step &+ noise
        }
        return value
    }
}

@Suite struct DeltaBinaryPackedTests {
    @Test(arguments: [DeltaBinaryPacked.Form.tight, .byte], UInt64(0)..<12)
    func whatIsWrittenComesBack(form: DeltaBinaryPacked.Form, seed: UInt64) throws {
        for count in [0, 1, 2, 31, 32, 33, 34, 255, 256, 257, 258, 1_023, 1_024, 1_025, 1_026, 5_761] {
            let values = integers(count, seed: seed &* 7_919 &+ UInt64(count))
            var bytes: [UInt8] = [9]
            DeltaBinaryPacked.encode(values, form: form, into: &bytes)
            bytes.removeFirst()
            let (found, consumed) = try decoded(bytes, count: count)
            try #require(found == values, "seed \(seed), \(count) values")
            #expect(consumed == bytes.count)
            // What follows does not matter, and is not consumed.
            let (again, before) = try decoded(bytes + [1, 2, 3, 4, 5, 6, 7, 8], count: count)
            #expect(again == values && before == bytes.count)
        }
    }

    @Test(arguments: [DeltaBinaryPacked.Form.tight, .byte], UInt64(0)..<6)
    func anyStretchIsDecodedFromItsMark(form: DeltaBinaryPacked.Form, seed: UInt64) throws {
        for count in [1, 2, 33, 34, 256, 257, 258, 289, 1_025, 1_026, 5_761] {
            let values = integers(count, seed: seed &* 7_919 &+ UInt64(count))
            var bytes: [UInt8] = []
            DeltaBinaryPacked.encode(values, form: form, into: &bytes)
            let found = try bytes.withUnsafeBytes { try DeltaBinaryPacked.Marks($0, count: count) }
            let marks = try #require(found)
            #expect(marks.count == count && marks.first == values[0] && marks.stretches == (count + 126) / 128)
            for stretch in 0..<marks.stretches {
                let first = stretch * 128 + 1
                #expect(marks.value(before: stretch) == values[first - 1])
                for most in [1, 31, 32, 33, 128] {
                    let wanted = min(most, count - first)
                    var out = [Int64](repeating: 0, count: 128)
                    bytes.withUnsafeBytes { bytes in
                        out.withUnsafeMutableBufferPointer { out in
                            if let out = out.baseAddress { marks.decode(stretch: stretch, wanted, of: bytes, to: out) }
                        }
                    }
                    try #require(out[..<wanted] == values[first..<first + wanted], "seed \(seed), \(count), \(stretch)")
                }
            }
            // Cut short, they are no such values; with another count neither.
            if count > 40 {
                #expect(throws: EncodingError.self) {
                    try bytes[..<(bytes.count / 2)].withUnsafeBytes { try DeltaBinaryPacked.Marks($0, count: count) }
                }
            }
            #expect(throws: EncodingError.self) {
                try bytes.withUnsafeBytes { try DeltaBinaryPacked.Marks($0, count: count + 1) }
            }
        }
    }

    @Test func marksAreOfShapesWithMiniblocksOf32() throws {
        let values = integers(700, seed: 1)
        for (blockSize, miniblocks) in [(128, 4), (128, 1), (256, 8), (4_096, 16)] {
            let bytes = ModelEncoder(blockSize: blockSize, miniblocks: miniblocks, slack: 1).encode(values)
            let marks = try bytes.withUnsafeBytes { try DeltaBinaryPacked.Marks($0, count: 700) }
            #expect((marks != nil) == (blockSize == miniblocks * 32))
            #expect(marks.map { $0.value(before: 4) == values[512] } ?? true)
        }
    }

    @Test func everyWidthInEveryShape() throws {
        var random = SeededGenerator(seed: 5)
        for (blockSize, miniblocks) in [(128, 4), (128, 1), (256, 8), (1_024, 32), (4_096, 16), (65_536, 2)] {
            for width in 0...64 where blockSize < 65_536 || width % 16 == 1 {
                let count = Int.random(in: 1...600, using: &random)
                var value: Int64 = 3
                let values = (0..<count).map { _ in
                    value = value &+ (width == 0 ? 5 : Int64(truncatingIfNeeded: random.next() >> UInt64(64 - width)))
                    return value
                }
                for slack in [0, 3] {
                    let model = ModelEncoder(blockSize: blockSize, miniblocks: miniblocks, slack: slack)
                    let bytes = model.encode(values)
                    let (found, consumed) = try decoded(bytes, count: count)
                    try #require(found == values, "\(blockSize)/\(miniblocks), width \(width), slack \(slack)")
                    #expect(consumed == bytes.count)
                }
            }
        }
    }

    @Test func aPrefixIsTheBeginning() throws {
        let values = integers(3_000, seed: 2)
        for form in [DeltaBinaryPacked.Form.tight, .byte] {
            var bytes: [UInt8] = []
            DeltaBinaryPacked.encode(values, form: form, into: &bytes)
            for first in [0, 1, 2, 32, 33, 256, 1_500, 2_999, 3_000] {
                var found: [Int64] = []
                try bytes.withUnsafeBytes { raw in
                    try DeltaBinaryPacked.decodePrefix(raw, count: 3_000, first: first, into: &found)
                }
                #expect(found == Array(values.prefix(first)))
            }
        }
    }

    @Test func oneJumpSpoilsOneMiniblock() {
        // Two series of counters: the step from one to the next is far below the usual difference.
        let series = (0..<128).map { Int64(1_000_000 + 10 * $0) }
        let values = series + series
        var tight: [UInt8] = []
        DeltaBinaryPacked.encode(values, form: .tight, into: &tight)
        // 7 miniblocks of width 0, one of 64 bits: 256 bytes and the headers.
        #expect(tight.count < 256 + 32)
    }

    @Test func tightIsVersion1ByteForByte() {
        var bytes: [UInt8] = []
        DeltaBinaryPacked.encode([100, 103, 105, 110], form: .tight, into: &bytes)
        // 256, 8, 4 values, first 100; reference 2; width 2; fields 1, 0, 3.
        let golden: [UInt8] =
            [0x80, 0x02, 8, 4, 0xc8, 0x01, 4, 2, 0, 0, 0, 0, 0, 0, 0, 0b11_00_01, 0, 0, 0, 0, 0, 0, 0]
        #expect(bytes == golden)
        bytes = []
        DeltaBinaryPacked.encode([100, 103, 105, 110], form: .byte, into: &bytes)
        let widths: [UInt8] = [8] + [UInt8](repeating: 0, count: 31)
        #expect(
            bytes == [0x80, 0x08, 32, 4, 0xc8, 0x01, 4] + widths + [1, 0, 3] + [UInt8](repeating: 0, count: 29))
    }

    @Test func aWrongCountIsRefusedBeforeMemoryIsTaken() throws {
        var bytes: [UInt8] = []
        DeltaBinaryPacked.encode([1, 2, 3], form: .tight, into: &bytes)
        #expect(throws: EncodingError.self) { try decoded(bytes, count: 4) }
        #expect(throws: EncodingError.self) { try decoded(bytes, count: 2) }
        // Block 65,536 of one miniblock, 2^60 values, in a dozen bytes.
        let bomb: [UInt8] =
            [0x80, 0x80, 0x04, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0, 0]
        #expect(throws: EncodingError.self) { try decoded(bomb, count: 1 << 60) }
        for shape: [UInt8] in [
            [0, 4, 1, 0], [100, 4, 1, 0], [0x80, 1, 0, 1, 0], [0x80, 1, 8, 1, 0], [0x80, 1, 3, 1, 0],
        ] {
            #expect(throws: EncodingError.self) { try decoded(shape, count: 1) }
        }
    }

    @Test(arguments: UInt64(0)..<8) func brokenBytesNeverTrap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var good: [UInt8] = []
        DeltaBinaryPacked.encode(integers(700, seed: seed), form: seed % 2 == 0 ? .tight : .byte, into: &good)
        for _ in 0..<600 {
            var bytes = good
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            if let found = try? decoded(bytes, count: 700) { #expect(found.values.count == 700) }
            let noise = (0..<40).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = try? decoded([0x80, 1, 4, 60] + noise, count: 60)
            _ = try? decoded(noise, count: Int.random(in: 0..<100, using: &random))
        }
    }
}
