/// Little-endian bytes of the log. Here and not through `ByteReader` where every record passes: a generic call into another
/// module is not specialised and cost 1.5 µs a record.
extension [UInt8] {
    /// Appends the integer in little-endian order.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
    /// Overwrites bytes written before; they must be there.
    mutating func patch<T: FixedWidthInteger>(littleEndian value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count)
        withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self) }
    }
    /// Nothing but zeros there; the range lies within.
    func isZero(in range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return withUnsafeBytes { buffer in
            var at = range.lowerBound
            while at + 8 <= range.upperBound {
                if buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 { return false }
                at += 8
            }
            while at < range.upperBound {
                if buffer[at] != 0 { return false }
                at += 1
            }
            return true
        }
    }
    /// Zeros up to the next multiple of eight.
    mutating func padToEight() {
        while count % 8 != 0 { append(0) }
    }
}

extension UnsafeRawBufferPointer {
    /// The caller has checked that it lies within.
    func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}
