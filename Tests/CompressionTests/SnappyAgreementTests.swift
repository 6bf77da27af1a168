import CSnappy
import Compression
import Platform
import Testing

/// Our unpacking of snappy says of every block, sound or not, what Google's library says.
@Suite struct SnappyAgreementTests {
    /// Few different bytes and near repetitions: copies of every length and offset.
    private static func text(_ random: inout SeededGenerator) -> [UInt8] {
        let letters = UInt8.random(in: 1...60, using: &random)
        let reach = Int.random(in: 1...300, using: &random)
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<3_000, using: &random) {
            if bytes.count > reach, Int.random(in: 0..<8, using: &random) > 0 {
                bytes.append(bytes[bytes.count - reach])
            } else {
                bytes.append(UInt8.random(in: 0..<letters, using: &random))
            }
        }
        return bytes
    }

    private static func library(_ block: [UInt8], length: Int) -> [UInt8]? {
        var output = [UInt8](repeating: 0, count: max(length, 1))
        var size = length
        let status = block.withUnsafeBytes { input in
            output.withUnsafeMutableBytes { output in
                snappy_uncompress(
                    input.bindMemory(to: CChar.self).baseAddress, block.count,
                    output.bindMemory(to: CChar.self).baseAddress, &size)
            }
        }
        return status == SNAPPY_OK && size == length ? Array(output.prefix(length)) : nil
    }

    @Test(arguments: UInt64(0)..<16)
    func everyBlockIsJudgedAsTheLibraryJudgesIt(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var judged = (sound: 0, broken: 0)
        for _ in 0..<60 {
            var block = try Snappy.compress(Self.text(&random))
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                block[Int.random(in: 0..<block.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                block.removeLast(Int.random(in: 0..<block.count, using: &random))
            }
            guard let length = try? Snappy.uncompressedLength(block), length < 1 << 16 else { continue }
            let ours = try? Snappy.decompress(block, limit: 1 << 16)
            #expect(ours == Self.library(block, length: length), "seed \(seed)")
            if ours == nil { judged.broken += 1 } else { judged.sound += 1 }
        }
        #expect(judged.sound > 5 && judged.broken > 5)
    }
}
