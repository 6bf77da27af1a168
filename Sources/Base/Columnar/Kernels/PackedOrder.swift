/// Stable order of integers whose bits vary in a few places only, as dense numbers do.
///
/// - The varying bits of a key, side by side, and the row share one word, so that a radix pass reads and writes one array
///   front to back instead of looking up a key for each row, and so that the sorted words tell where a key ends.
enum PackedOrder {
    /// A stretch of varying bits.
    private struct BitRun {
        let shift: UInt64
        let mask: UInt64
        /// Where its lowest bit goes.
        let target: UInt64
    }

    /// Bits of a digit: its counts fit the first-level cache beside what is sorted.
    private static let digitBits = 11
    private static let mostRuns = 4
    private static let mostBits = 32

    /// Rows in the order of `keys`, arrival order among equals; nil when their bits vary in too many places, or in sign.
    /// - Parameter varying: the bits in which any two keys differ.
    @inline(__always)
    static func grouped<Key: FixedWidthInteger>(
        _ keys: UnsafeBufferPointer<Key>, varying: UInt64, _ scratch: inout SortScratch
    ) -> GroupedOrder? {
        guard varying != 0, varying >> 63 == 0, varying.nonzeroBitCount <= mostBits, let runs = runs(in: varying)
        else { return nil }
        return scratch.withWords(keys.count) { words, other in
            for row in 0..<keys.count {
                let key = UInt64(truncatingIfNeeded: keys[row])
                var packed: UInt64 = 0
                for run in runs { packed |= ((key >> run.shift) & run.mask) << run.target }
                words[row] = packed << 32 | UInt64(row)
            }
            return grouped(words, other, bits: varying.nonzeroBitCount)
        }
    }

    private static func grouped(
        _ words: UnsafeMutableBufferPointer<UInt64>, _ other: UnsafeMutableBufferPointer<UInt64>, bits: Int
    ) -> GroupedOrder {
        let count = words.count
        var (source, target) = (words, other)
        for pass in 0..<(bits + digitBits - 1) / digitBits {
            scatter(source, target, shift: UInt64(32 + pass * digitBits))
            swap(&source, &target)
        }
        var groups = 1
        for i in 1..<count where source[i] >> 32 != source[i - 1] >> 32 { groups += 1 }
        let ends = [UInt32](unsafeUninitializedCapacity: groups) { ends, filled in
            for i in 1..<count where source[i] >> 32 != source[i - 1] >> 32 {
                ends[filled] = UInt32(truncatingIfNeeded: i)
                filled += 1
            }
            ends[filled] = UInt32(truncatingIfNeeded: count)
            filled += 1
        }
        let rows = [UInt32](unsafeUninitializedCapacity: count) { rows, filled in
            for i in 0..<count { rows[i] = UInt32(truncatingIfNeeded: source[i]) }
            filled = count
        }
        return GroupedOrder(rows: rows, ends: ends)
    }

    private static func scatter(
        _ source: UnsafeMutableBufferPointer<UInt64>, _ target: UnsafeMutableBufferPointer<UInt64>, shift: UInt64
    ) {
        let mask: UInt64 = 1 << UInt64(digitBits) - 1
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1 << digitBits) { starts in
            starts.initialize(repeating: 0)
            for word in source { starts[Int((word >> shift) & mask)] &+= 1 }
            var sum: UInt32 = 0
            for digit in starts.indices {
                let here = starts[digit]
                starts[digit] = sum
                sum &+= here
            }
            for word in source {
                let digit = Int((word >> shift) & mask)
                // The starts of all digits together cover 0 ..< count, each place once.
                target[Int(starts[digit])] = word
                starts[digit] &+= 1
            }
        }
    }

    /// nil when there are too many.
    private static func runs(in varying: UInt64) -> [BitRun]? {
        var runs: [BitRun] = []
        var rest = varying
        var target: UInt64 = 0
        while rest != 0 {
            guard runs.count < mostRuns else { return nil }
            let shift = UInt64(rest.trailingZeroBitCount)
            let length = UInt64((~(rest >> shift)).trailingZeroBitCount)
            let mask: UInt64 = 1 << length - 1
            runs.append(BitRun(shift: shift, mask: mask, target: target))
            target += length
            rest &= ~(mask << shift)
        }
        return runs
    }
}

/// Memory of sorts that follow one another, kept between them.
public struct SortScratch: ~Copyable {
    private var words: [UInt64] = []
    private var other: [UInt64] = []

    public init() {}

    /// Two stretches of `count` words that hold anything.
    mutating func withWords<R>(
        _ count: Int, _ body: (UnsafeMutableBufferPointer<UInt64>, UnsafeMutableBufferPointer<UInt64>) -> R
    ) -> R {
        if words.count < count {
            words = [UInt64](repeating: 0, count: count)
            other = words
        }
        return words.withUnsafeMutableBufferPointer { words in
            other.withUnsafeMutableBufferPointer { other in
                body(.init(rebasing: words[..<count]), .init(rebasing: other[..<count]))
            }
        }
    }
}
