/// Where rows are cut into row groups and pages: arithmetic on the lengths of series, nothing else.
///
/// - Pages end where a series ends, but for series longer than two pages: those are split evenly.
/// - Each list of ends is ascending and its last is the number of rows.
enum SamplesPageCutting {
    /// Rows after which a page of integers is closed.
    static let valueRows = 4_096
    /// A series of so many rows has pages of integers of its own: one form suits it better than it suits two series.
    static let ownRows = 2_048
    /// Rows after which a page of times is closed. Series of one target, which share their times, lie as far apart as a metric
    /// has rows: those that meet in one page cost next to nothing.
    static let timeRows = 131_072
    /// Below so many rows a series, ids are stored as deltas and integers by whole bytes.
    static let shortSeries = 64

    /// Ends of pages that close at the first series end at or after `target` rows, or behind the first series if that has
    /// `own` rows; a series longer than 2 · target is split into pieces of equal length (to a row), each of which counts as
    /// a series.
    static func pageEnds(_ seriesLengths: some Sequence<Int>, target: Int, own: Int = .max) -> [Int] {
        var ends: [Int] = []
        var row = 0
        var start = 0
        for length in seriesLengths {
            // Most series are short, and dividing is what costs here.
            let pieces = length <= 2 * target ? 1 : (length + 2 * target - 1) / (2 * target)
            for piece in 1...pieces {
                let end = pieces == 1 ? row + length : row + length * piece / pieces
                let isAlone = start == row && pieces == 1
                if end - start >= target || isAlone && length >= own {
                    ends.append(end)
                    start = end
                }
            }
            row += length
        }
        if start < row { ends.append(row) }
        return ends
    }

    /// Of `candidates` those at which at least `target` rows counted by `isCounted` have come together, and the last.
    static func thinned(_ candidates: [Int], target: Int, counts: [Int]) -> [Int] {
        var ends: [Int] = []
        var counted = 0
        for (end, count) in zip(candidates, counts) {
            counted += count
            if counted >= target {
                ends.append(end)
                counted = 0
            }
        }
        if let last = candidates.last, ends.last != last { ends.append(last) }
        return ends
    }

    /// How many of the buffered rows make the next row group, once there are `most` or more: up to the last series end
    /// within them, or all `most` of a series that is longer.
    static func rowGroupEnd(_ seriesLengths: some Sequence<Int>, most: Int) -> Int {
        var end = 0
        for length in seriesLengths {
            if end + length > most { return end == 0 ? most : end }
            end += length
        }
        return end
    }
}
