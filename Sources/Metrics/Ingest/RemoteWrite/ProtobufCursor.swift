/// Bytes that are not the protobuf message that they should be.
struct MalformedMessage: Error, Equatable {
    /// Bytes from the start of the body.
    let offset: Int
    let expected: StaticString
    static func == (a: Self, b: Self) -> Bool { a.offset == b.offset }
}

/// A checked cursor over protobuf bytes.
///
/// - `0 ≤ position ≤ end ≤ base.count` always, so that reads below `end` need no further check.
/// - The bytes outlive the cursor: it lives inside one `withUnsafeBytes`.
struct ProtobufCursor {
    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case length = 2
        case fixed32 = 5
    }

    let base: UnsafeRawBufferPointer
    private(set) var position: Int
    let end: Int

    init(_ base: UnsafeRawBufferPointer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= base.count)
        self.base = base
        position = range.lowerBound
        end = range.upperBound
    }

    @inline(__always) var isAtEnd: Bool { position == end }

    @inline(__always)
    private func byte(_ at: Int) -> UInt8 {
        base.baseAddress.unsafelyUnwrapped.load(fromByteOffset: at, as: UInt8.self)
    }

    /// The next byte, if there is one.
    @inline(__always)
    var next: UInt8? { position < end ? byte(position) : nil }

    @inline(__always)
    mutating func varint() throws(MalformedMessage) -> UInt64 {
        if position < end {
            let first = byte(position)
            if first < 0x80 {
                position += 1
                return UInt64(first)
            }
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(MalformedMessage) -> UInt64 {
        let start = position
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let next = byte(position)
            // The tenth byte holds the last bit of 64.
            if shift == 63, next > 1 { break }
            position += 1
            value |= UInt64(next & 0x7f) << shift
            if next < 0x80 { return value }
            shift += 7
        }
        throw MalformedMessage(offset: start, expected: "a varint of at most 64 bits")
    }

    @inline(__always)
    mutating func fixed64() throws(MalformedMessage) -> UInt64 {
        guard end - position >= 8 else { throw MalformedMessage(offset: position, expected: "8 bytes") }
        defer { position += 8 }
        return UInt64(
            littleEndian: base.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    /// A length and so many bytes: where they lie.
    @inline(__always)
    mutating func lengthDelimited() throws(MalformedMessage) -> Range<Int> {
        let start = position
        let length = try varint()
        guard length <= UInt64(end - position) else {
            throw MalformedMessage(offset: start, expected: "a length within the message around it")
        }
        let range = position..<position + Int(length)
        position = range.upperBound
        return range
    }

    @inline(__always)
    mutating func key() throws(MalformedMessage) -> (field: UInt64, type: WireType) {
        let start = position
        let key = try varint()
        // Field numbers have 29 bits; 0 is none.
        guard let type = WireType(rawValue: UInt8(truncatingIfNeeded: key & 7)), key >> 3 >= 1, key >> 3 < 1 << 29
        else {
            throw MalformedMessage(offset: start, expected: "a field of a wire type that there is")
        }
        return (key >> 3, type)
    }

    mutating func skip(_ type: WireType) throws(MalformedMessage) {
        switch type {
        case .varint: _ = try varint()
        case .fixed64: _ = try fixed64()
        case .length: _ = try lengthDelimited()
        case .fixed32:
            guard end - position >= 4 else { throw MalformedMessage(offset: position, expected: "4 bytes") }
            position += 4
        }
    }

    /// Steps over fields whose one-byte key is `key` and which have a length, as long as one follows the other.
    @inline(__always)
    mutating func skipRun(ofKey key: UInt8) throws(MalformedMessage) {
        while position < end, byte(position) == key {
            position += 1
            _ = try lengthDelimited()
        }
    }

    func expect(_ type: WireType, _ wanted: WireType) throws(MalformedMessage) {
        guard type == wanted else { throw MalformedMessage(offset: position, expected: "the wire type of the field") }
    }
}
