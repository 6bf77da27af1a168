import Platform
import Testing

/// The fast checksums against the definition, bit by bit, at every length around their block sizes.
@Suite struct ChecksumTests {
    private func slow(_ bytes: ArraySlice<UInt8>, _ polynomial: UInt32) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? polynomial : 0) }
        }
        return ~crc
    }

    @Test func theyAreThoseOfTheStandards() {
        let digits = Array("123456789".utf8)
        #expect(CRC32.checksum(digits) == 0xcbf4_3926)
        #expect(CRC32C.checksum(digits) == 0xe306_9283)
        #expect(CRC32.checksum([]) == 0 && CRC32C.checksum([]) == 0)
    }

    @Test func everyLengthAndPlaceIsThatOfTheDefinition() {
        var random = SeededGenerator(seed: 1)
        let bytes = (0..<3500).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
        for length in Array(0...150) + [255, 256, 257, 1023, 1024, 3072, 3073, 3100] {
            let part = bytes[(length % 7)..<(length % 7 + length)]
            #expect(CRC32.checksum(Array(part)) == slow(part, 0xedb8_8320), "\(length)")
            #expect(CRC32C.checksum(Array(part)) == slow(part, 0x82f6_3b78), "\(length)")
        }
    }

    @Test func partsAreContinued() {
        let bytes = (0..<700).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        bytes.withUnsafeBytes { all in
            for cut in [0, 1, 63, 64, 65, 128, 699] {
                let (head, tail) = (
                    UnsafeRawBufferPointer(rebasing: all[..<cut]), UnsafeRawBufferPointer(rebasing: all[cut...])
                )
                #expect(CRC32.checksum(tail, continuing: CRC32.checksum(head)) == CRC32.checksum(all))
                #expect(CRC32C.checksum(tail, continuing: CRC32C.checksum(head)) == CRC32C.checksum(all))
            }
        }
    }
}
