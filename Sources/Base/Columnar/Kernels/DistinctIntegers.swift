/// A set of integers that is filled column by column: gathered, sorted at the end.
///
/// Most integers of one column are different: a hash table would be the larger one, and a miss of the cache for each.
public struct DistinctIntegers {
    private var gathered: [Int64] = []

    public init() {}

    public mutating func insert(contentsOf column: UnsafeBufferPointer<Int64>) { gathered.append(contentsOf: column) }

    /// Each once, ascending.
    public func sorted() -> [Int64] {
        guard let first = gathered.first else { return [] }
        var scratch = SortScratch()
        let order = gathered.withUnsafeBufferPointer { keys in
            let varying = keys.reduce(0) { $0 | ($1 ^ first) }
            return PackedOrder.grouped(keys, varying: UInt64(bitPattern: varying), &scratch)
        }
        if let order { return order.ends.map { gathered[Int(order.rows[Int($0) - 1])] } }
        var distinct: [Int64] = []
        for key in gathered.sorted() where distinct.last != key { distinct.append(key) }
        return distinct
    }
}
