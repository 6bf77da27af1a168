import Encodings
import MetricModel
import Parquet

/// A page of integers, one for each of its rows, verified and unpacked, any rows of which can be decoded on their own.
///
/// Bytes never change, so pages are shared by queries and kept (`PageCache`).
final class IntegerPage: EncodedValues {
    /// Within the row group.
    let rows: Range<Int>
    private enum Content {
        case encoded([UInt8], DeltaBinaryPacked.Marks)
        /// Of a form that we do not write.
        case decoded([Int64])
    }
    private let content: Content

    /// nil: a page with nulls.
    init?(_ page: ParquetPage) throws(ParquetError) {
        guard page.presentCount == page.rowCount else { return nil }
        rows = page.rows
        if let marks = try page.integerMarks() {
            content = .encoded(page.values, marks)
        } else {
            content = .decoded(try page.int64s(nil))
        }
    }

    /// Bytes that it holds, about.
    var memory: Int {
        switch content {
        case .encoded(let bytes, let marks): bytes.count + marks.memory + 128
        case .decoded(let integers): integers.count * 8 + 128
        }
    }

    // MARK: decoding

    private static let stretch = DeltaBinaryPacked.Marks.stretch

    /// Integers of `range` (rows of the row group, within the page).
    func integers(_ range: Range<Int>) -> [Int64] {
        [Int64](unsafeUninitializedCapacity: range.count) { buffer, filled in
            guard let out = buffer.baseAddress else { return }
            forEachStretch(in: range) { values, at, count in (out + at).initialize(from: values, count: count) }
            filled = range.count
        }
    }

    /// The same divided: the values of samples.
    func decode(_ range: Range<Int>, divisor: Double, to out: UnsafeMutablePointer<Double>) {
        forEachStretch(in: range) { integers, at, count in
            DecimalScaling.restore(
                UnsafeBufferPointer(start: integers, count: count), divisor: divisor,
                to: UnsafeMutableBufferPointer(start: out + at, count: count))
        }
    }

    /// Calls `body` with integers, their place in `range`, and how many they are.
    private func forEachStretch(in range: Range<Int>, _ body: (UnsafePointer<Int64>, Int, Int) -> Void) {
        precondition(range.lowerBound >= rows.lowerBound && range.upperBound <= rows.upperBound)
        var row = range.lowerBound - rows.lowerBound
        let start = row
        let end = range.upperBound - rows.lowerBound
        guard case .encoded(let bytes, let marks) = content else {
            guard case .decoded(let integers) = content else { return }
            integers.withUnsafeBufferPointer { integers in
                if let base = integers.baseAddress, row < end { body(base + row, 0, end - row) }
            }
            return
        }
        bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: Int64.self, capacity: Self.stretch) { scratch in
                guard let scratch = scratch.baseAddress else { return }
                if row == 0, row < end {
                    scratch.initialize(to: marks.first)
                    body(UnsafePointer(scratch), 0, 1)
                    row = 1
                }
                while row < end {
                    let stretch = (row - 1) / Self.stretch
                    let first = stretch * Self.stretch + 1
                    let last = min(end, first + Self.stretch)
                    marks.decode(stretch: stretch, last - first, of: bytes, to: scratch)
                    body(UnsafePointer(scratch + (row - first)), row - start, last - row)
                    row = last
                }
            }
        }
    }

    // MARK: searching

    /// The part of `range` whose integers, which ascend there, may lie in `bounds`: told by the marks alone, so somewhat
    /// too long at either end.
    func narrowed(_ range: Range<Int>, to bounds: ClosedRange<Int64>) -> Range<Int> {
        guard case .encoded(_, let marks) = content else { return range }
        let first = range.lowerBound - rows.lowerBound
        let end = range.upperBound - rows.lowerBound
        // Marks k with a row in the range: number k times the stretch.
        let from = (first + Self.stretch - 1) / Self.stretch
        let to = min((end + Self.stretch - 1) / Self.stretch, marks.stretches)
        guard from < to else { return range }
        func firstMark(where isPast: (Int64) -> Bool) -> Int {
            var low = from
            var high = to
            while low < high {
                let middle = (low + high) / 2
                if isPast(marks.value(before: middle)) { high = middle } else { low = middle + 1 }
            }
            return low
        }
        let begin = firstMark { $0 >= bounds.lowerBound }
        let past = firstMark { $0 > bounds.upperBound }
        let low = begin == from ? first : (begin - 1) * Self.stretch
        let high = past == to ? end : past * Self.stretch
        return rows.lowerBound + low..<rows.lowerBound + max(low, high)
    }
}
