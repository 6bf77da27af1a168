extension DeltaBinaryPacked {
    /// Appends values of an INT32 column: differences wrap modulo 2^32, so that no field takes more than 32 bits (others
    /// refuse 33). Blocks of 128, 4 miniblocks of 32, the least difference as reference. The bytes are read as INT64 are,
    /// and the sums cut to 32 bits.
    public static func encode(_ values: [Int32], into bytes: inout [UInt8]) {
        let block = 128
        bytes.appendVarint(UInt64(block))
        bytes.appendVarint(UInt64(block / group))
        bytes.appendVarint(UInt64(values.count))
        bytes.appendZigzag(Int64(values.first ?? 0))
        var start = 1
        while start < values.count {
            let end = min(start + block, values.count)
            let differences = (start..<end).map { values[$0] &- values[$0 - 1] }
            let reference = differences.min() ?? 0
            bytes.appendZigzag(Int64(reference))
            let miniblocks = stride(from: 0, to: differences.count, by: group).map { first in
                differences[first..<min(first + group, differences.count)].map {
                    UInt32(bitPattern: $0 &- reference)
                }
            }
            let widths = miniblocks.map { 32 - ($0.max() ?? 0).leadingZeroBitCount }
            for i in 0..<block / group { bytes.append(i < widths.count ? UInt8(widths[i]) : 0) }
            for (fields, width) in zip(miniblocks, widths) { pack(fields, width, into: &bytes) }
            start = end
        }
    }

    /// 32 fields, zeros for those that are missing: 4 · width bytes.
    private static func pack(_ fields: [UInt32], _ width: Int, into bytes: inout [UInt8]) {
        var word: UInt64 = 0
        var filled = 0  // bits of `word`, < 8 between fields
        for i in 0..<group {
            word |= UInt64(i < fields.count ? fields[i] : 0) << UInt64(filled)
            filled += width
            while filled >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
                filled -= 8
            }
        }
    }
}
