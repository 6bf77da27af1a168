public import Columnar

/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY: lengths, or what neighbours share, as differences.
///
/// Decoders append exactly `count` values and return the bytes consumed; after an error the column is empty.
public enum DeltaByteArrays {
    private static let lengthsName = "DELTA_LENGTH_BYTE_ARRAY"
    private static let prefixesName = "DELTA_BYTE_ARRAY"

    // MARK: writing

    /// All lengths as DELTA_BINARY_PACKED, then all bytes.
    public static func encodeLengths(_ values: BytesColumn, into bytes: inout [UInt8]) {
        let lengths = (0..<values.count).map { Int64(values.offsets[$0 + 1] - values.offsets[$0]) }
        DeltaBinaryPacked.encode(lengths, form: .tight, into: &bytes)
        bytes.append(contentsOf: values.bytes)
    }

    /// Lengths of the prefix shared with the value before as DELTA_BINARY_PACKED, then the suffixes as above.
    public static func encode(_ values: BytesColumn, into bytes: inout [UInt8]) {
        var prefixes: [Int64] = []
        var suffixes = BytesColumn()
        for i in 0..<values.count {
            let value = values[i]
            var shared = 0
            if i > 0 {
                let last = values[i - 1]
                let most = min(value.count, last.count)
                while shared < most, value[value.startIndex + shared] == last[last.startIndex + shared] { shared += 1 }
            }
            prefixes.append(Int64(shared))
            suffixes.append(value.dropFirst(shared))
        }
        DeltaBinaryPacked.encode(prefixes, form: .tight, into: &bytes)
        encodeLengths(suffixes, into: &bytes)
    }

    // MARK: reading

    @discardableResult
    public static func decodeLengths(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        var lengths: [Int64] = []
        var at = try DeltaBinaryPacked.decode(bytes, count: count, into: &lengths)
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + count)
        let start = at
        for (i, length) in lengths.enumerated() {
            guard length >= 0, length <= Int64(bytes.count - at) else {
                throw EncodingError(lengthsName, "byte string \(i) of \(length) bytes with \(bytes.count - at) left")
            }
            at += Int(length)
            offsets.append(content.count + at - start)
        }
        content.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<at]).bindMemory(to: UInt8.self))
        values = BytesColumn(offsets: offsets, bytes: content)
        return at
    }

    /// - Parameter limit: the most bytes that the values may have together: a few bytes can stand for very many.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, limit: Int, into values: inout BytesColumn
    ) throws(EncodingError) -> Int {
        var prefixes: [Int64] = []
        let suffixesAt = try DeltaBinaryPacked.decode(bytes, count: count, into: &prefixes)
        var suffixes = BytesColumn()
        let consumed = try decodeLengths(
            UnsafeRawBufferPointer(rebasing: bytes[suffixesAt...]), count: count, into: &suffixes)
        // All lengths are checked before memory is taken: prefixes of prefixes grow without bound.
        var total = 0
        var last = 0
        for (i, prefix) in prefixes.enumerated() {
            guard prefix >= 0, prefix <= Int64(last) else {
                throw EncodingError(prefixesName, "a prefix of \(prefix) bytes after a value of \(last)")
            }
            last = Int(prefix) + suffixes[i].count
            total += last
            guard total <= limit else { throw EncodingError(prefixesName, "more than \(limit) bytes of values") }
        }
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + count)
        content.reserveCapacity(content.count + total)
        var previous = content.count
        for (i, prefix) in prefixes.enumerated() {
            let from = content.count
            for k in previous..<previous + Int(prefix) { content.append(content[k]) }
            content.append(contentsOf: suffixes[i])
            previous = from
            offsets.append(content.count)
        }
        values = BytesColumn(offsets: offsets, bytes: content)
        return suffixesAt + consumed
    }
}
