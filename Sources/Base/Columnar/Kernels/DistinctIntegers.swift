/// A set of integers that is filled column by column: open addressing, a multiplication for a hash.
///
/// - At most half full. The keys are our own numbers, so that nobody can aim at its collisions.
public struct DistinctIntegers {
    private var slots: [Int64]
    /// Stands for an empty slot; kept apart when it is itself inserted.
    private static let vacant = Int64.min
    private var hasVacant = false
    private var used = 0
    private var shift: UInt64

    public init() {
        slots = [Int64](repeating: Self.vacant, count: 64)
        shift = 64 - 6
    }

    public mutating func insert(contentsOf column: UnsafeBufferPointer<Int64>) {
        var rest = column[...]
        while let stopped = fill(rest) {
            rest = rest[stopped...]
            double()
        }
    }

    /// Inserts until the set is half full. - Returns: the first position that is not in it yet, if it did not suffice.
    private mutating func fill(_ column: Slice<UnsafeBufferPointer<Int64>>) -> Int? {
        let most = slots.count / 2
        let mask = slots.count - 1
        var (used, hasVacant) = (used, hasVacant)
        defer { (self.used, self.hasVacant) = (used, hasVacant) }
        let shift = shift
        return slots.withUnsafeMutableBufferPointer { slots in
            for position in column.indices {
                let key = column[position]
                if key == Self.vacant {
                    hasVacant = true
                    continue
                }
                var at = Self.start(key, shift)
                while slots[at] != key {
                    if slots[at] == Self.vacant {
                        guard used < most else { return position }
                        slots[at] = key
                        used += 1
                        break
                    }
                    at = (at + 1) & mask
                }
            }
            return nil
        }
    }

    private mutating func double() {
        let old = slots
        shift -= 1
        slots = [Int64](repeating: Self.vacant, count: old.count * 2)
        let mask = slots.count - 1
        for key in old where key != Self.vacant {
            var at = Self.start(key, shift)
            while slots[at] != Self.vacant { at = (at + 1) & mask }
            slots[at] = key
        }
    }

    @inline(__always)
    private static func start(_ key: Int64, _ shift: UInt64) -> Int {
        Int(truncatingIfNeeded: (UInt64(bitPattern: key) &* 0x9e37_79b9_7f4a_7c15) >> shift)
    }

    public func sorted() -> [Int64] {
        var keys = slots.filter { $0 != Self.vacant }
        if hasVacant { keys.append(Self.vacant) }
        var scratch = SortScratch()
        let order = keys.withUnsafeBufferPointer { keys in
            let varying = keys.reduce(0) { $0 | ($1 ^ keys[0]) }
            return PackedOrder.grouped(keys, varying: UInt64(bitPattern: varying), &scratch)
        }
        if let order { return order.rows.map { keys[Int($0)] } }
        keys.sort()
        return keys
    }
}
