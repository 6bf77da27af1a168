/// Little-endian bytes, built up; the counterpart of `ByteReader`.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}
    public init(capacity: Int) { bytes.reserveCapacity(capacity) }

    public var count: Int { bytes.count }

    public mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    public mutating func append(_ value: Double) { append(value.bitPattern) }
    public mutating func append(bytes more: [UInt8]) { bytes.append(contentsOf: more) }
    public mutating func append(bytes more: ArraySlice<UInt8>) { bytes.append(contentsOf: more) }
    public mutating func append(bytes more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }

    public mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
    public mutating func append(lengthPrefixed more: [UInt8]) {
        append(varint: UInt64(more.count))
        append(bytes: more)
    }
    public mutating func append(string: String) {
        append(lengthPrefixed: Array(string.utf8))
    }
    /// Zeros up to the next multiple of `alignment`.
    public mutating func pad(to alignment: Int) {
        let rest = bytes.count % alignment
        if rest != 0 { bytes.append(contentsOf: repeatElement(0, count: alignment - rest)) }
    }
    /// Overwrites bytes written before: a length or checksum that is known only at the end.
    public mutating func patch<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= bytes.count)
        withUnsafeBytes(of: value.littleEndian) { source in
            for (i, byte) in source.enumerated() { bytes[offset + i] = byte }
        }
    }
}
