import Platform

/// Hash bits and ordinals, open addressing: which series may have these codes.
struct IdentityTable: Sendable {
    private var slots = [UInt64](repeating: 0, count: 16)
    private var count = 0

    var memory: Int { slots.count * 8 }

    func find(_ hash: UInt32, where isIt: (UInt32) -> Bool) -> UInt32? {
        let mask = slots.count - 1
        var at = Int(hash) & mask
        while slots[at] != 0 {
            if UInt32(truncatingIfNeeded: slots[at] >> 32) == hash {
                let ordinal = UInt32(truncatingIfNeeded: slots[at]) - 1
                if isIt(ordinal) { return ordinal }
            }
            at = (at + 1) & mask
        }
        return nil
    }

    /// Says that `find` or `insert` comes soon.
    func prefetch(_ hash: UInt32) {
        slots.withUnsafeBufferPointer { slots in
            if let base = slots.baseAddress { Prefetch.line(base + Int(hash) & (slots.count - 1)) }
        }
    }

    /// Makes room for so many in all.
    mutating func reserve(_ total: Int) {
        var size = slots.count
        while total * 4 > size * 3 { size *= 2 }
        guard size > slots.count else { return }
        let old = slots
        slots = [UInt64](unsafeUninitializedCapacity: size) { slots, filled in
            HugePages.prefer(slots)
            slots.initialize(repeating: 0)
            filled = size
        }
        for slot in old where slot != 0 { place(slot) }
    }

    mutating func insert(_ hash: UInt32, _ ordinal: UInt32) {
        reserve(count + 1)
        place(UInt64(hash) << 32 | (UInt64(ordinal) + 1))
        count += 1
    }

    private mutating func place(_ slot: UInt64) {
        let mask = slots.count - 1
        var at = Int(UInt32(truncatingIfNeeded: slot >> 32)) & mask
        while slots[at] != 0 { at = (at + 1) & mask }
        slots[at] = slot
    }
}
