/// Rows of many series in the order in which they came, a few at a time: those of one series are a chain of stretches.
///
/// - Two long arrays in place of two of each series that grow and move: memory goes back in whole pages.
/// - What the rows are is its owner's to know: here nothing is compared.
struct StagedRows {
    /// The rows of one series, in the order in which they came.
    struct Chain {
        fileprivate var first: UInt32 = 0
        fileprivate var last: UInt32 = 0
        fileprivate(set) var count = 0
        var isEmpty: Bool { count == 0 }
    }

    private struct Stretch {
        var start: UInt32
        var count: UInt32
        /// Of the same chain; its last one has none.
        var next: UInt32
    }

    /// Rows that fit. 4 Mi rows: 64 MiB.
    let capacity: Int
    private var times: [Int64] = []
    private var values: [Double] = []
    private var stretches: [Stretch] = []

    /// - Parameter capacity: 1 ..< 2³¹.
    init(capacity: Int = 4 << 20) {
        precondition((1..<1 << 31).contains(capacity))
        self.capacity = capacity
    }

    func hasRoom(for rows: Int) -> Bool { rows <= capacity - times.count }

    /// - Precondition: there is room; as many times as values, at least one.
    mutating func append(
        _ newTimes: UnsafeBufferPointer<Int64>, _ newValues: UnsafeBufferPointer<Double>, to chain: inout Chain
    ) {
        precondition(newTimes.count == newValues.count && !newTimes.isEmpty && hasRoom(for: newTimes.count))
        let stretch = Stretch(start: UInt32(times.count), count: UInt32(newTimes.count), next: 0)
        times.append(contentsOf: newTimes)
        values.append(contentsOf: newValues)
        let number = UInt32(stretches.count)
        stretches.append(stretch)
        if chain.isEmpty { chain.first = number } else { stretches[Int(chain.last)].next = number }
        chain.last = number
        chain.count += newTimes.count
    }

    /// - Precondition: the chain is not empty.
    func lastTime(of chain: Chain) -> Int64 {
        let stretch = stretches[Int(chain.last)]
        return times[Int(stretch.start + stretch.count) - 1]
    }

    func appendTimes(of chain: Chain, to out: inout [Int64]) {
        times.withUnsafeBufferPointer { times in
            forEachStretch(of: chain) { out.append(contentsOf: UnsafeBufferPointer(rebasing: times[$0])) }
        }
    }

    func appendValues(of chain: Chain, to out: inout [Double]) {
        values.withUnsafeBufferPointer { values in
            forEachStretch(of: chain) { out.append(contentsOf: UnsafeBufferPointer(rebasing: values[$0])) }
        }
    }

    private func forEachStretch(of chain: Chain, _ body: (Range<Int>) -> Void) {
        var left = chain.count
        var number = chain.first
        while left > 0 {
            let stretch = stretches[Int(number)]
            body(Int(stretch.start)..<Int(stretch.start + stretch.count))
            left -= Int(stretch.count)
            number = stretch.next
        }
    }

    /// All chains are void then.
    mutating func removeAll() { self = StagedRows(capacity: capacity) }
}
