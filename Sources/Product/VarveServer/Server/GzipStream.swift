import CZlib

/// A gzip member, or a zlib stream, made piece by piece, for answers that are longer than memory should hold.
///
/// Output comes when zlib has enough of it: `compress` may return nothing for a while, `finish` returns the rest.
final class GzipStream {
    /// Speed before size: an answer is text with much repetition, and its reader waits.
    static let level = 1

    struct Failure: Error, CustomStringConvertible {
        let status: Int32
        var description: String { "zlib could not compress an answer: status \(status)" }
    }

    /// zlib keeps a pointer back to it, so it stays where it is.
    private let stream: UnsafeMutablePointer<z_stream>

    init(_ coding: ContentCoding) throws(Failure) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window, and 16 for 'a gzip header, not zlib's'. HTTP means zlib's by deflate (RFC 9110, 8.4.1.2).
        let status = deflateInit2_(
            stream, Int32(Self.level), Z_DEFLATED, coding == .gzip ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        // `deflateEnd` takes a stream that was never begun for what it is.
        guard status == Z_OK else { throw Failure(status: status) }
    }

    deinit {
        deflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    func compress(_ bytes: [UInt8]) throws(Failure) -> [UInt8] { try run(bytes, Z_NO_FLUSH) }

    /// Everything that is left. The stream takes nothing more.
    func finish() throws(Failure) -> [UInt8] { try run([], Z_FINISH) }

    private func run(_ bytes: [UInt8], _ flush: Int32) throws(Failure) -> [UInt8] {
        try bytes.withUnsafeBufferPointer { (input) throws(Failure) in
            // zlib does not write to its input; its type says otherwise.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(clamping: input.count)
            var result: [UInt8] = []
            let room = 16 << 10
            while true {
                var status = Z_OK
                let piece = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                    stream.pointee.next_out = buffer.baseAddress
                    stream.pointee.avail_out = UInt32(room)
                    status = deflate(stream, flush)
                    count = room - Int(stream.pointee.avail_out)
                }
                result += piece
                switch status {
                case Z_STREAM_END: return result
                case Z_OK where stream.pointee.avail_out == 0: continue
                // All input is taken and the output had room left: nothing more comes for now.
                case Z_OK where flush == Z_NO_FLUSH: return result
                case Z_BUF_ERROR where flush == Z_NO_FLUSH: return result
                default: throw Failure(status: status)
                }
            }
        }
    }
}

/// Which answers are compressed, and for whom.
enum ContentCoding: String {
    case gzip, deflate

    /// Shorter bodies fit a packet as they are.
    static let smallest = 1_024

    static func isWorthwhile(_ body: APIAnswer.Body) -> Bool {
        switch body {
        case .whole(let bytes): bytes.count >= smallest
        case .pieces: true
        }
    }

    /// gzip where `Accept-Encoding` names it, or everything; else deflate where it names that. `q=0` takes back.
    static func taken(by header: String) -> ContentCoding? {
        var answers: [String: Bool] = [:]
        for entry in header.lowercased().split(separator: ",") {
            let parts = entry.split(separator: ";").map { String($0).trimmedASCII }
            guard let name = parts.first, !name.isEmpty else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            answers[name] = weight > 0
        }
        if answers["gzip"] ?? answers["x-gzip"] ?? answers["*"] ?? false { return .gzip }
        return answers["deflate"] ?? false ? .deflate : nil
    }
}
