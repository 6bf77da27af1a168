/// Unpacks 32 differences of `width` bits (0 … 64) from `packed` and sums them up from `previous`; the last sum is the
/// result. Sums wrap.
///
/// `packed` must be readable for `4 * width + 16` bytes, `out` writable for 32 values; checked by the caller, once a group.
/// One function per width, steps written out: with the width a constant each is a load, a shift, a mask and two sums
/// (twice the speed of a loop; the compiler unrolls none of 32 by itself).
func unpackDeltas(
    _ width: Int, _ packed: UnsafeRawPointer, _ out: UnsafeMutablePointer<Int64>, _ reference: Int64,
    _ previous: Int64
) -> Int64 {
    let reference = UInt64(bitPattern: reference)
    let previous = UInt64(bitPattern: previous)
    let last =
        switch width {
        case 1: DeltaGroup<1>.unpack(packed, out, reference, previous)
        case 2: DeltaGroup<2>.unpack(packed, out, reference, previous)
        case 3: DeltaGroup<3>.unpack(packed, out, reference, previous)
        case 4: DeltaGroup<4>.unpack(packed, out, reference, previous)
        case 5: DeltaGroup<5>.unpack(packed, out, reference, previous)
        case 6: DeltaGroup<6>.unpack(packed, out, reference, previous)
        case 7: DeltaGroup<7>.unpack(packed, out, reference, previous)
        case 8: DeltaGroup<8>.unpack(packed, out, reference, previous)
        case 9: DeltaGroup<9>.unpack(packed, out, reference, previous)
        case 10: DeltaGroup<10>.unpack(packed, out, reference, previous)
        case 11: DeltaGroup<11>.unpack(packed, out, reference, previous)
        case 12: DeltaGroup<12>.unpack(packed, out, reference, previous)
        case 13: DeltaGroup<13>.unpack(packed, out, reference, previous)
        case 14: DeltaGroup<14>.unpack(packed, out, reference, previous)
        case 15: DeltaGroup<15>.unpack(packed, out, reference, previous)
        case 16: DeltaGroup<16>.unpack(packed, out, reference, previous)
        case 17: DeltaGroup<17>.unpack(packed, out, reference, previous)
        case 18: DeltaGroup<18>.unpack(packed, out, reference, previous)
        case 19: DeltaGroup<19>.unpack(packed, out, reference, previous)
        case 20: DeltaGroup<20>.unpack(packed, out, reference, previous)
        case 21: DeltaGroup<21>.unpack(packed, out, reference, previous)
        case 22: DeltaGroup<22>.unpack(packed, out, reference, previous)
        case 23: DeltaGroup<23>.unpack(packed, out, reference, previous)
        case 24: DeltaGroup<24>.unpack(packed, out, reference, previous)
        case 25: DeltaGroup<25>.unpack(packed, out, reference, previous)
        case 26: DeltaGroup<26>.unpack(packed, out, reference, previous)
        case 27: DeltaGroup<27>.unpack(packed, out, reference, previous)
        case 28: DeltaGroup<28>.unpack(packed, out, reference, previous)
        case 29: DeltaGroup<29>.unpack(packed, out, reference, previous)
        case 30: DeltaGroup<30>.unpack(packed, out, reference, previous)
        case 31: DeltaGroup<31>.unpack(packed, out, reference, previous)
        case 32: DeltaGroup<32>.unpack(packed, out, reference, previous)
        case 33: DeltaGroup<33>.unpack(packed, out, reference, previous)
        case 34: DeltaGroup<34>.unpack(packed, out, reference, previous)
        case 35: DeltaGroup<35>.unpack(packed, out, reference, previous)
        case 36: DeltaGroup<36>.unpack(packed, out, reference, previous)
        case 37: DeltaGroup<37>.unpack(packed, out, reference, previous)
        case 38: DeltaGroup<38>.unpack(packed, out, reference, previous)
        case 39: DeltaGroup<39>.unpack(packed, out, reference, previous)
        case 40: DeltaGroup<40>.unpack(packed, out, reference, previous)
        case 41: DeltaGroup<41>.unpack(packed, out, reference, previous)
        case 42: DeltaGroup<42>.unpack(packed, out, reference, previous)
        case 43: DeltaGroup<43>.unpack(packed, out, reference, previous)
        case 44: DeltaGroup<44>.unpack(packed, out, reference, previous)
        case 45: DeltaGroup<45>.unpack(packed, out, reference, previous)
        case 46: DeltaGroup<46>.unpack(packed, out, reference, previous)
        case 47: DeltaGroup<47>.unpack(packed, out, reference, previous)
        case 48: DeltaGroup<48>.unpack(packed, out, reference, previous)
        case 49: DeltaGroup<49>.unpack(packed, out, reference, previous)
        case 50: DeltaGroup<50>.unpack(packed, out, reference, previous)
        case 51: DeltaGroup<51>.unpack(packed, out, reference, previous)
        case 52: DeltaGroup<52>.unpack(packed, out, reference, previous)
        case 53: DeltaGroup<53>.unpack(packed, out, reference, previous)
        case 54: DeltaGroup<54>.unpack(packed, out, reference, previous)
        case 55: DeltaGroup<55>.unpack(packed, out, reference, previous)
        case 56: DeltaGroup<56>.unpack(packed, out, reference, previous)
        case 57: DeltaGroup<57>.unpack(packed, out, reference, previous)
        case 58: DeltaGroup<58>.unpack(packed, out, reference, previous)
        case 59: DeltaGroup<59>.unpack(packed, out, reference, previous)
        case 60: DeltaGroup<60>.unpack(packed, out, reference, previous)
        case 61: DeltaGroup<61>.unpack(packed, out, reference, previous)
        case 62: DeltaGroup<62>.unpack(packed, out, reference, previous)
        case 63: DeltaGroup<63>.unpack(packed, out, reference, previous)
        case 64: DeltaGroup<64>.unpack(packed, out, reference, previous)
        default: DeltaGroup<0>.unpackConstant(out, reference, previous)
        }
    return Int64(bitPattern: last)
}

