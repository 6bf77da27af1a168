import CLZ4

/// `bytes` packed with `codec`.
///
/// - Parameter level: ZSTD 1…19 and gzip 1…9; the others have none. Out of range is brought into range.
/// - Throws: `.failed` only.
public func compress(
    _ bytes: [UInt8], _ codec: Codec, level: Int = 1
) throws(CompressionError) -> [UInt8] {
    if codec == .none { return bytes }
    return try compress(bytes.span.bytes, codec, level: level)
}

/// The same for bytes that are part of something else.
public func compress(
    _ bytes: UnsafeRawBufferPointer, _ codec: Codec, level: Int = 1
) throws(CompressionError) -> [UInt8] {
    switch codec {
    case .none: return [UInt8](bytes)
    case .snappy: return try Snappy.compress(bytes)
    case .zstd: return try ZstdContexts.compress(bytes, level: level)
    case .gzip: return try Gzip.compress(bytes, level: level)
    case .lz4raw: return try LZ4Block.compress(bytes)
    }
}

private func compress(_ bytes: RawSpan, _ codec: Codec, level: Int) throws(CompressionError) -> [UInt8] {
    try bytes.withUnsafeBytes { (pointer) throws(CompressionError) in try compress(pointer, codec, level: level) }
}

/// Unpacking with a size that is known beforehand: pages of files.
public enum Decompression {
    /// Exactly `exactSize` bytes, or an error. A size that `codec` could never make of so few bytes is refused before
    /// memory is taken for it.
    public static func decompress(
        _ bytes: UnsafeRawBufferPointer, _ codec: Codec, exactSize: Int
    ) throws(CompressionError) -> [UInt8] {
        guard exactSize >= 0 else { throw .damaged(codec, "an unpacked size of \(exactSize) bytes") }
        let most = mostOutput(of: codec, from: bytes.count)
        guard exactSize <= most else {
            throw .damaged(codec, "\(bytes.count) bytes cannot unpack to \(exactSize) bytes")
        }
        switch codec {
        case .none:
            guard bytes.count == exactSize else {
                throw .damaged(codec, "\(bytes.count) bytes instead of \(exactSize)")
            }
            return [UInt8](bytes)
        case .snappy:
            let declared = try Snappy.uncompressedLength(bytes)
            guard declared == exactSize else {
                throw .damaged(codec, "it declares \(declared) bytes instead of \(exactSize)")
            }
            return try Snappy.decompress(bytes, limit: exactSize)
        case .zstd: return try ZstdContexts.decompress(bytes, exactSize: exactSize)
        case .gzip:
            let unpacked = try Gzip.decompress(bytes, limit: exactSize, expecting: exactSize)
            guard unpacked.count == exactSize else {
                throw .damaged(codec, "it unpacks to \(unpacked.count) bytes instead of \(exactSize)")
            }
            return unpacked
        case .lz4raw: return try LZ4Block.decompress(bytes, exactSize: exactSize)
        }
    }

    /// The most bytes that `count` packed bytes can stand for.
    static func mostOutput(of codec: Codec, from count: Int) -> Int {
        let perByte: Int
        switch codec {
        case .none: return count
        case .snappy: return Snappy.mostOutput(from: count)
        case .zstd: perByte = 128 << 10  // a block of one repeated byte: 128 KiB in 4 bytes, header included
        case .gzip: perByte = 1_032  // 258 bytes from 2 bits
        case .lz4raw: perByte = 255  // a length byte adds 255
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: perByte)
        let (sum, tooMuch) = product.addingReportingOverflow(1_024)
        return overflow || tooMuch ? .max : sum
    }
}

enum LZ4Block {
    static func compress(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> [UInt8] {
        guard let size = Int32(exactly: bytes.count), case let bound = LZ4_compressBound(size), bound > 0 else {
            throw .failed(.lz4raw, "\(bytes.count) bytes are more than one block holds")
        }
        return try filled(capacity: Int(bound)) { (output) throws(CompressionError) in
            let written = LZ4_compress_default(bytes.bindMemory(to: CChar.self).baseAddress, output, size, bound)
            guard written > 0 else { throw .failed(.lz4raw, "the compressor gave up") }
            return Int(written)
        }
    }

    static func decompress(_ bytes: UnsafeRawBufferPointer, exactSize: Int) throws(CompressionError) -> [UInt8] {
        guard let size = Int32(exactly: bytes.count), let target = Int32(exactly: exactSize) else {
            throw .failed(.lz4raw, "\(max(bytes.count, exactSize)) bytes are more than one block holds")
        }
        return try filled(capacity: exactSize) { (output) throws(CompressionError) in
            let written = LZ4_decompress_safe(bytes.bindMemory(to: CChar.self).baseAddress, output, size, target)
            guard written == target else {
                throw .damaged(
                    .lz4raw, written < 0 ? "not a block" : "it unpacks to \(written) bytes instead of \(target)")
            }
            return exactSize
        }
    }
}

/// An array that C fills: `fill` gets room for `capacity` bytes (at least one) and says how many it wrote.
func filled(
    capacity: Int, _ fill: (UnsafeMutablePointer<CChar>) throws(CompressionError) -> Int
) throws(CompressionError) -> [UInt8] {
    try [UInt8](capacity: max(capacity, 1)) { (span: inout OutputSpan<UInt8>) throws(CompressionError) in
        try span.withUnsafeMutableBufferPointer { (buffer, count) throws(CompressionError) in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            guard let start = raw.bindMemory(to: CChar.self).baseAddress else { return }
            let written = try fill(start)
            precondition(written <= buffer.count)
            count = written
        }
    }
}
