import MetricModel

/// Which ordinal has an id.
///
/// - Series numbers are handed out one after the other, so a list indexed by them has most; where they lie far apart, or two
///   ids share one, a hash table has the rest. Either way the id itself is compared.
struct OrdinalsByID: Sendable {
    private var byNumber: [UInt32] = []
    private var others = IdentityTable()
    private var count = 0

    /// Places that the list may have beside twice as many as there are ids.
    private static let slack = 1 << 20

    var memory: Int { byNumber.count * 4 + others.memory }

    func ordinal(of id: Int64, _ ids: ColumnView<Int64>) -> UInt32? {
        let number = SeriesID(rawValue: id).series
        if number < Int64(byNumber.count) {
            let ordinal = byNumber[Int(number)]
            if ordinal != SeriesOrdinal.unknown, ids[Int(ordinal)] == id { return ordinal }
        }
        return others.find(Self.hash(id)) { ids[Int($0)] == id }
    }

    mutating func insert(_ id: Int64, _ ordinal: UInt32) {
        count += 1
        let number = SeriesID(rawValue: id).series
        guard number < Int64(2 * count + Self.slack) else { return others.insert(Self.hash(id), ordinal) }
        let place = Int(number)
        if place >= byNumber.count {
            byNumber.append(contentsOf: repeatElement(SeriesOrdinal.unknown, count: place + 1 - byNumber.count))
        }
        if byNumber[place] == SeriesOrdinal.unknown {
            byNumber[place] = ordinal
        } else {
            others.insert(Self.hash(id), ordinal)
        }
    }

    private static func hash(_ id: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(bitPattern: id) &* 0x9e37_79b9_7f4a_7c15) >> 32)
    }
}
