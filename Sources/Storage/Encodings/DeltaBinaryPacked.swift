/// DELTA_BINARY_PACKED for INT64: a first value, then blocks of differences, each block split into miniblocks that store
/// `difference - reference` in as few bits as their largest needs.
///
/// - All arithmetic wraps modulo 2^64: a width of 64 holds any difference.
/// - The decoder accepts every legal shape: blocks of 128 … 65,536 in multiples of 128, miniblocks in multiples of 32.
/// - The encoder writes two shapes that any decoder reads; see `Form`.
public enum DeltaBinaryPacked {
    static let name = "DELTA_BINARY_PACKED"

    /// Shapes of blocks, both legal Parquet.
    public enum Form: Sendable, Hashable {
        /// Blocks of 256, 8 miniblocks of 32, exact widths. The block's reference is the miniblock minimum that gives the
        /// least total width; a miniblock below it takes 64 bits and wraps. So the jump from one series to the next
        /// spoils one miniblock, not the block.
        case tight
        /// Blocks of 1,024, 32 miniblocks of 32, one reference for the page, whole bytes: fields keep their meaning along
        /// the page, and ZSTD gets near the entropy of the differences. Only worth while with ZSTD.
        case byte

        var blockSize: Int { self == .tight ? 256 : 1_024 }
    }

    /// Values in one miniblock of ours, and in one step of the decoder.
    static let group = 32

