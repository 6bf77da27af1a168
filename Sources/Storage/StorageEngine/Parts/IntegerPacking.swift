/// How integers that share most of their bits stand in 32 of them: a low field and a high field, with bits in between that
/// are zero in all of them.
///
/// - `unpack(pack(v)) == v` for every v that it covers; what it covers is told by the bits of `v &- base`.
/// - Series identifiers are metric number · series number, far apart in 64 bits; times lie within a segment of `base`.
struct IntegerPacking: Sendable, Equatable {
    let base: Int64
    /// Width of the low field.
    private let lowBits: UInt64
    /// Where the high field begins in the value.
    private let highShift: UInt64

    /// One that covers all values whose bits (less `base`) are among `bits`, with room to grow shared out between the
    /// fields; nil: they need more than 32.
    init?(base: Int64, covering bits: UInt64) {
        let width = UInt64(UInt64.bitWidth - bits.leadingZeroBitCount)
        self.base = base
        if width <= 32 {
            (lowBits, highShift) = (32, 32)
            return
        }
        // The widest stretch of zeros below the highest bit.
        var gap: Range<UInt64> = 0..<0
        var start: UInt64 = 0
        for bit in 0..<width where bits >> bit & 1 == 1 {
            if bit - start > UInt64(gap.count) { gap = start..<bit }
            start = bit + 1
        }
        guard width - UInt64(gap.count) <= 32 else { return nil }
        let room = 32 - (width - UInt64(gap.count))
        lowBits = min(gap.lowerBound + room - room / 3, gap.upperBound)
        highShift = max(gap.upperBound - min(gap.upperBound - lowBits, room / 6), lowBits)
    }

    /// Whether values whose bits (less `base`) are among `bits` can be packed.
    func covers(_ bits: UInt64) -> Bool {
        let gap = ((1 &<< highShift) &- 1) & ~((1 &<< lowBits) &- 1)
        return bits & gap == 0 && bits &>> highShift <= (1 &<< (32 - lowBits)) &- 1
    }

    /// Whether packed values are in the order of the values: none is so far above `base` that its sign bit is set.
    var keepsOrder: Bool { highShift + 32 - lowBits < 64 }

    /// - Precondition: it covers the bits of `value &- base`.
    func pack(_ value: Int64) -> UInt32 {
        let bits = UInt64(bitPattern: value &- base)
        return UInt32(truncatingIfNeeded: bits & ((1 &<< lowBits) &- 1) | (bits &>> highShift) &<< lowBits)
    }

    func unpack(_ packed: UInt32) -> Int64 {
        let bits = UInt64(packed)
        return base &+ Int64(bitPattern: bits & ((1 &<< lowBits) &- 1) | (bits &>> lowBits) &<< highShift)
    }

    /// The bits that any of the values has, less `base`.
    static func bits(of values: UnsafeBufferPointer<Int64>, base: Int64) -> UInt64 {
        var bits: UInt64 = 0
        for value in values { bits |= UInt64(bitPattern: value &- base) }
        return bits
    }
}

/// Integers of a chunk, as they are or packed.
struct StoredIntegers {
    enum Form {
        case plain(UnsafePointer<Int64>)
        case packed(UnsafePointer<UInt32>, IntegerPacking)
    }
    let form: Form
    let count: Int

    subscript(_ i: Int) -> Int64 {
        precondition(i >= 0 && i < count)
        switch form {
        case .plain(let values): return values[i]
        case .packed(let values, let packing): return packing.unpack(values[i])
        }
    }

    /// Those at `rows`, each below `count`.
    func gather(_ rows: ArraySlice<UInt32>) -> [Int64] {
        switch form {
        case .plain(let values): return rows.map { values[Int($0)] }
        case .packed(let values, let packing): return rows.map { packing.unpack(values[Int($0)]) }
        }
    }

    /// All of them, side by side and whole, as long as `body` runs.
    func withWhole<R>(_ body: (UnsafeBufferPointer<Int64>) -> R) -> R {
        switch form {
        case .plain(let values): return body(UnsafeBufferPointer(start: values, count: count))
        case .packed(let values, let packing):
            let whole = [Int64](unsafeUninitializedCapacity: count) { buffer, filled in
                for i in 0..<count { buffer[i] = packing.unpack(values[i]) }
                filled = count
            }
            return whole.withUnsafeBufferPointer(body)
        }
    }
}
