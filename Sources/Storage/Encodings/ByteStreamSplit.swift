public import Columnar

/// BYTE_STREAM_SPLIT: the first bytes of all values, then the second bytes … ; what repeats from value to value lies
/// together for ZSTD. Of doubles, floats, integers of 64 and 32 bits and byte strings of one length.
///
/// Decoders append exactly `count` values and return the bytes consumed.
public enum ByteStreamSplit {
    static let name = "BYTE_STREAM_SPLIT"

    public static func encode(_ values: [Double], into bytes: inout [UInt8]) { split8(values, &bytes) }
    public static func encode(_ values: [Int64], into bytes: inout [UInt8]) { split8(values, &bytes) }
    public static func encode(_ values: [Float], into bytes: inout [UInt8]) { split4(values, &bytes) }
    public static func encode(_ values: [Int32], into bytes: inout [UInt8]) { split4(values, &bytes) }

    /// - Precondition: every value has `width` bytes.
    public static func encode(_ values: BytesColumn, width: Int, into bytes: inout [UInt8]) {
        let count = values.count
        precondition(width >= 0 && values.bytes.count == count * width)
        bytes.reserveCapacity(bytes.count + values.bytes.count)
        for stream in 0..<width {
            for i in 0..<count { bytes.append(values.bytes[i * width + stream]) }
        }
    }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Double]
    ) throws(EncodingError) -> Int { try join8(bytes, count, &values) }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int64]
    ) throws(EncodingError) -> Int { try join8(bytes, count, &values) }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Float]
    ) throws(EncodingError) -> Int { try join4(bytes, count, &values) }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int32]
    ) throws(EncodingError) -> Int { try join4(bytes, count, &values) }

    /// Values of `width` bytes each. After an error the column is empty.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, width: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        let source = try streams(bytes, count, width)
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + count)
        content.reserveCapacity(content.count + source.count)
        for i in 0..<count {
            for stream in 0..<width { content.append(source[stream * count + i]) }
            offsets.append(content.count)
        }
        values = BytesColumn(offsets: offsets, bytes: content)
        return source.count
    }

    private static func streams(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ width: Int
    ) throws(EncodingError) -> UnsafeRawBufferPointer {
        guard width > 0, count >= 0, count <= bytes.count / width else {
            throw EncodingError(name, "\(bytes.count) bytes for \(count) values of \(width) bytes")
        }
        return UnsafeRawBufferPointer(rebasing: bytes[..<(count * width)])
    }

    // MARK: kernels

    @inline(__always)
    private static func join8<T: BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ values: inout [T]
    ) throws(EncodingError) -> Int {
        let source = try streams(bytes, count, 8)
        values.append(addingCapacity: count) { (span: inout OutputSpan<T>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                buffer.withMemoryRebound(to: UInt64.self) { joinWords(source, count, $0) }
                initialized = count
            }
        }
        return source.count
    }

    @inline(__always)
    private static func join4<T: BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ values: inout [T]
    ) throws(EncodingError) -> Int {
        let source = try streams(bytes, count, 4)
        values.append(addingCapacity: count) { (span: inout OutputSpan<T>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                buffer.withMemoryRebound(to: UInt32.self) { joinHalves(source, count, $0) }
                initialized = count
            }
        }
        return source.count
    }

    /// `source` holds 8 · count bytes, `values` has room for `count`.
    private static func joinWords(
        _ source: UnsafeRawBufferPointer, _ count: Int, _ values: UnsafeMutableBufferPointer<UInt64>
    ) {
        guard count > 0, let start = source.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let (s0, s1, s2, s3) = (start, start + count, start + 2 * count, start + 3 * count)
        let (s4, s5, s6, s7) = (s0 + 4 * count, s1 + 4 * count, s2 + 4 * count, s3 + 4 * count)
        let whole = count & ~7
        if let out = values.baseAddress {
            let raw = UnsafeRawPointer(start)
            for i in stride(from: 0, to: whole, by: 8) {  // i + 8 ≤ count: within each stream
                Transposed(
                    raw.loadUnaligned(fromByteOffset: i, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ count, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ 2 &* count, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ 3 &* count, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ 4 &* count, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ 5 &* count, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ 6 &* count, as: UInt64.self),
                    raw.loadUnaligned(fromByteOffset: i &+ 7 &* count, as: UInt64.self)
                ).store(UnsafeMutableRawPointer(out + i), by: 8)
            }
        }
        for i in whole..<count {
            let low = UInt64(s0[i]) | UInt64(s1[i]) &<< 8 | UInt64(s2[i]) &<< 16 | UInt64(s3[i]) &<< 24
            let high = UInt64(s4[i]) | UInt64(s5[i]) &<< 8 | UInt64(s6[i]) &<< 16 | UInt64(s7[i]) &<< 24
            values[i] = low | high &<< 32
        }
    }

    /// `source` holds 4 · count bytes, `values` has room for `count`.
    private static func joinHalves(
        _ source: UnsafeRawBufferPointer, _ count: Int, _ values: UnsafeMutableBufferPointer<UInt32>
    ) {
        guard count > 0, let start = source.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let (s0, s1, s2, s3) = (start, start + count, start + 2 * count, start + 3 * count)
        for i in 0..<count {
            values[i] = UInt32(s0[i]) | UInt32(s1[i]) &<< 8 | UInt32(s2[i]) &<< 16 | UInt32(s3[i]) &<< 24
        }
    }

    @inline(__always)
    private static func split8<T: BitwiseCopyable>(_ values: [T], _ bytes: inout [UInt8]) {
        let count = values.count
        values.withUnsafeBytes { values in
            bytes.append(addingCapacity: 8 * count) { (span: inout OutputSpan<UInt8>) in
                span.withUnsafeMutableBufferPointer { buffer, initialized in
                    splitWords(values, count, UnsafeMutableRawBufferPointer(buffer))
                    initialized = 8 * count
                }
            }
        }
    }

    /// `source` holds `count` values, `target` has room for them.
    private static func splitWords(
        _ source: UnsafeRawBufferPointer, _ count: Int, _ target: UnsafeMutableRawBufferPointer
    ) {
        guard count > 0, let start = source.baseAddress, let out = target.baseAddress else { return }
        let whole = count & ~7
        for i in stride(from: 0, to: whole, by: 8) {  // i + 8 ≤ count: within each stream
            let from = start + 8 &* i
            Transposed(
                from.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 24, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 32, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 40, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 48, as: UInt64.self),
                from.loadUnaligned(fromByteOffset: 56, as: UInt64.self)
            ).store(out + i, by: count)
        }
        for i in whole..<count {
            for stream in 0..<8 {
                out.storeBytes(
                    of: start.load(fromByteOffset: 8 &* i &+ stream, as: UInt8.self),
                    toByteOffset: stream &* count &+ i, as: UInt8.self)
            }
        }
    }

    @inline(__always)
    private static func split4<T: BitwiseCopyable>(_ values: [T], _ bytes: inout [UInt8]) {
        let count = values.count
        values.withUnsafeBytes { values in
            bytes.append(addingCapacity: 4 * count) { (span: inout OutputSpan<UInt8>) in
                span.withUnsafeMutableBufferPointer { buffer, initialized in
                    for stream in 0..<4 {
                        for i in 0..<count { buffer[stream &* count &+ i] = values[4 &* i &+ stream] }
                    }
                    initialized = 4 * count
                }
            }
        }
    }
}

