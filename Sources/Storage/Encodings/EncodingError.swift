/// Encoded bytes that are not what their encoding allows, or hold more or fewer values than promised.
public struct EncodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Parquet's name.
    public let encoding: String
    public let found: String

    public init(_ encoding: String, _ found: String) {
        self.encoding = encoding
        self.found = found
    }
    public var description: String { "\(encoding) data is damaged: \(found)" }
}

/// A checked cursor over borrowed bytes: `offset` never passes `bytes.count`.
struct BorrowedCursor {
    let bytes: UnsafeRawBufferPointer
    let encoding: String
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, _ encoding: String, at offset: Int = 0) {
        self.bytes = bytes
        self.encoding = encoding
        self.offset = min(max(offset, 0), bytes.count)
    }

    var remaining: Int { bytes.count - offset }

    /// Moves on by `count`, or to the end: padding of the last values may be missing.
    mutating func skip(atMost count: Int) { offset += min(max(count, 0), remaining) }

    /// …or to a place that is known.
    mutating func move(to place: Int) { offset = min(max(place, 0), bytes.count) }

    mutating func take(_ count: Int, _ what: String) throws(EncodingError) -> Int {
        guard count >= 0, count <= remaining else {
            throw EncodingError(encoding, "it ends inside \(what) at byte \(bytes.count)")
        }
        defer { offset += count }
        return offset
    }

    /// LEB128 of at most 64 bits.
    mutating func varint(_ what: String) throws(EncodingError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            if shift == 63 && byte > 1 { break }
            offset += 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { break }
        }
        throw EncodingError(encoding, "no \(what) at byte \(offset)")
    }

    mutating func zigzag(_ what: String) throws(EncodingError) -> Int64 {
        let raw = try varint(what)
        return Int64(bitPattern: raw >> 1) ^ (0 &- Int64(bitPattern: raw & 1))
    }
}

extension Array where Element == UInt8 {
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
    mutating func appendZigzag(_ value: Int64) {
        appendVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }
}
