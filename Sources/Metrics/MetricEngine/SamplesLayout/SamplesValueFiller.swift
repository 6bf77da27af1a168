import Encodings
import Parquet
import StorageEngine

/// Puts the values of pages where a step's rows are: row `ranges[k].lowerBound + i` at `starts[k] + i`.
struct SamplesValueFiller {
    private let ranges: [Range<Int>]
    private let starts: [Int]
    let rowCount: Int
    /// Values put in place. In the end as many as rows: each row has exactly one.
    private(set) var filled = 0

    /// - Parameter start: of the first row.
    init(_ ranges: [Range<Int>], into start: Int) {
        self.ranges = ranges
        var next = start
        starts = ranges.map { range in
            defer { next += range.count }
            return next
        }
        rowCount = next - start
    }

    mutating func fill(
        _ values: inout [Double], integers page: ParquetPage, _ index: SamplesRowIndex, _ file: String
    ) throws {
        let wanted = min(ranges.last?.upperBound ?? 0, page.rows.upperBound) - page.firstRow
        let integers = try SamplesPages.integers(of: page, first: max(wanted, 0), in: file)
        let present = try PresentRows(page)
        integers.withUnsafeBufferPointer { integers in
            values.withUnsafeMutableBufferPointer { values in
                filled += forEachPiece(of: page, present) { rows, source, target in
                    index.forEachDivisor(in: rows) { divisor, part in
                        let shift = part.lowerBound - rows.lowerBound
                        DecimalScaling.restore(
                            UnsafeBufferPointer(rebasing: integers[source + shift..<source + shift + part.count]),
                            divisor: divisor, to: UnsafeMutableBufferPointer(rebasing: values[(target + shift)...]))
                    }
                }
            }
        }
    }

    mutating func fill(_ values: inout [Double], doubles page: ParquetPage) throws {
        let doubles = try page.doubles(nil)
        let present = try PresentRows(page)
        doubles.withUnsafeBufferPointer { doubles in
            values.withUnsafeMutableBufferPointer { values in
                filled += forEachPiece(of: page, present) { rows, source, target in
                    for i in 0..<rows.count { values[target &+ i] = doubles[source &+ i] }
                }
            }
        }
    }

    /// Calls `body` with each stretch of wanted rows whose values are in the page: the rows, the index of the first one's
    /// value in the page, and of its place. Returns how many rows that were.
    private func forEachPiece(
        of page: ParquetPage, _ present: PresentRows, _ body: (Range<Int>, Int, Int) -> Void
    ) -> Int {
        var count = 0
        var k = 0
        for (run, first) in zip(present.runs, present.firstValues) {
            while k < ranges.count, ranges[k].upperBound <= run.lowerBound { k += 1 }
            var reaching = k
            while reaching < ranges.count, ranges[reaching].lowerBound < run.upperBound {
                let rows = ranges[reaching].clamped(to: run)
                body(
                    rows, first + rows.lowerBound - run.lowerBound,
                    starts[reaching] + rows.lowerBound - ranges[reaching].lowerBound)
                count += rows.count
                reaching += 1
            }
        }
        return count
    }
}

/// Stretches of rows of a page whose values are there.
private struct PresentRows {
    /// Rows within the row group, ascending.
    private(set) var runs: [Range<Int>] = []
    /// Index of each run's first value among the present values of the page.
    private(set) var firstValues: [Int] = []

    init(_ page: ParquetPage) throws {
        guard page.presentCount < page.valueCount else {
            runs = [page.rows]
            firstValues = [0]
            return
        }
        var row = page.firstRow
        var value = 0
        for run in try page.definitionRuns() {
            if run.value == 1 {
                runs.append(row..<row + run.count)
                firstValues.append(value)
                value += run.count
            }
            row += run.count
        }
        guard value == page.presentCount else {
            throw StorageError(
                .damaged,
                "page \(page.number) of column \(page.leaf.name) has \(page.presentCount) values by its header, "
                    + "\(value) by its levels; `varve verify` checks the file")
        }
    }
}
