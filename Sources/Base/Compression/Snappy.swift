import CPlatform
import CSnappy

/// Snappy's block format: a varint with the unpacked length, then literals and copies. Packed by libsnappy, unpacked by
/// our own kernel, which is twice as fast on what remote write sends.
public enum Snappy {
    public static func compress(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8] {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in try compress(raw) }
    }

    static func compress(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> [UInt8] {
        guard bytes.count <= Int(UInt32.max) else {
            throw .failed(.snappy, "\(bytes.count) bytes are more than one block holds")
        }
        var size = snappy_max_compressed_length(bytes.count)
        return try filled(capacity: size) { (output) throws(CompressionError) in
            let status = snappy_compress(
                bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, output, &size)
            guard status == SNAPPY_OK else { throw .failed(.snappy, "status \(status.rawValue)") }
            return size
        }
    }

    /// The length that the block says it unpacks to: a claim of whoever wrote it.
    public static func uncompressedLength(_ bytes: [UInt8]) throws(CompressionError) -> Int {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in try uncompressedLength(raw) }
    }

    static func uncompressedLength(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> Int {
        var length: UInt64 = 0
        for (i, byte) in bytes.prefix(5).enumerated() {
            length |= UInt64(byte & 0x7f) << UInt64(7 * i)
            if byte < 0x80 {
                guard length <= UInt64(UInt32.max) else { break }
                return Int(length)
            }
        }
        throw .damaged(.snappy, "it does not begin with a length of at most 32 bits")
    }

    /// - Parameter limit: the most bytes that the caller accepts; a block that declares more is refused unread.
    public static func decompress(_ bytes: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in try decompress(raw, limit: limit) }
    }

    public static func decompress(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        let declared = try declaredLength(bytes, limit: limit)
        return try filled(capacity: declared) { (output) throws(CompressionError) in
            guard varve_snappy_decompress(bytes.baseAddress, bytes.count, output, declared) == 0 else {
                throw .damaged(.snappy, "not a snappy block")
            }
            return declared
        }
    }

    /// Unpacks into `buffer`, which grows when it is too short and never shrinks. - Returns: how many of its bytes are of
    /// the block; what is behind them means nothing. After an error it holds anything.
    public static func decompress(
        _ bytes: [UInt8], into buffer: inout [UInt8], limit: Int
    ) throws(CompressionError) -> Int {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in
            let declared = try declaredLength(raw, limit: limit)
            if buffer.count < declared { buffer = [UInt8](repeating: 0, count: declared + declared / 4) }
            let status = buffer.withUnsafeMutableBytes {
                varve_snappy_decompress(raw.baseAddress, raw.count, $0.baseAddress, declared)
            }
            guard status == 0 else { throw .damaged(.snappy, "not a snappy block") }
            return declared
        }
    }

    /// The length that a block declares, when it is one that its bytes can unpack to.
    private static func declaredLength(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(CompressionError) -> Int {
        let declared = try uncompressedLength(bytes)
        guard declared <= limit else { throw .tooLarge(.snappy, bytes: UInt64(declared), limit: limit) }
        guard declared <= mostOutput(from: bytes.count) else {
            throw .damaged(.snappy, "\(bytes.count) bytes cannot unpack to the declared \(declared) bytes")
        }
        return declared
    }

    /// The densest element is a copy of 64 bytes told in 3.
    static func mostOutput(from count: Int) -> Int { (count / 3 + 1) * 64 }
}
