import Encodings

/// The values of a row group as integers over divisors where that is exact, and as doubles elsewhere.
///
/// - The choice is made per series and page of integers.
/// - For each row either `isFloat` is set or `Double(integers[row]) / divisor` is the value bit for bit.
struct SamplesValueColumns {
    /// One per row; 0 where `isFloat`.
    private(set) var integers: [Int64] = []
    private(set) var isFloat: [Bool] = []
    private(set) var floatCount = 0
    /// Divisors of consecutive rows; between integers the neighbour's is repeated, so that runs stay long.
    private(set) var divisors: [(divisor: Double, rows: Int)] = []

    /// - Parameter stretches: lengths that add up to the number of values: each within one series and one page.
    init(_ values: UnsafeBufferPointer<Double>, stretches: [Int], allFloat: Bool) {
        integers.reserveCapacity(values.count)
        isFloat = [Bool](repeating: false, count: values.count)
        var row = 0
        // Rows before the first integer: they take its divisor.
        var undecided = 0
        for length in stretches {
            let stretch = UnsafeBufferPointer(rebasing: values[row..<row + length])
            if !allFloat, let scaled = DecimalScaling.append(stretch, to: &integers) {
                for exception in scaled.exceptions { isFloat[row + exception] = true }
                floatCount += scaled.exceptions.count
                add(scaled.divisor, rows: length + undecided)
                undecided = 0
            } else {
                integers.append(contentsOf: repeatElement(0, count: length))
                for i in row..<row + length { isFloat[i] = true }
                floatCount += length
                if divisors.isEmpty { undecided += length } else { divisors[divisors.count - 1].rows += length }
            }
            row += length
        }
        if undecided > 0 { add(1, rows: undecided) }
    }

    private mutating func add(_ divisor: Double, rows: Int) {
        if let last = divisors.indices.last, divisors[last].divisor == divisor {
            divisors[last].rows += rows
        } else {
            divisors.append((divisor, rows))
        }
    }

    /// Rows of `range` that are doubles.
    func floats(in range: Range<Int>) -> Int {
        guard floatCount > 0 else { return 0 }
        var count = 0
        for flag in isFloat[range] { count &+= flag ? 1 : 0 }
        return count
    }
}