/// Eight rows of eight bytes, rows made columns: byte i of row j becomes byte j of row i. Three rounds of swaps, of four
/// bytes, two and one: less than half the work of moving 64 bytes one by one.
private struct Transposed {
    var r0: UInt64, r1: UInt64, r2: UInt64, r3: UInt64, r4: UInt64, r5: UInt64, r6: UInt64, r7: UInt64

    @inline(__always)
    init(
        _ r0: UInt64, _ r1: UInt64, _ r2: UInt64, _ r3: UInt64, _ r4: UInt64, _ r5: UInt64, _ r6: UInt64, _ r7: UInt64
    ) {
        (self.r0, self.r1, self.r2, self.r3) = (r0, r1, r2, r3)
        (self.r4, self.r5, self.r6, self.r7) = (r4, r5, r6, r7)
        let fours: UInt64 = 0x0000_0000_ffff_ffff
        Self.swap(&self.r0, &self.r4, 32, fours)
        Self.swap(&self.r1, &self.r5, 32, fours)
        Self.swap(&self.r2, &self.r6, 32, fours)
        Self.swap(&self.r3, &self.r7, 32, fours)
        let twos: UInt64 = 0x0000_ffff_0000_ffff
        Self.swap(&self.r0, &self.r2, 16, twos)
        Self.swap(&self.r1, &self.r3, 16, twos)
        Self.swap(&self.r4, &self.r6, 16, twos)
        Self.swap(&self.r5, &self.r7, 16, twos)
        let ones: UInt64 = 0x00ff_00ff_00ff_00ff
        Self.swap(&self.r0, &self.r1, 8, ones)
        Self.swap(&self.r2, &self.r3, 8, ones)
        Self.swap(&self.r4, &self.r5, 8, ones)
        Self.swap(&self.r6, &self.r7, 8, ones)
    }

    /// The high parts of `a` for the low ones of `b`.
    @inline(__always)
    private static func swap(_ a: inout UInt64, _ b: inout UInt64, _ shift: UInt64, _ mask: UInt64) {
        let moved = ((a &>> shift) ^ b) & mask
        b ^= moved
        a ^= moved &<< shift
    }

    /// Row j at `j * distance` bytes from `out`; little-endian, as Parquet is.
    @inline(__always)
    func store(_ out: UnsafeMutableRawPointer, by distance: Int) {
        out.storeBytes(of: r0, as: UInt64.self)
        out.storeBytes(of: r1, toByteOffset: distance, as: UInt64.self)
        out.storeBytes(of: r2, toByteOffset: 2 &* distance, as: UInt64.self)
        out.storeBytes(of: r3, toByteOffset: 3 &* distance, as: UInt64.self)
        out.storeBytes(of: r4, toByteOffset: 4 &* distance, as: UInt64.self)
        out.storeBytes(of: r5, toByteOffset: 5 &* distance, as: UInt64.self)
        out.storeBytes(of: r6, toByteOffset: 6 &* distance, as: UInt64.self)
        out.storeBytes(of: r7, toByteOffset: 7 &* distance, as: UInt64.self)
    }
}