private struct DeltaGroup<let width: Int> {
    /// Field i of a little-endian row of fields. A field of up to 57 bits lies within 8 bytes, a longer one within 9.
    @inline(__always)
    private static func field(_ packed: UnsafeRawPointer, _ i: Int) -> UInt64 {
        let byte = (i &* width) &>> 3
        let shift = UInt64(truncatingIfNeeded: (i &* width) & 7)
        let low = packed.loadUnaligned(fromByteOffset: byte, as: UInt64.self) &>> shift
        if width == 64 { return low }
        let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: width) &- 1
        if width <= 57 { return low & mask }
        let high = UInt64(packed.load(fromByteOffset: byte &+ 8, as: UInt8.self))
        // Twice, because a shift by 64 is none.
        return (low | (high &<< (63 &- shift)) &<< 1) & mask
    }

    static func unpackConstant(
        _ out: UnsafeMutablePointer<Int64>, _ reference: UInt64, _ previous: UInt64
    ) -> UInt64 {
        var sum = previous
        for i in 0..<32 {
            sum = sum &+ reference
            out[i] = Int64(bitPattern: sum)
        }
        return sum
    }

    @inline(never)
    static func unpack(
        _ packed: UnsafeRawPointer, _ out: UnsafeMutablePointer<Int64>, _ reference: UInt64, _ previous: UInt64
    ) -> UInt64 {
        var sum = previous
        sum = sum &+ (reference &+ field(packed, 0))
        out[0] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 1))
        out[1] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 2))
        out[2] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 3))
        out[3] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 4))
        out[4] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 5))
        out[5] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 6))
        out[6] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 7))
        out[7] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 8))
        out[8] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 9))
        out[9] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 10))
        out[10] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 11))
        out[11] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 12))
        out[12] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 13))
        out[13] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 14))
        out[14] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 15))
        out[15] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 16))
        out[16] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 17))
        out[17] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 18))
        out[18] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 19))
        out[19] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 20))
        out[20] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 21))
        out[21] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 22))
        out[22] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 23))
        out[23] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 24))
        out[24] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 25))
        out[25] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 26))
        out[26] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 27))
        out[27] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 28))
        out[28] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 29))
        out[29] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 30))
        out[30] = Int64(bitPattern: sum)
        sum = sum &+ (reference &+ field(packed, 31))
        out[31] = Int64(bitPattern: sum)
        return sum
    }
}
