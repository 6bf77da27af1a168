/// A walk over protobuf bytes from outside: every length is checked against what is left, nothing is allocated.
struct ProtobufCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var at: Int
    let end: Int

    /// Within `range` of `bytes`, which must outlive the cursor.
    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        at = range.lowerBound
        end = range.upperBound
    }

    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    var isAtEnd: Bool { at == end }

    /// Field number and wire type of the next field.
    mutating func key() throws(RemoteWriteError) -> (field: UInt64, type: WireType) {
        let start = at
        let key = try varint()
        guard let type = WireType(rawValue: UInt8(key & 7)) else {
            throw RemoteWriteError(offset: start, "wire type \(key & 7), which a remote-write message does not have")
        }
        guard key >> 3 != 0 else { throw RemoteWriteError(offset: start, "field number 0") }
        return (key >> 3, type)
    }

    mutating func varint() throws(RemoteWriteError) -> UInt64 {
        let start = at
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < end {
            let byte = bytes[at]
            if shift == 63 && byte > 1 { break }
            at += 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { break }
        }
        throw RemoteWriteError(offset: start, "a number that is cut off or has more than 64 bits")
    }

    /// Where the contents of a length-delimited field lie; the cursor moves past them.
    mutating func message() throws(RemoteWriteError) -> Range<Int> {
        let start = at
        let length = try varint()
        guard length <= UInt64(end - at) else {
            throw RemoteWriteError(offset: start, "a field of \(length) bytes where \(end - at) are left")
        }
        defer { at += Int(length) }
        return at..<at + Int(length)
    }

    mutating func fixed64() throws(RemoteWriteError) -> UInt64 {
        guard end - at >= 8 else { throw RemoteWriteError(offset: at, "a double that is cut off") }
        defer { at += 8 }
        return bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
    }

    mutating func skip(_ type: WireType) throws(RemoteWriteError) {
        switch type {
        case .varint: _ = try varint()
        case .fixed64: _ = try fixed64()
        case .lengthDelimited: _ = try message()
        case .fixed32:
            guard end - at >= 4 else { throw RemoteWriteError(offset: at, "a number that is cut off") }
            at += 4
        }
    }
}

/// A body that is not what it says it is. Nothing of it was stored.
public struct RemoteWriteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Byte of the inflated body; nil when it could not be inflated.
    public let offset: Int?
    public let found: String

    init(offset: Int?, _ found: String) {
        self.offset = offset
        self.found = found
    }

    public var description: String {
        if let offset { return "the body is not a remote-write request: at byte \(offset) there is \(found)" }
        return "the body is not a snappy block: \(found)"
    }
}
