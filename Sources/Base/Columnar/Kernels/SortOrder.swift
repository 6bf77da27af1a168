/// Permutations that put rows into key order, stable: among equal keys the order of arrival stays.
public enum SortOrder {
    /// By `first`, then `second`. Radix passes over the bits of `first` that vary, stable; then each group of equal
    /// `first` is checked to rise in `second` (it mostly does: rows arrive in time order) and sorted alone if not.
    /// - Complexity: O(rows × varying bits / 11), plus a comparison sort of the groups that do not rise.
    public static func byTwoIntegers(
        _ first: UnsafeBufferPointer<Int64>, _ second: UnsafeBufferPointer<Int64>
    ) -> [UInt32] {
        precondition(first.count == second.count && first.count <= Int(UInt32.max))
        let count = first.count
        guard count > 1 else { return count == 1 ? [0] : [] }

        var varying: UInt64 = 0
        var rises = true
        for i in 1..<count {
            varying |= UInt64(bitPattern: first[i] ^ first[0])
            rises = rises && (first[i - 1] < first[i] || (first[i - 1] == first[i] && second[i - 1] <= second[i]))
        }
        if rises { return (0..<UInt32(count)).map { $0 } }
        var order = PackedOrder.rows(of: first, varying: varying) ?? byteOrder(of: first, varying: varying)

        order.withUnsafeMutableBufferPointer { rows in
            var start = 0
            while start < count {
                let key = first[Int(rows[start])]
                var end = start + 1
                var groupRises = true
                while end < count, first[Int(rows[end])] == key {
                    groupRises = groupRises && second[Int(rows[end - 1])] <= second[Int(rows[end])]
                    end += 1
                }
                if !groupRises {
                    rows[start..<end].sort { a, b in
                        let x = second[Int(a)]
                        let y = second[Int(b)]
                        return x < y || (x == y && a < b)
                    }
                }
                start = end
            }
        }
        return order
    }

    /// One pass for each byte that varies.
    private static func byteOrder(of first: UnsafeBufferPointer<Int64>, varying: UInt64) -> [UInt32] {
        let count = first.count
        var order = [UInt32](unsafeUninitializedCapacity: count) { buffer, filled in
            for i in 0..<count { buffer[i] = UInt32(truncatingIfNeeded: i) }
            filled = count
        }
        var scratch = [UInt32](repeating: 0, count: count)
        for byte in 0..<8 where (varying >> (byte * 8)) & 0xff != 0 {
            let shift = UInt64(byte * 8)
            // The sign bit flipped, so that negative keys come first.
            let flip: UInt64 = byte == 7 ? 0x80 : 0
            order.withUnsafeBufferPointer { source in
                scratch.withUnsafeMutableBufferPointer { target in
                    withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { starts in
                        starts.initialize(repeating: 0)
                        for i in 0..<count {
                            starts[Int(((UInt64(bitPattern: first[i]) >> shift) & 0xff) ^ flip)] &+= 1
                        }
                        var sum = 0
                        for digit in 0..<256 {
                            let here = starts[digit]
                            starts[digit] = sum
                            sum &+= here
                        }
                        for i in 0..<count {
                            let row = source[i]
                            let digit = Int(((UInt64(bitPattern: first[Int(row)]) >> shift) & 0xff) ^ flip)
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
