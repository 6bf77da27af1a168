import Encodings
import Platform
import Testing

private func decoded(_ bytes: [UInt8], _ width: Int, _ count: Int) throws(EncodingError) -> [UInt32] {
    var codes: [UInt32] = []
    _ = try bytes.span.bytes.withUnsafeBytes { raw throws(EncodingError) in
        try RunLengthHybrid.decode(raw, width: width, count: count, into: &codes)
    }
    return codes
}

private func runs(_ bytes: [UInt8], _ width: Int, _ count: Int) throws(EncodingError) -> [RunLengthHybrid.Run] {
    try bytes.span.bytes.withUnsafeBytes { raw throws(EncodingError) in
        try RunLengthHybrid.decodeRuns(raw, width: width, count: count)
    }
}

private func runs(of codes: [UInt32]) -> [RunLengthHybrid.Run] {
    var result: [RunLengthHybrid.Run] = []
    for code in codes {
        if let last = result.last, last.value == code {
            result[result.count - 1].count += 1
        } else {
            result.append(.init(value: code, count: 1))
        }
    }
    return result
}

@Suite struct RunLengthHybridTests {
    @Test(arguments: 0...32) func whatIsWrittenComesBack(width: Int) throws {
        var random = SeededGenerator(seed: UInt64(width))
        for round in 0..<20 {
            var codes: [UInt32] = []
            while codes.count < round * 50 {
                let code = width == 0 ? 0 : UInt32(truncatingIfNeeded: random.next() >> UInt64(64 - width))
                let length = Bool.random(using: &random) ? 1 : Int.random(in: 1...40, using: &random)
                codes += Array(repeating: code, count: length)
            }
            var bytes: [UInt8] = []
            RunLengthHybrid.encode(codes, width: width, into: &bytes)
            try #require(try decoded(bytes, width, codes.count) == codes)
            try #require(try runs(bytes, width, codes.count) == runs(of: codes))
            bytes = []
            RunLengthHybrid.encode(runs: runs(of: codes), width: width, into: &bytes)
            try #require(try decoded(bytes, width, codes.count) == codes)
            try #require(try runs(bytes, width, codes.count) == runs(of: codes))
        }
    }

    @Test func bytesOfTheSpecification() throws {
        // Parquet's Encodings.md: 0 … 7 in 3 bits.
        var bytes: [UInt8] = []
        RunLengthHybrid.encode([0, 1, 2, 3, 4, 5, 6, 7], width: 3, into: &bytes)
        #expect(bytes == [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010])
        bytes = []
        RunLengthHybrid.encode([UInt32](repeating: 300, count: 100), width: 9, into: &bytes)
        #expect(bytes == [200, 1, 44, 1])
    }

    @Test func claimsAreCutToWhatIsWanted() throws {
        // A run of 2^60, and 2^40 packed groups with their first byte there.
        let run: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 5]
        #expect(try decoded(run, 3, 4) == [5, 5, 5, 5])
        let packed: [UInt8] = [0x81, 0x80, 0x80, 0x80, 0x80, 0x40, 0b0101_0101]
        #expect(try decoded(packed, 1, 3) == [1, 0, 1])
        #expect(throws: EncodingError.self) { try decoded(packed, 1, 9) }
        #expect(throws: EncodingError.self) { try decoded([2, 9], 3, 1) }
        #expect(throws: EncodingError.self) { try decoded([2, 9], 33, 1) }
        #expect(throws: EncodingError.self) { try decoded([2, 9], -1, 1) }
        #expect(throws: EncodingError.self) { try decoded([0, 1, 0, 1], 1, 1) }
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0..<80, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next())
            }
            let width = Int.random(in: 0...33, using: &random)
            let count = Int.random(in: 0..<300, using: &random)
            let codes = try? decoded(bytes, width, count)
            let found = try? runs(bytes, width, count)
            #expect((codes == nil) == (found == nil))
            if let codes, let found { #expect(runs(of: codes) == found) }
        }
    }
}
