/// The one sample that most series of a remote-write body end with, read from the end of the message.
///
///     18 bytes: 12 10 · 09 value · 10 timestamp      9 bytes, the value being 0: 12 07 · 10 timestamp
///
/// with a timestamp of six varint bytes (2^35 … 2^42 ms: 1971 to 2109). What stands before is taken for the labels. Only
/// a guess: whoever finds those bytes among spellings that once parsed wholly as labels has proved it, for a message is
/// the concatenation of its fields.
struct TailGuess {
    let labelEnd: Int
    let timestamp: Int64
    let value: Double

    /// nil when the message does not end so.
    /// - Parameter message: within `base`.
    @inline(__always)
    init?(_ base: UnsafeRawPointer, _ message: Range<Int>) {
        let end = message.upperBound
        guard message.count > 9 else { return nil }
        // The last eight bytes: two of the value, the key of the timestamp's field would be the second, or seven and one.
        let tail = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self))
        // From the low end: byte 0 belongs to what comes before, byte 1 is the key 0x10, bytes 2 … 7 the varint.
        guard (tail >> 8) & 0xff == 0x10, tail & 0x8080_8080_8080_0000 == 0x0080_8080_8080_0000 else { return nil }
        let digits = tail >> 16
        timestamp = Int64(
            (digits & 0x7f) | (digits >> 1 & 0x3f80) | (digits >> 2 & 0x1f_c000) | (digits >> 3 & 0xfe0_0000)
                | (digits >> 4 & 0x7_f000_0000) | (digits >> 5 & 0x3f8_0000_0000))
        if tail & 0xff == 0x07, base.load(fromByteOffset: end - 9, as: UInt8.self) == 0x12 {
            labelEnd = end - 9
            value = 0
            return
        }
        guard message.count > 18,
            base.load(fromByteOffset: end - 18, as: UInt8.self) == 0x12,
            base.load(fromByteOffset: end - 17, as: UInt8.self) == 0x10,
            base.load(fromByteOffset: end - 16, as: UInt8.self) == 0x09
        else { return nil }
        labelEnd = end - 18
        value = Double(
            bitPattern: UInt64(littleEndian: base.loadUnaligned(fromByteOffset: end - 15, as: UInt64.self)))
    }
}
