public import Columnar

/// PLAIN: values one after the other, little-endian; byte strings behind a length of four bytes; flags as bits.
///
/// Decoders append exactly `count` values and return the bytes consumed; after an error a column of byte strings is empty.
public enum PlainEncoding {
    static let name = "PLAIN"

    public static func encode(_ values: [Int64], into bytes: inout [UInt8]) { appendRaw(values, &bytes) }
    public static func encode(_ values: [Double], into bytes: inout [UInt8]) { appendRaw(values, &bytes) }
    public static func encode(_ values: [Int32], into bytes: inout [UInt8]) { appendRaw(values, &bytes) }
    public static func encode(_ values: [Float], into bytes: inout [UInt8]) { appendRaw(values, &bytes) }

    public static func encode(_ values: BytesColumn, into bytes: inout [UInt8]) {
        for i in 0..<values.count {
            let value = values[i]
            withUnsafeBytes(of: UInt32(value.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: value)
        }
    }

    public static func encode(_ flags: [Bool], into bytes: inout [UInt8]) {
        var byte: UInt8 = 0
        for (i, flag) in flags.enumerated() {
            if flag { byte |= 1 << UInt8(i & 7) }
            if i & 7 == 7 || i == flags.count - 1 {
                bytes.append(byte)
                byte = 0
            }
        }
    }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int64]
    ) throws(EncodingError) -> Int { try takeRaw(bytes, count, &values) }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Double]
    ) throws(EncodingError) -> Int { try takeRaw(bytes, count, &values) }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int32]
    ) throws(EncodingError) -> Int { try takeRaw(bytes, count, &values) }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Float]
    ) throws(EncodingError) -> Int { try takeRaw(bytes, count, &values) }

    /// FIXED_LEN_BYTE_ARRAY: values of `width` bytes each, without lengths.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, width: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        guard width > 0, count >= 0, count <= bytes.count / width else {
            throw EncodingError(name, "\(bytes.count) bytes for \(count) values of \(width) bytes")
        }
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        let start = content.count
        content.append(
            contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<(count * width)]).bindMemory(to: UInt8.self))
        offsets.append(contentsOf: (0..<count).lazy.map { start + ($0 + 1) * width })
        values = BytesColumn(offsets: offsets, bytes: content)
        return count * width
    }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into flags: inout [Bool]
    ) throws(EncodingError) -> Int {
        guard count >= 0, count <= bytes.count * 8 else {
            throw EncodingError(name, "\(bytes.count) bytes for \(count) flags")
        }
        flags.reserveCapacity(flags.count + count)
        for i in 0..<count { flags.append(bytes[i >> 3] >> UInt8(i & 7) & 1 == 1) }
        return (count + 7) / 8
    }

    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        guard count >= 0, count <= bytes.count / 4 else {
            throw EncodingError(name, "\(bytes.count) bytes for \(count) byte strings")
        }
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + count)
        var at = 0
        for i in 0..<count {
            guard bytes.count - at >= 4 else { throw EncodingError(name, "it ends before byte string \(i)") }
            let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            at += 4
            guard length <= bytes.count - at else {
                throw EncodingError(name, "byte string \(i) of \(length) bytes with \(bytes.count - at) left")
            }
            content.append(
                contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at..<at + length]).bindMemory(to: UInt8.self))
            offsets.append(content.count)
            at += length
        }
        values = BytesColumn(offsets: offsets, bytes: content)
        return at
    }

    private static func appendRaw<T: BitwiseCopyable>(_ values: [T], _ bytes: inout [UInt8]) {
        values.withUnsafeBytes { raw in
            bytes.append(contentsOf: raw.bindMemory(to: UInt8.self))
        }
    }

    private static func takeRaw<T: BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ values: inout [T]
    ) throws(EncodingError) -> Int {
        let stride = MemoryLayout<T>.stride
        guard count >= 0, count <= bytes.count / stride else {
            throw EncodingError(name, "\(bytes.count) bytes for \(count) values of \(stride) bytes")
        }
        guard count > 0, let source = bytes.baseAddress else { return 0 }
        values.append(addingCapacity: count) { (span: inout OutputSpan<T>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                UnsafeMutableRawBufferPointer(buffer).baseAddress?
                    .copyMemory(from: source, byteCount: count * stride)
                initialized = count
            }
        }
        return count * stride
    }
}
