public import Columnar

/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY: read only, for files of other writers.
///
/// Both append exactly `count` values and return the bytes consumed; after an error the column is empty.
public enum DeltaByteArrays {
    /// All lengths as DELTA_BINARY_PACKED, then all bytes.
    @discardableResult
    public static func decodeLengths(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        let name = "DELTA_LENGTH_BYTE_ARRAY"
        var lengths: [Int64] = []
        var at = try DeltaBinaryPacked.decode(bytes, count: count, into: &lengths)
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + count)
        let start = at
        for (i, length) in lengths.enumerated() {
            guard length >= 0, length <= Int64(bytes.count - at) else {
                throw EncodingError(name, "byte string \(i) of \(length) bytes with \(bytes.count - at) left")
            }
            at += Int(length)
            offsets.append(content.count + at - start)
        }
        content.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<at]).bindMemory(to: UInt8.self))
        values = BytesColumn(offsets: offsets, bytes: content)
        return at
    }

    /// Lengths of the prefix shared with the value before as DELTA_BINARY_PACKED, then the suffixes as above.
    ///
    /// - Parameter limit: the most bytes that the values may have together: a few bytes can stand for very many.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, limit: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        let name = "DELTA_BYTE_ARRAY"
        var prefixes: [Int64] = []
        let suffixesAt = try DeltaBinaryPacked.decode(bytes, count: count, into: &prefixes)
        var suffixes = BytesColumn()
        let consumed = try decodeLengths(
            UnsafeRawBufferPointer(rebasing: bytes[suffixesAt...]), count: count, into: &suffixes)
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + count)
        let start = content.count
        var previous = start..<start
        for (i, prefix) in prefixes.enumerated() {
            let suffix = suffixes[i]
            guard prefix >= 0, prefix <= Int64(previous.count) else {
                throw EncodingError(name, "a prefix of \(prefix) bytes after a value of \(previous.count)")
            }
            guard Int(prefix) + suffix.count <= limit - (content.count - start) else {
                throw EncodingError(name, "more than \(limit) bytes of values")
            }
            let from = content.count
            for k in previous.prefix(Int(prefix)) { content.append(content[k]) }
            content.append(contentsOf: suffix)
            previous = from..<content.count
            offsets.append(content.count)
        }
        values = BytesColumn(offsets: offsets, bytes: content)
        return suffixesAt + consumed
    }
}
