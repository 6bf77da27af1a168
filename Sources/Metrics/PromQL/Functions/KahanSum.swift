/// A sum and what rounding lost from it: Kahan's summation with Neumaier's improvement.
///
/// - Source: Prometheus, `util/kahansum`: an infinite total forgets its compensation.
struct KahanSum {
    var sum: Double
    var compensation: Double

    @inline(__always)
    init(_ sum: Double = 0, compensation: Double = 0) {
        self.sum = sum
        self.compensation = compensation
    }

    @inline(__always)
    mutating func add(_ value: Double) { kahanAdd(value, &sum, &compensation) }

    /// The sum of all values, from `first` on, without the test for infinity; nil when it would have mattered.
    ///
    /// A sum that was once infinite never becomes finite again, so a finite one never overflowed.
    @inline(__always)
    static func finite(_ values: UnsafeBufferPointer<Double>, from first: Double) -> KahanSum? {
        var sum = first
        var compensation = 0.0
        for value in values {
            let total = sum + value
            let sumIsGreater = sum.magnitude >= value.magnitude
            let greater = sumIsGreater ? sum : value
            let smaller = sumIsGreater ? value : sum
            compensation += (greater - total) + smaller
            sum = total
        }
        return sum.isFinite ? KahanSum(sum, compensation: compensation) : nil
    }

    /// Sum and compensation together; an infinite sum stays as it is.
    var total: Double { sum.isInfinite ? sum : sum + compensation }
}

@inline(__always)
func kahanAdd(_ value: Double, _ sum: inout Double, _ compensation: inout Double) {
    let total = sum + value
    let sumIsGreater = sum.magnitude >= value.magnitude
    let greater = sumIsGreater ? sum : value
    let smaller = sumIsGreater ? value : sum
    let corrected = compensation + ((greater - total) + smaller)
    compensation = total.isInfinite ? 0 : corrected
    sum = total
}
