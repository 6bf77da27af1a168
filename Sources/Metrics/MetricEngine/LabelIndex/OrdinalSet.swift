/// A set of series ordinals: one bit each.
struct OrdinalSet: Sendable, Equatable {
    private(set) var words: [UInt64] = []

    init() {}
    init(_ ordinals: some Sequence<UInt32>) {
        for ordinal in ordinals { insert(ordinal) }
    }

    @inline(__always)
    func contains(_ ordinal: UInt32) -> Bool {
        let word = Int(ordinal >> 6)
        return word < words.count && words[word] & (1 << UInt64(ordinal & 63)) != 0
    }

    mutating func insert(_ ordinal: UInt32) {
        let word = Int(ordinal >> 6)
        if word >= words.count {
            // Ordinals arrive in rising order: room for twice as many, so that growth stays linear.
            words.append(contentsOf: repeatElement(0, count: max(word + 1, words.count * 2) - words.count))
        }
        words[word] |= 1 << UInt64(ordinal & 63)
    }

    mutating func formUnion(_ other: OrdinalSet) {
        // Most questions are about one segment: its set is shared, not copied.
        if words.isEmpty {
            self = other
            return
        }
        if other.words.count > words.count {
            words.append(contentsOf: repeatElement(0, count: other.words.count - words.count))
        }
        for (i, word) in other.words.enumerated() { words[i] |= word }
    }

    /// Whether every member of this set is in `other`.
    func isSubset(of other: OrdinalSet) -> Bool {
        for (i, word) in words.enumerated() {
            if word & ~(i < other.words.count ? other.words[i] : 0) != 0 { return false }
        }
        return true
    }

    /// Whether every ordinal below `count` is a member.
    func containsAll(below count: Int) -> Bool {
        guard words.count * 64 >= count else { return false }
        for word in 0..<count / 64 where words[word] != .max { return false }
        guard count % 64 > 0 else { return true }
        let mask = UInt64.max >> UInt64(64 - count % 64)
        return words[count / 64] & mask == mask
    }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    static func == (a: Self, b: Self) -> Bool { a.isSubset(of: b) && b.isSubset(of: a) }

    /// All, in rising order.
    var members: [UInt32] {
        var all: [UInt32] = []
        visit { all.append($0) }
        return all
    }

    /// Members in rising order.
    @inline(__always)
    func visit(_ body: (UInt32) -> Void) {
        for (i, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                body(UInt32(i << 6 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
    }
}
