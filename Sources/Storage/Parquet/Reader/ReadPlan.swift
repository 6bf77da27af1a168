/// Few reads for many ranges: neighbours with small gaps become one.
struct ReadPlan: Equatable {
    /// Ascending, not overlapping.
    private(set) var reads: [Range<Int>] = []

    /// - Parameter ranges: in any order; empty ones are left out.
    init(_ ranges: [Range<Int>], gap: Int) {
        for range in ranges.filter({ !$0.isEmpty }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = reads.last, range.lowerBound - last.upperBound <= gap {
                reads[reads.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                reads.append(range)
            }
        }
    }
}

/// What a plan's reads brought.
struct FetchedBytes: Sendable {
    private let reads: [Range<Int>]
    private let parts: [[UInt8]]

    /// One part for each read, each of the read's size.
    init(_ reads: [Range<Int>], _ parts: [[UInt8]]) {
        self.reads = reads
        self.parts = parts
    }

    /// The part that holds `range` of the file, and where in it.
    func locate(_ range: Range<Int>) -> (bytes: [UInt8], range: Range<Int>) {
        var low = 0
        var high = reads.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if reads[middle].lowerBound <= range.lowerBound { low = middle } else { high = middle }
        }
        guard low < reads.count, reads[low].lowerBound <= range.lowerBound, range.upperBound <= reads[low].upperBound
        else { return ([], 0..<0) }
        let start = range.lowerBound - reads[low].lowerBound
        return (parts[low], start..<start + range.count)
    }
}