    /// Appends exactly `count` values.
    ///
    /// - Returns: bytes consumed, padding of the last miniblock included.
    /// - Throws: when the bytes hold another number of values or are damaged; `values` may then have grown.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, into values: inout [Int64]
    ) throws(EncodingError) -> Int {
        var cursor = BorrowedCursor(bytes, name)
        guard let header = try header(of: &cursor, count: count) else { return 0 }
        return try append(header, &cursor, first: count, to: &values)
    }

    /// Appends the first `first` of `count` values, and reads no further.
    public static func decodePrefix(
        _ bytes: UnsafeRawBufferPointer, count: Int, first: Int, into values: inout [Int64]
    ) throws(EncodingError) {
        precondition(first >= 0 && first <= count)
        var cursor = BorrowedCursor(bytes, name)
        guard let header = try header(of: &cursor, count: count) else { return }
        _ = try append(header, &cursor, first: first, to: &values)
    }

    struct Header {
        let blockSize: Int
        let miniblocks: Int
        let first: Int64
    }

    /// nil: no bytes for no values, as some writers do for pages of nulls.
    static func header(of cursor: inout BorrowedCursor, count: Int) throws(EncodingError) -> Header? {
        if count == 0 && cursor.remaining == 0 { return nil }
        let blockSize = try cursor.varint("block size")
        let miniblocks = try cursor.varint("number of miniblocks")
        let total = try cursor.varint("number of values")
        let first = try cursor.zigzag("first value")
        guard blockSize >= 128, blockSize <= 65_536, blockSize % 128 == 0 else {
            throw EncodingError(name, "blocks of \(blockSize) values")
        }
        guard miniblocks >= 1, blockSize % miniblocks == 0, (blockSize / miniblocks) % 32 == 0 else {
            throw EncodingError(name, "\(miniblocks) miniblocks in blocks of \(blockSize) values")
        }
        guard total == UInt64(clamping: count) else {
            throw EncodingError(name, "\(total) values instead of \(count)")
        }
        // A block is at least a reference and one width: so few bytes stand for so many values at most.
        let mostBlocks = cursor.remaining / 2
        guard count <= 1 || (count - 2) / Int(blockSize) < mostBlocks else {
            throw EncodingError(name, "\(count) values in \(cursor.bytes.count) bytes")
        }
        return Header(blockSize: Int(blockSize), miniblocks: Int(miniblocks), first: first)
    }

    private static func append(
        _ header: Header, _ cursor: inout BorrowedCursor, first: Int, to values: inout [Int64]
    ) throws(EncodingError) -> Int {
        try values.append(addingCapacity: first) { (span: inout OutputSpan<Int64>) throws(EncodingError) in
            try span.withUnsafeMutableBufferPointer { (buffer, initialized) throws(EncodingError) in
                try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<first]), header, &cursor)
                initialized = first
            }
        }
        return cursor.offset
    }

    /// Fills `values`, which may be fewer than there are.
    private static func fill(
        _ values: UnsafeMutableBufferPointer<Int64>, _ header: Header, _ cursor: inout BorrowedCursor
    ) throws(EncodingError) {
        guard !values.isEmpty, var next = values.baseAddress, let start = cursor.bytes.baseAddress else { return }
        var left = values.count - 1
        var previous = header.first
        next.initialize(to: previous)
        next += 1
        let perMiniblock = header.blockSize / header.miniblocks
        while left > 0 {
            let reference = try cursor.zigzag("reference of a block")
            let widths = try cursor.take(header.miniblocks, "the widths of a block")
            if perMiniblock == group, left >= header.blockSize {
                // A whole block of ours, with room behind it: all checks at once, then none.
                var size = 0
                var widest: UInt8 = 0
                for miniblock in 0..<header.miniblocks {
                    let width = cursor.bytes[widths &+ miniblock]
                    size &+= Int(width)
                    widest = max(widest, width)
                }
                size &*= group / 8
                if widest <= 64 && size &+ 16 <= cursor.remaining {
                    var packed = start + cursor.offset
                    for miniblock in 0..<header.miniblocks {
                        let width = Int(start.load(fromByteOffset: widths &+ miniblock, as: UInt8.self))
                        previous = unpackDeltas(width, packed, next, reference, previous)
                        packed += group / 8 &* width
                        next += group
                    }
                    cursor.skip(atMost: size)
                    left -= header.blockSize
                    continue
                }
            }
            for miniblock in 0..<header.miniblocks where left > 0 {
                let width = Int(cursor.bytes[widths + miniblock])
                guard width <= 64 else { throw EncodingError(name, "a width of \(width) bits") }
                let miniblockEnd = cursor.offset + perMiniblock / 8 * width
                let groupSize = group / 8 * width
                for _ in 0..<perMiniblock / group where left > 0 {
                    // A step reads at most 16 bytes beyond its group: they are there, or it works on a padded copy.
                    if left >= group && groupSize + 16 <= cursor.remaining {
                        previous = unpackDeltas(width, start + cursor.offset, next, reference, previous)
                        cursor.skip(atMost: groupSize)
                        next += group
                        left -= group
                    } else {
                        let wanted = min(left, group)
                        guard (wanted * width + 7) / 8 <= cursor.remaining else {
                            throw EncodingError(name, "it ends inside a miniblock at byte \(cursor.bytes.count)")
                        }
                        let packed = UnsafeRawBufferPointer(
                            start: start + cursor.offset, count: min(groupSize, cursor.remaining))
                        previous = unpackTail(width, packed, wanted, next, reference, previous)
                        cursor.skip(atMost: groupSize)
                        next += wanted
                        left -= wanted
                    }
                }
                // What follows the last value in its miniblock is padding.
                cursor.skip(atMost: miniblockEnd - cursor.offset)
            }
        }
    }

    /// `wanted` ≤ 32 values of a group that may be cut short.
    static func unpackTail(
        _ width: Int, _ packed: UnsafeRawBufferPointer, _ wanted: Int, _ out: UnsafeMutablePointer<Int64>,
        _ reference: Int64, _ previous: Int64
    ) -> Int64 {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: 34 + group) { scratch in
            // 32 fields of up to 64 bits and 16 bytes of room, then 32 values.
            guard let start = scratch.baseAddress else { return previous }
            scratch.initialize(repeating: 0)
            UnsafeMutableRawPointer(start).copyMemory(
                from: packed.baseAddress ?? UnsafeRawPointer(start), byteCount: packed.count)
            let values = start + 34
            _ = unpackDeltas(width, UnsafeRawPointer(start), values, reference, previous)
            out.initialize(from: values, count: wanted)
            return values[wanted - 1]
        }
    }
}
