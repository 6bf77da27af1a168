import MetricModel
import Platform
import Synchronization

/// Which series a byte string stood for when it was last sent: keyed 128-bit hash of labels as sent → ordinal.
///
/// - Only byte strings that parsed wholly as labels are in it, so that a hit proves a decoder's guess.
/// - A cache: many senders spell one series in many ways, and a spelling that is not found is parsed. When it is full it
///   is emptied and fills again with what is still being sent.
///
/// 64 tables, chosen by the hash's top bits, so that growth stalls a body for 1/64 of the whole at a time.
final class SpellingCache: Sendable {
    private let tables: Mutex<Tables>

    /// - Parameter limit: spellings kept at most.
    init(limit: Int) { tables = Mutex(Tables(limit: limit)) }

    /// With many series each look is a miss of the cache: so many are under way at once.
    private static let ahead = 12

    /// One lock for the whole column.
    func resolve(_ spellings: [Hash128], into ordinals: inout [UInt32]) {
        precondition(ordinals.count == spellings.count)
        tables.withLock { tables in
            for i in spellings.indices {
                if i + Self.ahead < spellings.count { tables.prefetch(spellings[i + Self.ahead]) }
                ordinals[i] = tables.find(spellings[i])
            }
        }
    }

    func insert(_ spelling: Hash128, _ ordinal: UInt32) {
        tables.withLock { $0.insert(spelling, ordinal) }
    }

    func insert(_ entries: [(Hash128, UInt32)]) {
        tables.withLock { tables in
            for (i, entry) in entries.enumerated() {
                if i + Self.ahead < entries.count { tables.prefetch(entries[i + Self.ahead].0) }
                tables.insert(entry.0, entry.1)
            }
        }
    }

    var count: Int { tables.withLock { $0.count } }

    /// Bytes held.
    var memory: Int { tables.withLock { $0.memory } }

    private struct Tables {
        private var tables: [SpellingTable] = (0..<64).map { _ in SpellingTable(bits: 3) }
        private let limit: Int
        private(set) var count = 0

        init(limit: Int) { self.limit = max(limit, 64) }

        var memory: Int { tables.reduce(0) { $0 + $1.capacity * MemoryLayout<SpellingTable.Slot>.size } }

        @inline(__always)
        func find(_ spelling: Hash128) -> UInt32 { tables[Int(spelling.high >> 58)].find(spelling) }

        @inline(__always)
        func prefetch(_ spelling: Hash128) { tables[Int(spelling.high >> 58)].prefetch(spelling) }

        mutating func insert(_ spelling: Hash128, _ ordinal: UInt32) {
            let at = Int(spelling.high >> 58)
            if tables[at].replace(spelling, ordinal) { return }
            if count >= limit {
                tables = (0..<64).map { _ in SpellingTable(bits: 3) }
                count = 0
            }
            if tables[at].isFull { tables[at] = tables[at].doubled() }
            tables[at].add(spelling, ordinal)
            count += 1
        }
    }
}

/// One open-addressing table, at most three quarters full. Touched under the cache's lock only.
private final class SpellingTable: @unchecked Sendable {
    struct Slot: BitwiseCopyable {
        var low: UInt64
        /// 32 further bits of the hash; with the table's number and the position 102 bits decide.
        var high: UInt32
        /// `SeriesOrdinal.unknown`: the slot is empty.
        var ordinal: UInt32
    }
    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    private var used = 0

    init(bits: Int) {
        mask = 1 << bits - 1
        slots = .allocate(capacity: 1 << bits)
        slots.initialize(repeating: Slot(low: 0, high: 0, ordinal: SeriesOrdinal.unknown), count: 1 << bits)
    }
    deinit { slots.deallocate() }

    var capacity: Int { mask + 1 }
    var isFull: Bool { (used + 1) * 4 > capacity * 3 }

    @inline(__always)
    func find(_ spelling: Hash128) -> UInt32 {
        var at = Int(truncatingIfNeeded: spelling.low) & mask
        while true {
            let slot = slots[at]
            if slot.ordinal == SeriesOrdinal.unknown { return SeriesOrdinal.unknown }
            if slot.low == spelling.low, slot.high == UInt32(truncatingIfNeeded: spelling.high) { return slot.ordinal }
            at = (at + 1) & mask
        }
    }

    @inline(__always)
    func prefetch(_ spelling: Hash128) { Prefetch.line(slots + (Int(truncatingIfNeeded: spelling.low) & mask)) }

    /// Whether the spelling was there.
    func replace(_ spelling: Hash128, _ ordinal: UInt32) -> Bool {
        var at = Int(truncatingIfNeeded: spelling.low) & mask
        while slots[at].ordinal != SeriesOrdinal.unknown {
            if slots[at].low == spelling.low, slots[at].high == UInt32(truncatingIfNeeded: spelling.high) {
                slots[at].ordinal = ordinal
                return true
            }
            at = (at + 1) & mask
        }
        return false
    }

    func add(_ spelling: Hash128, _ ordinal: UInt32) {
        place(Slot(low: spelling.low, high: UInt32(truncatingIfNeeded: spelling.high), ordinal: ordinal))
    }

    private func place(_ slot: Slot) {
        var at = Int(truncatingIfNeeded: slot.low) & mask
        while slots[at].ordinal != SeriesOrdinal.unknown { at = (at + 1) & mask }
        slots[at] = slot
        used += 1
    }

    func doubled() -> SpellingTable {
        let larger = SpellingTable(bits: (mask + 1).trailingZeroBitCount + 1)
        for i in 0...mask where slots[i].ordinal != SeriesOrdinal.unknown { larger.place(slots[i]) }
        return larger
    }
}
