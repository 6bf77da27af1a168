extension DeltaBinaryPacked {
    /// Places in encoded values from which decoding may go on, so that a stretch of them costs no more than itself.
    ///
    /// - Made by one pass over all values, which checks all there is to check: decoding by marks cannot fail.
    /// - Value 0 stands in the header; stretch k is the values from 1 + 128 k on, 128 of them or what is left.
    public struct Marks: Sendable {
        public static let stretch = 128

        private struct Mark {
            /// The value before.
            var previous: Int64
            /// Where the block's header is; the miniblock to go on with, and where that is from there.
            var block: UInt32
            var packed: UInt16
            var miniblock: UInt16
        }
        /// Places within a block fit 16 bits: at most 8 bytes a value, and its header.
        private static let largestBlock = 4_096
        /// Values in all.
        public let count: Int
        private let header: Header
        private var marks: [Mark] = []

        /// Bytes that it holds, about.
        public var memory: Int { marks.count * MemoryLayout<Mark>.stride + 64 }
        public var stretches: Int { marks.count }

        /// - Returns: nil for shapes that are far from ours: no miniblocks of 32, or blocks of many; or no values.
        /// - Throws: when the bytes hold another number of values or are damaged.
        public init?(_ bytes: UnsafeRawBufferPointer, count: Int) throws(EncodingError) {
            var cursor = BorrowedCursor(bytes, name)
            guard bytes.count <= Int(UInt32.max), count > 0, let start = bytes.baseAddress,
                let header = try DeltaBinaryPacked.header(of: &cursor, count: count),
                header.blockSize == header.miniblocks * group, header.blockSize <= Self.largestBlock
            else { return nil }
            self.count = count
            self.header = header
            marks.reserveCapacity(count / Self.stretch + 1)
            var scratch = InlineArray<32, Int64>(repeating: 0)
            var previous = header.first
            var row = 1
            while row < count {
                let block = cursor.offset
                let reference = try cursor.zigzag("reference of a block")
                let widths = try cursor.take(header.miniblocks, "the widths of a block")
                for miniblock in 0..<header.miniblocks where row < count {
                    if (row - 1) % Self.stretch == 0 {
                        marks.append(
                            Mark(
                                previous: previous, block: UInt32(block), packed: UInt16(cursor.offset - block),
                                miniblock: UInt16(miniblock)))
                    }
                    let width = Int(bytes[widths + miniblock])
                    guard width <= 64 else { throw EncodingError(name, "a width of \(width) bits") }
                    let wanted = min(count - row, group)
                    guard (wanted * width + 7) / 8 <= cursor.remaining else {
                        throw EncodingError(name, "it ends inside a miniblock at byte \(bytes.count)")
                    }
                    var span = scratch.mutableSpan
                    previous = span.withUnsafeMutableBufferPointer { out in
                        guard let out = out.baseAddress else { return previous }
                        return unpackGroup(
                            width, start + cursor.offset, cursor.remaining, wanted, out, reference, previous)
                    }
                    cursor.skip(atMost: group / 8 * width)
                    row += wanted
                }
            }
        }

        /// The value before stretch `k`: number 128 k.
        public func value(before k: Int) -> Int64 { marks[k].previous }
        public var first: Int64 { header.first }

        /// Decodes the first `most` values of stretch `k`.
        ///
        /// - Parameters:
        ///   - bytes: those that the marks were made of.
        ///   - out: room for `most` values, rounded up to whole miniblocks of 32 where there are so many in the stretch.
        public func decode(
            stretch k: Int, _ most: Int, of bytes: UnsafeRawBufferPointer, to out: UnsafeMutablePointer<Int64>
        ) {
            let mark = marks[k]
            var cursor = BorrowedCursor(bytes, name, at: Int(mark.block))
            // Both were read when the mark was made.
            guard let start = bytes.baseAddress, var reference = try? cursor.zigzag(""),
                var widths = try? cursor.take(header.miniblocks, "")
            else { return }
            cursor.move(to: Int(mark.block) + Int(mark.packed))
            var miniblock = Int(mark.miniblock)
            var previous = mark.previous
            var left = min(Self.stretch, count - 1 - k * Self.stretch)
            var done = 0
            while done < min(most, left + done) {
                if miniblock == header.miniblocks {
                    guard let next = try? cursor.zigzag(""), let those = try? cursor.take(header.miniblocks, "") else {
                        return
                    }
                    (reference, widths, miniblock) = (next, those, 0)
                }
                let width = Int(bytes[widths + miniblock])
                let wanted = min(left, group)
                previous = unpackGroup(
                    width, start + cursor.offset, cursor.remaining, wanted, out + done, reference, previous)
                cursor.skip(atMost: group / 8 * width)
                miniblock += 1
                done += wanted
                left -= wanted
            }
        }
    }

    /// `wanted` values of a miniblock; a step reads at most 16 bytes beyond it, which are there, or it works on a copy.
    @inline(__always)
    private static func unpackGroup(
        _ width: Int, _ packed: UnsafeRawPointer, _ remaining: Int, _ wanted: Int, _ out: UnsafeMutablePointer<Int64>,
        _ reference: Int64, _ previous: Int64
    ) -> Int64 {
        let size = group / 8 * width
        if wanted == group, size + 16 <= remaining { return unpackDeltas(width, packed, out, reference, previous) }
        return unpackTail(
            width, UnsafeRawBufferPointer(start: packed, count: min(size, remaining)), wanted, out, reference, previous)
    }
}
