public import PromQL

/// A range of values as one line of blocks: the shape at a glance, the numbers beside it.
public enum RangePlot {
    private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// One character per equal share of the time: the mean of the finite values in it, a space where there is none.
    /// - Parameters:
    ///   - first, last: milliseconds of the line's ends, the same for all series of an answer.
    ///   - width: characters, at least 1.
    public static func line(_ run: ResultSeries, first: Int64, last: Int64, width: Int) -> String {
        let width = max(1, width)
        var sums = [Double](repeating: 0, count: width)
        var counts = [Int](repeating: 0, count: width)
        let length = Double(last) - Double(first)
        for (timestamp, value) in zip(run.timestamps, run.values) where value.isFinite {
            let share = length > 0 ? (Double(timestamp) - Double(first)) / length : 0
            guard (0...1).contains(share) else { continue }
            let column = min(width - 1, Int(share * Double(width)))
            sums[column] += value
            counts[column] += 1
        }
        let means = zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : .nan }
        let known = means.filter { $0.isFinite }
        guard let lowest = known.min(), let highest = known.max() else { return String(repeating: " ", count: width) }
        // Halves: the distance of two finite doubles may be none.
        let span = highest / 2 - lowest / 2
        return String(
            means.map { mean in
                guard mean.isFinite else { return " " }
                guard span > 0 else { return blocks[3] }
                let height = (mean / 2 - lowest / 2) / span
                return blocks[min(blocks.count - 1, Int(height * Double(blocks.count)))]
            })
    }
}
