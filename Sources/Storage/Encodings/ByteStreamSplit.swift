/// BYTE_STREAM_SPLIT for 8-byte values: the first bytes of all values, then the second bytes … ; what repeats from value
/// to value lies together for ZSTD.
public enum ByteStreamSplit {
    static let name = "BYTE_STREAM_SPLIT"

    public static func encode(_ values: [Double], into bytes: inout [UInt8]) {
        values.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: UInt64.self) { encode($0, &bytes) }
        }
    }
    public static func encode(_ values: [Int64], into bytes: inout [UInt8]) {
        values.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: UInt64.self) { encode($0, &bytes) }
        }
    }

    /// Appends exactly `count` values; returns the bytes consumed.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Double]
    ) throws(EncodingError) -> Int {
        let source = try streams(bytes, count)
        values.append(addingCapacity: count) { (span: inout OutputSpan<Double>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                buffer.withMemoryRebound(to: UInt64.self) { join(source, count, $0) }
                initialized = count
            }
        }
        return source.count
    }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int64]
    ) throws(EncodingError) -> Int {
        let source = try streams(bytes, count)
        values.append(addingCapacity: count) { (span: inout OutputSpan<Int64>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                buffer.withMemoryRebound(to: UInt64.self) { join(source, count, $0) }
                initialized = count
            }
        }
        return source.count
    }

    private static func streams(
        _ bytes: UnsafeRawBufferPointer, _ count: Int
    ) throws(EncodingError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= bytes.count / 8 else {
            throw EncodingError(name, "\(bytes.count) bytes for \(count) values of 8 bytes")
        }
        return UnsafeRawBufferPointer(rebasing: bytes[..<(count * 8)])
    }

    /// `source` holds 8 · count bytes, `values` has room for `count`.
    private static func join(
        _ source: UnsafeRawBufferPointer, _ count: Int, _ values: UnsafeMutableBufferPointer<UInt64>
    ) {
        guard count > 0, let start = source.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let (s0, s1, s2, s3) = (start, start + count, start + 2 * count, start + 3 * count)
        let (s4, s5, s6, s7) = (s0 + 4 * count, s1 + 4 * count, s2 + 4 * count, s3 + 4 * count)
        for i in 0..<count {
            let low = UInt64(s0[i]) | UInt64(s1[i]) &<< 8 | UInt64(s2[i]) &<< 16 | UInt64(s3[i]) &<< 24
            let high = UInt64(s4[i]) | UInt64(s5[i]) &<< 8 | UInt64(s6[i]) &<< 16 | UInt64(s7[i]) &<< 24
            values[i] = low | high &<< 32
        }
    }

    private static func encode(_ values: UnsafeBufferPointer<UInt64>, _ bytes: inout [UInt8]) {
        let count = values.count
        bytes.append(addingCapacity: 8 * count) { (span: inout OutputSpan<UInt8>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let start = buffer.baseAddress else { return }
                for stream in 0..<8 {
                    let out = start + stream * count
                    let shift = UInt64(8 * stream)
                    for i in 0..<count { out[i] = UInt8(truncatingIfNeeded: values[i] &>> shift) }
                }
                initialized = 8 * count
            }
        }
    }
}
