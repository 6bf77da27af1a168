/// Bytes ended, or said something impossible, at `offset`.
public struct MalformedBytes: Error, Equatable, CustomStringConvertible, Sendable {
    /// Bytes from the start of what was read.
    public let offset: Int
    public let expected: String
    public init(offset: Int, expected: String) {
        self.offset = offset
        self.expected = expected
    }
    public var description: String { "at byte \(offset): expected \(expected)" }
}

/// A little-endian cursor over bytes from outside: every read is checked and throws with its offset.
public struct ByteReader: Sendable {
    public let bytes: [UInt8]
    public private(set) var offset: Int
    public let end: Int

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.offset = 0
        self.end = bytes.count
    }

    /// Reads within `range` only; clamped to the bytes there are.
    public init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        self.offset = min(max(range.lowerBound, 0), bytes.count)
        self.end = min(max(range.upperBound, offset), bytes.count)
    }

    public var remaining: Int { end - offset }
    public var isAtEnd: Bool { offset == end }

    public mutating func take(_ count: Int, _ what: @autoclosure () -> String) throws(MalformedBytes) -> ArraySlice<
        UInt8
    > {
        guard count >= 0, count <= remaining else {
            throw MalformedBytes(offset: offset, expected: "\(what()) (\(count) bytes, \(remaining) left)")
        }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    public mutating func integer<T: FixedWidthInteger>(
        _ type: T.Type, _ what: @autoclosure () -> String
    ) throws(MalformedBytes) -> T {
        let size = MemoryLayout<T>.size
        guard size <= remaining else { throw MalformedBytes(offset: offset, expected: what()) }
        var value: T = 0
        for i in 0..<size { value |= T(truncatingIfNeeded: bytes[offset + i]) << T(i * 8) }
        offset += size
        return value
    }

    public mutating func double(_ what: @autoclosure () -> String) throws(MalformedBytes) -> Double {
        Double(bitPattern: try integer(UInt64.self, what()))
    }

    /// LEB128, at most ten bytes; bits beyond 64 are an error.
    public mutating func varint(_ what: @autoclosure () -> String) throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < end {
            let byte = bytes[offset]
            if shift == 63 && byte > 1 { break }
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { break }
        }
        throw MalformedBytes(offset: offset, expected: "\(what()) as a varint of at most 64 bits")
    }

    /// A varint length that must fit into what is left, then that many bytes.
    public mutating func lengthPrefixed(_ what: @autoclosure () -> String) throws(MalformedBytes) -> ArraySlice<UInt8> {
        let length = try varint("the length of \(what())")
        guard length <= UInt64(remaining) else {
            throw MalformedBytes(offset: offset, expected: "\(what()) of \(length) bytes, \(remaining) left")
        }
        return try take(Int(length), what())
    }

    /// A length-prefixed string; malformed UTF-8 is an error.
    public mutating func string(_ what: @autoclosure () -> String) throws(MalformedBytes) -> String {
        let at = offset
        let slice = try lengthPrefixed(what())
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw MalformedBytes(offset: at, expected: "\(what()) in UTF-8")
        }
        return text
    }
}
