import Compression
import Platform
import Testing

/// Bytes that repeat now and then, as pages do.
private func sample(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
        if Bool.random(using: &random) || bytes.count < 64 {
            bytes.append(UInt8.random(in: 0...255, using: &random))
        } else {
            let start = Int.random(in: 0..<bytes.count - 32, using: &random)
            bytes.append(contentsOf: bytes[start..<start + 32])
        }
    }
    return Array(bytes.prefix(count))
}

@Suite struct RoundTripTests {
    @Test(arguments: Codec.allCases, [0, 1, 7, 4_096, 300_000])
    func whatIsPackedComesBack(codec: Codec, count: Int) throws {
        let bytes = sample(count, seed: UInt64(count))
        let packed = try compress(bytes, codec, level: 1)
        let unpacked = try packed.withUnsafeBytes { raw throws(CompressionError) in
            try Decompression.decompress(raw, codec, exactSize: count)
        }
        #expect(unpacked == bytes)
        for wrong in [count + 1, count - 1, Int.max, -1] {
            #expect(throws: CompressionError.self) {
                try packed.withUnsafeBytes { raw throws(CompressionError) in
                    try Decompression.decompress(raw, codec, exactSize: wrong)
                }
            }
        }
    }

    @Test func oneCompressorPacksManyPages() throws {
        let compressor = try ZstdCompressor(level: 3)
        for seed in UInt64(0)..<20 {
            let bytes = sample(10_000, seed: seed)
            #expect(try Zstd.decompress(compressor.compress(bytes), limit: 10_000) == bytes)
        }
    }

    @Test func membersOfGzipAreOneStream() throws {
        let packed = try Gzip.compress([1, 2, 3]) + Gzip.compress(sample(5_000, seed: 1))
        #expect(try Gzip.decompress(packed, limit: 5_003) == [1, 2, 3] + sample(5_000, seed: 1))
    }
}

@Suite struct BoundsTests {
    private let zeros = [UInt8](repeating: 0, count: 1 << 20)

    @Test func theLimitIsTheLimit() throws {
        let snappy = try Snappy.compress(zeros)
        let gzip = try Gzip.compress(zeros)
        let zstd = try compress(zeros, .zstd, level: 1)
        #expect(try Snappy.decompress(snappy, limit: 1 << 20) == zeros)
        #expect(try Gzip.decompress(gzip, limit: 1 << 20) == zeros)
        #expect(try Zstd.decompress(zstd, limit: 1 << 20) == zeros)
        for limit in [0, 1, 1 << 10, (1 << 20) - 1] {
            #expect(throws: CompressionError.tooLarge(.snappy, bytes: 1 << 20, limit: limit)) {
                try Snappy.decompress(snappy, limit: limit)
            }
            #expect(throws: CompressionError.tooLarge(.gzip, bytes: UInt64(limit + 1), limit: limit)) {
                try Gzip.decompress(gzip, limit: limit)
            }
            #expect(throws: CompressionError.tooLarge(.zstd, bytes: 1 << 20, limit: limit)) {
                try Zstd.decompress(zstd, limit: limit)
            }
        }
    }

    @Test func aLengthThatCannotBeIsRefusedUnread() throws {
        // 4 GiB - 1 declared by seven bytes.
        let bomb: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]
        #expect(try Snappy.uncompressedLength(bomb) == Int(UInt32.max))
        #expect(throws: CompressionError.self) { try Snappy.decompress(bomb, limit: .max) }
        #expect(throws: CompressionError.self) { try Snappy.uncompressedLength([0xff, 0xff, 0xff, 0xff, 0x1f]) }
        #expect(throws: CompressionError.self) { try Snappy.uncompressedLength([0x80]) }
        #expect(throws: CompressionError.self) { try Snappy.uncompressedLength([]) }
    }

    @Test(arguments: Codec.allCases) func snippedOrFlippedBytesThrowOrDiffer(codec: Codec) throws {
        let bytes = sample(3_000, seed: 9)
        let packed = try compress(bytes, codec, level: 3)
        var random = SeededGenerator(seed: 10)
        for _ in 0..<300 {
            var broken = packed
            if Bool.random(using: &random) {
                broken.removeLast(Int.random(in: 1...broken.count, using: &random))
            } else {
                broken[Int.random(in: 0..<broken.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            }
            let unpacked = try? broken.withUnsafeBytes { raw throws(CompressionError) in
                try Decompression.decompress(raw, codec, exactSize: 3_000)
            }
            #expect(unpacked == nil || unpacked?.count == 3_000)
            _ = try? Gzip.decompress(broken, limit: 10_000)
            _ = try? Zstd.decompress(broken, limit: 10_000)
            _ = try? Snappy.decompress(broken, limit: 10_000)
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            let count = Int.random(in: 0..<64, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            for codec in Codec.allCases {
                _ = bytes.withUnsafeBytes { raw in
                    try? Decompression.decompress(raw, codec, exactSize: Int.random(in: 0..<500, using: &random))
                }
            }
            _ = try? Gzip.decompress(bytes, limit: 10_000)
            _ = try? Zstd.decompress(bytes, limit: 10_000)
            _ = try? Snappy.decompress(bytes, limit: 10_000)
        }
    }
}
