/// Doubles as integers over one divisor, where that is exact: `Double(integer) / divisor` is the value, bit for bit.
///
/// - The divisor is the smallest 10^s, s = 0 … 9, that fits; for whole numbers that share k ≤ 20 trailing zero bits it is
///   2^-k. Only division is exact, not multiplication by 0.01.
/// - |integer| < 2^53.
/// - NaN (the stale marker with its bits), infinities, -0.0 and up to a tenth of odd values are exceptions.
public enum DecimalScaling {
    public struct ScaledColumn: Sendable, Equatable {
        public var divisor: Double
        /// One per value; 0 at an exception.
        public var integers: [Int64]
        /// Rows that are no integer over `divisor`, ascending; at most a tenth of all.
        public var exceptions: [Int]
    }

    static let powers: [Double] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
    static let mostShift = 20

    /// The values as integers, or nil when more than a tenth of them would be exceptions.
    public static func choose(_ values: UnsafeBufferPointer<Double>) -> ScaledColumn? {
        var integers: [Int64] = []
        guard let scaled = append(values, to: &integers) else { return nil }
        return ScaledColumn(divisor: scaled.divisor, integers: integers, exceptions: scaled.exceptions)
    }

    /// As `choose`, for many stretches of one column: appends one integer per value, or nothing when the result is nil.
    public static func append(
        _ values: UnsafeBufferPointer<Double>, to integers: inout [Int64]
    ) -> (divisor: Double, exceptions: [Int])? {
        guard !values.isEmpty, var scale = probedScale(of: values) else { return nil }
        let start = integers.count
        var exceptions = scaled(values, by: scale, into: &integers)
        if !exceptions.isEmpty, let higher = scaleOfExceptions(exceptions, of: values, above: scale) {
            integers.removeLast(values.count)
            var other = scaled(values, by: higher, into: &integers)
            if other.count < exceptions.count {
                scale = higher
            } else {
                integers.removeLast(values.count)
                other = scaled(values, by: scale, into: &integers)
            }
            exceptions = other
        }
        guard exceptions.count * 10 <= values.count else {
            integers.removeLast(values.count)
            return nil
        }
        let divisor = scale == 0 ? 1 / Double(shiftOutZeros(&integers, from: start)) : powers[scale]
        return (divisor, exceptions)
    }

    public static func choose(_ values: [Double]) -> ScaledColumn? {
        values.withUnsafeBufferPointer { choose($0) }
    }

    /// Appends `integer / divisor` for each: the inverse, exceptions apart.
    public static func restore(_ integers: UnsafeBufferPointer<Int64>, divisor: Double, into values: inout [Double]) {
        values.append(addingCapacity: integers.count) { (span: inout OutputSpan<Double>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                restore(integers, divisor: divisor, to: buffer)
                initialized = integers.count
            }
        }
    }

    /// The same in place: the first `integers.count` of `values`, which has room for them.
    public static func restore(
        _ integers: UnsafeBufferPointer<Int64>, divisor: Double, to values: UnsafeMutableBufferPointer<Double>
    ) {
        precondition(integers.count <= values.count)
        var spread: UInt64 = 0
        for i in integers.indices { spread |= UInt64(bitPattern: integers[i] &+ (1 &<< 51)) }
        if spread >> 52 == 0 {
            // |i| ≤ 2^51: added to the bits of 1.5 · 2^52 it becomes that number plus i. Vectors have no other way.
            let anchor = 0x1.8p52
            let anchorBits = Int64(bitPattern: anchor.bitPattern)
            for i in integers.indices {
                let shifted = Double(bitPattern: UInt64(bitPattern: integers[i] &+ anchorBits))
                values[i] = (shifted - anchor) / divisor
            }
        } else {
            for i in integers.indices { values[i] = Double(integers[i]) / divisor }
        }
    }

    /// The largest of the smallest scales that 8 evenly spread values need; nil when none of them has one.
    private static func probedScale(of values: UnsafeBufferPointer<Double>) -> Int? {
        let probes = min(values.count, 8)
        var scale: Int?
        for probe in 0..<probes {
            let at = probes == 1 ? 0 : probe * (values.count - 1) / (probes - 1)
            if let own = smallestScale(of: values[at], from: scale ?? 0) { scale = max(scale ?? 0, own) }
        }
        return scale
    }

