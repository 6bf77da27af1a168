import CZlib

/// RFC 1952; several members one after the other are one stream, as in HTTP.
public enum Gzip {
    public static func compress(_ bytes: [UInt8], level: Int = 6) throws(CompressionError) -> [UInt8] {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in try compress(raw, level: level) }
    }

    static func compress(_ bytes: UnsafeRawBufferPointer, level: Int) throws(CompressionError) -> [UInt8] {
        guard let size = UInt32(exactly: bytes.count) else {
            throw .failed(.gzip, "\(bytes.count) bytes are more than one call takes")
        }
        var stream = z_stream()
        let level = Int32(min(max(level, 1), 9))
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, gzipWindow, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw .failed(.gzip, "no memory for a compressor") }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(size)))
        return try filled(capacity: bound) { (output) throws(CompressionError) in
            point(&stream, at: bytes)
            stream.next_out = UnsafeMutableRawPointer(output).assumingMemoryBound(to: UInt8.self)
            stream.avail_out = UInt32(clamping: bound)
            guard deflate(&stream, Z_FINISH) == Z_STREAM_END else {
                throw .failed(.gzip, "the compressor gave up")
            }
            return Int(stream.total_out)
        }
    }

    /// - Parameter limit: the most bytes that the caller accepts; memory grows with what really comes out.
    public static func decompress(_ bytes: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
        try bytes.span.bytes.withUnsafeBytes { (raw) throws(CompressionError) in
            try decompress(raw, limit: limit, expecting: 4 * raw.count)
        }
    }

    static func decompress(
        _ bytes: UnsafeRawBufferPointer, limit: Int, expecting: Int
    ) throws(CompressionError) -> [UInt8] {
        guard UInt32(exactly: bytes.count) != nil else {
            throw .failed(.gzip, "\(bytes.count) bytes are more than one call takes")
        }
        var stream = z_stream()
        guard
            inflateInit2_(&stream, gzipWindow, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw .failed(.gzip, "no memory for a decompressor") }
        defer { inflateEnd(&stream) }
        point(&stream, at: bytes)
        return try grown(codec: .gzip, limit: limit, expecting: expecting) { (room) throws(CompressionError) in
            stream.next_out = room.baseAddress
            stream.avail_out = UInt32(clamping: room.count)
            let offered = stream.avail_out
            let status = inflate(&stream, Z_NO_FLUSH)
            let written = Int(offered - stream.avail_out)
            switch status {
            case Z_OK: return (written, false)
            case Z_STREAM_END:
                if stream.avail_in == 0 { return (written, true) }
                guard inflateReset(&stream) == Z_OK else { throw .failed(.gzip, "no next member") }
                return (written, false)
            case Z_BUF_ERROR where stream.avail_out == 0: return (written, false)
            case Z_BUF_ERROR: throw .damaged(.gzip, "it ends early")
            case Z_MEM_ERROR: throw .failed(.gzip, "no memory for a decompressor")
            default: throw .damaged(.gzip, stream.msg.map { String(cString: $0) } ?? "status \(status)")
            }
        }
    }

    private static func point(_ stream: inout z_stream, at bytes: UnsafeRawBufferPointer) {
        // zlib does not write to its input; its type says otherwise.
        stream.next_in = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: UInt8.self)
        stream.avail_in = UInt32(clamping: bytes.count)
    }

    /// 15 bits of window, and 16 for 'a gzip header, not zlib's'.
    private static var gzipWindow: Int32 { 15 + 16 }
}

/// An array that grows by doubling while `step` fills it, up to `limit`. `step` gets free room (never empty), and
/// answers how much it wrote and whether that was all; it throws when it can make no progress.
func grown(
    codec: Codec, limit: Int, expecting: Int,
    _ step: (UnsafeMutableBufferPointer<UInt8>) throws(CompressionError) -> (written: Int, done: Bool)
) throws(CompressionError) -> [UInt8] {
    var result: [UInt8] = []
    var room = min(max(expecting, 512), max(limit, 0))
    // One byte beyond the limit tells 'exactly the limit' from 'more'.
    while true {
        var done = false
        try result.append(addingCapacity: room + 1) { (span: inout OutputSpan<UInt8>) throws(CompressionError) in
            try span.withUnsafeMutableBufferPointer { (buffer, count) throws(CompressionError) in
                while !done && count < buffer.count {
                    let answer = try step(UnsafeMutableBufferPointer(rebasing: buffer[count...]))
                    count += answer.written
                    done = answer.done
                }
            }
        }
        guard result.count <= limit else { throw .tooLarge(codec, bytes: UInt64(result.count), limit: limit) }
        if done { return result }
        room = min(result.count, limit - result.count)
    }
}
