/// A permutation into key order, and where each first key ends in it.
public struct GroupedOrder: Sendable {
    /// Rows in order.
    public var rows: [UInt32]
    /// Ascending; the rows of group i are `rows[ends[i - 1]..<ends[i]]`, the last end is the number of rows.
    public var ends: [UInt32]

    public init(rows: [UInt32], ends: [UInt32]) {
        self.rows = rows
        self.ends = ends
    }
}

/// Permutations that put rows into key order, stable: among equal keys the order of arrival stays.
public enum SortOrder {
    /// By `first`, then `second`. Radix passes over the bits of `first` that vary, stable; then each group of equal
    /// `first` is checked to rise in `second` (it mostly does: rows arrive in time order) and sorted alone if not.
    /// - Complexity: O(rows × varying bits / 11), plus a comparison sort of the groups that do not rise.
    public static func byTwoIntegers(
        _ first: UnsafeBufferPointer<Int64>, _ second: UnsafeBufferPointer<Int64>, _ scratch: inout SortScratch
    ) -> GroupedOrder { byIntegers(first, second, &scratch) }

    /// The same for keys in 32 bits.
    public static func byTwoIntegers(
        _ first: UnsafeBufferPointer<UInt32>, _ second: UnsafeBufferPointer<UInt32>, _ scratch: inout SortScratch
    ) -> GroupedOrder { byIntegers(first, second, &scratch) }

    @inline(__always)
    private static func byIntegers<Key: FixedWidthInteger>(
        _ first: UnsafeBufferPointer<Key>, _ second: UnsafeBufferPointer<Key>, _ scratch: inout SortScratch
    ) -> GroupedOrder {
        precondition(first.count == second.count && first.count <= Int(UInt32.max))
        let count = first.count
        guard count > 1 else { return GroupedOrder(rows: count == 1 ? [0] : [], ends: count == 1 ? [1] : []) }

        var varying: Key = 0
        var rises = true
        var timesRise = true
        for i in 1..<count {
            varying |= first[i] ^ first[0]
            let ordered = second[i - 1] <= second[i]
            timesRise = timesRise && ordered
            rises = rises && (first[i - 1] < first[i] || (first[i - 1] == first[i] && ordered))
        }
        if rises {
            let rows = [UInt32](unsafeUninitializedCapacity: count) { rows, filled in
                for i in 0..<count { rows[i] = UInt32(truncatingIfNeeded: i) }
                filled = count
            }
            return GroupedOrder(rows: rows, ends: ends(of: rows, first))
        }
        let bits = UInt64(truncatingIfNeeded: varying)
        var order: GroupedOrder
        if let packed = PackedOrder.grouped(first, varying: bits, &scratch) {
            order = packed
        } else {
            let rows = byteOrder(of: first, varying: bits)
            order = GroupedOrder(rows: rows, ends: ends(of: rows, first))
        }
        if !timesRise { raise(&order, second) }
        return order
    }

    /// Sorts those groups by `second` that do not rise.
    @inline(__always)
    private static func raise<Key: FixedWidthInteger>(_ order: inout GroupedOrder, _ second: UnsafeBufferPointer<Key>) {
        let ends = order.ends
        order.rows.withUnsafeMutableBufferPointer { rows in
            var start = 0
            for end in ends {
                let group = start..<Int(end)
                start = Int(end)
                var groupRises = true
                var last = second[Int(rows[group.lowerBound])]
                for i in group.dropFirst() {
                    let next = second[Int(rows[i])]
                    groupRises = groupRises && last <= next
                    last = next
                }
                if !groupRises {
                    rows[group].sort { a, b in
                        let x = second[Int(a)]
                        let y = second[Int(b)]
                        return x < y || (x == y && a < b)
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func ends<Key: FixedWidthInteger>(of rows: [UInt32], _ keys: UnsafeBufferPointer<Key>) -> [UInt32] {
        var ends: [UInt32] = []
        for i in 1..<rows.count where keys[Int(rows[i])] != keys[Int(rows[i - 1])] {
            ends.append(UInt32(truncatingIfNeeded: i))
        }
        ends.append(UInt32(truncatingIfNeeded: rows.count))
        return ends
    }

    /// One pass for each byte that varies.
    @inline(__always)
    private static func byteOrder<Key: FixedWidthInteger>(of first: UnsafeBufferPointer<Key>, varying: UInt64)
        -> [UInt32]
    {
        let count = first.count
        var order = [UInt32](unsafeUninitializedCapacity: count) { buffer, filled in
            for i in 0..<count { buffer[i] = UInt32(truncatingIfNeeded: i) }
            filled = count
        }
        var scratch = [UInt32](repeating: 0, count: count)
        let sign = Key.isSigned ? Key.bitWidth / 8 - 1 : -1
        for byte in 0..<Key.bitWidth / 8 where (varying >> (byte * 8)) & 0xff != 0 {
            let shift = Key(byte * 8)
            // The sign bit flipped, so that negative keys come first.
            let flip: UInt8 = byte == sign ? 0x80 : 0
            order.withUnsafeBufferPointer { source in
                scratch.withUnsafeMutableBufferPointer { target in
                    withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { starts in
                        starts.initialize(repeating: 0)
                        for i in 0..<count {
                            starts[Int(UInt8(truncatingIfNeeded: first[i] >> shift) ^ flip)] &+= 1
                        }
                        var sum = 0
                        for digit in 0..<256 {
                            let here = starts[digit]
                            starts[digit] = sum
                            sum &+= here
                        }
                        for i in 0..<count {
                            let row = source[i]
                            let digit = Int(UInt8(truncatingIfNeeded: first[Int(row)] >> shift) ^ flip)
                            target[starts[digit]] = row
                            starts[digit] &+= 1
                        }
                    }
                }
            }
            swap(&order, &scratch)
        }
        return order
    }

    /// By any key, comparing.
    public static func byComparison(_ keys: KeyColumns, rows: Int) -> [UInt32] {
        var order = (0..<UInt32(rows)).map { $0 }
        order.sort { a, b in
            let difference = keys.compare(Int(a), with: keys, Int(b))
            return difference < 0 || (difference == 0 && a < b)
        }
        return order
    }
}
