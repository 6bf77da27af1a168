/// Unpacks 32 fields of `width` bits (0 … 32).
///
/// `packed` must be readable for `4 * width + 8` bytes, `out` writable for 32 values; checked by the caller, once a group.
/// One function per width, as in `unpackDeltas`.
func unpackCodes(_ width: Int, _ packed: UnsafeRawPointer, _ out: UnsafeMutablePointer<UInt32>) {
    switch width {
    case 1: CodeGroup<1>.unpack(packed, out)
    case 2: CodeGroup<2>.unpack(packed, out)
    case 3: CodeGroup<3>.unpack(packed, out)
    case 4: CodeGroup<4>.unpack(packed, out)
    case 5: CodeGroup<5>.unpack(packed, out)
    case 6: CodeGroup<6>.unpack(packed, out)
    case 7: CodeGroup<7>.unpack(packed, out)
    case 8: CodeGroup<8>.unpack(packed, out)
    case 9: CodeGroup<9>.unpack(packed, out)
    case 10: CodeGroup<10>.unpack(packed, out)
    case 11: CodeGroup<11>.unpack(packed, out)
    case 12: CodeGroup<12>.unpack(packed, out)
    case 13: CodeGroup<13>.unpack(packed, out)
    case 14: CodeGroup<14>.unpack(packed, out)
    case 15: CodeGroup<15>.unpack(packed, out)
    case 16: CodeGroup<16>.unpack(packed, out)
    case 17: CodeGroup<17>.unpack(packed, out)
    case 18: CodeGroup<18>.unpack(packed, out)
    case 19: CodeGroup<19>.unpack(packed, out)
    case 20: CodeGroup<20>.unpack(packed, out)
    case 21: CodeGroup<21>.unpack(packed, out)
    case 22: CodeGroup<22>.unpack(packed, out)
    case 23: CodeGroup<23>.unpack(packed, out)
    case 24: CodeGroup<24>.unpack(packed, out)
    case 25: CodeGroup<25>.unpack(packed, out)
    case 26: CodeGroup<26>.unpack(packed, out)
    case 27: CodeGroup<27>.unpack(packed, out)
    case 28: CodeGroup<28>.unpack(packed, out)
    case 29: CodeGroup<29>.unpack(packed, out)
    case 30: CodeGroup<30>.unpack(packed, out)
    case 31: CodeGroup<31>.unpack(packed, out)
    case 32: CodeGroup<32>.unpack(packed, out)
    default: out.initialize(repeating: 0, count: 32)
    }
}

private struct CodeGroup<let width: Int> {
    @inline(__always)
    private static func field(_ packed: UnsafeRawPointer, _ i: Int) -> UInt32 {
        let byte = (i &* width) &>> 3
        let shift = UInt64(truncatingIfNeeded: (i &* width) & 7)
        let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: width) &- 1
        // 32 bits from a bit within the first byte: 8 bytes hold them.
        let word = packed.loadUnaligned(fromByteOffset: byte, as: UInt64.self)
        return UInt32(truncatingIfNeeded: (word &>> shift) & mask)
    }

    @inline(never)
    static func unpack(_ packed: UnsafeRawPointer, _ out: UnsafeMutablePointer<UInt32>) {
        out[0] = field(packed, 0)
        out[1] = field(packed, 1)
        out[2] = field(packed, 2)
        out[3] = field(packed, 3)
        out[4] = field(packed, 4)
        out[5] = field(packed, 5)
        out[6] = field(packed, 6)
        out[7] = field(packed, 7)
        out[8] = field(packed, 8)
        out[9] = field(packed, 9)
        out[10] = field(packed, 10)
        out[11] = field(packed, 11)
        out[12] = field(packed, 12)
        out[13] = field(packed, 13)
        out[14] = field(packed, 14)
        out[15] = field(packed, 15)
        out[16] = field(packed, 16)
        out[17] = field(packed, 17)
        out[18] = field(packed, 18)
        out[19] = field(packed, 19)
        out[20] = field(packed, 20)
        out[21] = field(packed, 21)
        out[22] = field(packed, 22)
        out[23] = field(packed, 23)
        out[24] = field(packed, 24)
        out[25] = field(packed, 25)
        out[26] = field(packed, 26)
        out[27] = field(packed, 27)
        out[28] = field(packed, 28)
        out[29] = field(packed, 29)
        out[30] = field(packed, 30)
        out[31] = field(packed, 31)
    }
}