    /// The largest of the smallest scales above `scale` of values that did not fit; nil when none has one.
    private static func scaleOfExceptions(
        _ exceptions: [Int], of values: UnsafeBufferPointer<Double>, above scale: Int
    ) -> Int? {
        var highest: Int?
        for row in exceptions {
            guard highest ?? scale < powers.count - 1 else { break }
            if let own = smallestScale(of: values[row], from: (highest ?? scale + 1)) {
                highest = max(highest ?? 0, own)
            }
        }
        return highest
    }

    /// The smallest scale ≥ `start` at which `value` is an integer. (One that fits at s fits at s + 1 while it is below
    /// 2^53: the quotient is the same real number, rounded once.)
    private static func smallestScale(of value: Double, from start: Int) -> Int? {
        guard start < powers.count else { return nil }
        for scale in start..<powers.count where integer(value, powers[scale]).isExact { return scale }
        return nil
    }

    /// The integer nearest to value · divisor, as a double, and whether it gives `value` back.
    @inline(__always)
    private static func integer(_ value: Double, _ divisor: Double) -> (nearest: Double, isExact: Bool) {
        let product = value * divisor
        // Adding 2^52 with the product's sign rounds to a whole number; beyond 2^52 it is one already.
        let anchor = Double(signOf: product, magnitudeOf: 0x1p52)
        let rounded = (product + anchor) - anchor
        // + 0.0 makes -0.0 positive, as it is when it comes back from an integer.
        let nearest = (product.magnitude < 0x1p52 ? rounded : product) + 0.0
        let isSame = (nearest / divisor).bitPattern == value.bitPattern
        return (nearest, isSame && nearest.magnitude < 0x1p53)
    }

    /// Appends an integer per value and returns the exceptions.
    private static func scaled(
        _ values: UnsafeBufferPointer<Double>, by scale: Int, into integers: inout [Int64]
    ) -> [Int] {
        let divisor = powers[scale]
        if scaledExactly(values, divisor, into: &integers) { return [] }
        return scaledWithExceptions(values, divisor, into: &integers)
    }

    /// What most stretches are: every value fits, below 2^51. One pass that the compiler makes vectors of; appends nothing
    /// when it was not so.
    private static func scaledExactly(
        _ values: UnsafeBufferPointer<Double>, _ divisor: Double, into integers: inout [Int64]
    ) -> Bool {
        let anchor = 0x1.8p52
        let anchorBits = Int64(bitPattern: anchor.bitPattern)
        var differing: UInt64 = 0
        var spread: UInt64 = 0
        integers.append(addingCapacity: values.count) { (span: inout OutputSpan<Int64>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let out = buffer.baseAddress else { return }
                for i in values.indices {
                    // Added to 1.5 · 2^52 the product is rounded to a whole number, which the bits then count from there;
                    // whatever is beyond 2^51, NaN too, is that far off in bits as well.
                    let shifted = values[i] * divisor + anchor
                    let integer = Int64(bitPattern: shifted.bitPattern) &- anchorBits
                    differing |= ((shifted - anchor) / divisor).bitPattern ^ values[i].bitPattern
                    spread |= UInt64(bitPattern: integer &+ (1 &<< 51))
                    out[i] = integer
                }
                initialized = values.count
            }
        }
        if differing == 0 && spread >> 52 == 0 { return true }
        integers.removeLast(values.count)
        return false
    }

    /// One pass without branches per value, and a second for the exceptions if there are any.
    private static func scaledWithExceptions(
        _ values: UnsafeBufferPointer<Double>, _ divisor: Double, into integers: inout [Int64]
    ) -> [Int] {
        var misfits = 0
        integers.append(addingCapacity: values.count) { (span: inout OutputSpan<Int64>) in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                for i in values.indices {
                    let (nearest, isExact) = integer(values[i], divisor)
                    misfits &+= isExact ? 0 : 1
                    // At most 2^53 in magnitude: the conversion cannot trap.
                    buffer.initializeElement(at: i, to: Int64(isExact ? nearest : 0))
                }
                initialized = values.count
            }
        }
        var exceptions: [Int] = []
        if misfits > 0 {
            exceptions.reserveCapacity(misfits)
            for i in values.indices where !integer(values[i], divisor).isExact { exceptions.append(i) }
        }
        return exceptions
    }

    /// Shifts out the zero bits that all integers from `start` on end in; returns 2^k for k of them.
    private static func shiftOutZeros(_ integers: inout [Int64], from start: Int) -> Int {
        var all: Int64 = 0
        for integer in integers[start...] { all |= integer }
        let shift = all == 0 ? 0 : min(all.trailingZeroBitCount, mostShift)
        guard shift > 0 else { return 1 }
        for i in start..<integers.count { integers[i] &>>= Int64(shift) }
        return 1 << shift
    }
}
