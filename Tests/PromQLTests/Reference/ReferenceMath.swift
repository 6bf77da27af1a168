/// Sums, means, quantiles and orders as Prometheus computes them, one value after another.
enum ReferenceMath {
    /// Kahan's sum with Neumaier's improvement; an infinite total has no compensation.
    struct Kahan {
        var sum = 0.0
        var compensation = 0.0

        mutating func add(_ value: Double) {
            let total = sum + value
            if total.isInfinite {
                compensation = 0
            } else if sum.magnitude >= value.magnitude {
                compensation += (sum - total) + value
            } else {
                compensation += (value - total) + sum
            }
            sum = total
        }
    }

    static func sum(_ values: [Double]) -> Double {
        var total = Kahan()
        for value in values { total.add(value) }
        return total.sum.isInfinite ? total.sum : total.sum + total.compensation
    }

    /// Directly, until the sum overflows; incrementally from there on.
    static func average(_ values: [Double]) -> Double {
        var total = Kahan(sum: values[0])
        var mean = Kahan()
        var isIncremental = false
        for (i, value) in values.enumerated().dropFirst() {
            let count = Double(i + 1)
            if !isIncremental {
                var next = total
                next.add(value)
                if !next.sum.isInfinite {
                    total = next
                    continue
                }
                isIncremental = true
                mean = Kahan(sum: total.sum / (count - 1), compensation: total.compensation / (count - 1))
            }
            let share = (count - 1) / count
            mean = Kahan(sum: share * mean.sum, compensation: share * mean.compensation)
            mean.add(value / count)
        }
        let count = Double(values.count)
        return isIncremental ? mean.sum + mean.compensation : total.sum / count + total.compensation / count
    }

    static func variance(_ values: [Double]) -> Double {
        var count = 0.0
        var mean = Kahan()
        var squares = Kahan()
        for value in values {
            count += 1
            let delta = value - (mean.sum + mean.compensation)
            mean.add(delta / count)
            squares.add(delta * (value - (mean.sum + mean.compensation)))
        }
        return (squares.sum + squares.compensation) / count
    }

    static func quantile(_ quantile: Double, _ values: [Double]) -> Double {
        if values.isEmpty || quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        let sorted = values.filter(\.isNaN) + values.filter { !$0.isNaN }.sorted()
        let rank = quantile * Double(sorted.count - 1)
        let lower = max(0, Int(rank.rounded(.down)))
        let upper = min(sorted.count - 1, lower + 1)
        let weight = rank - rank.rounded(.down)
        return sorted[lower] * (1 - weight) + sorted[upper] * weight
    }

    /// The best k, NaN being the worst, by Go's `container/heap`: which of equals stay follows from its moves.
    static func ranked(
        _ members: [(index: Int, value: Double)], _ isBottom: Bool, _ k: Int
    ) -> [(index: Int, value: Double)] {
        var heap: [(index: Int, value: Double)] = []
        func isLess(_ i: Int, _ j: Int) -> Bool {
            if heap[i].value.isNaN { return true }
            return isBottom ? heap[i].value > heap[j].value : heap[i].value < heap[j].value
        }
        for member in members {
            if heap.count < k {
                heap.append(member)
                var j = heap.count - 1
                while j > 0, isLess(j, (j - 1) / 2) {
                    heap.swapAt(j, (j - 1) / 2)
                    j = (j - 1) / 2
                }
                continue
            }
            let (worst, value) = (heap[0].value, member.value)
            guard (isBottom ? worst > value : worst < value) || (worst.isNaN && !value.isNaN) else { continue }
            heap[0] = member
            var i = 0
            while 2 * i + 1 < heap.count {
                var child = 2 * i + 1
                if child + 1 < heap.count, isLess(child + 1, child) { child += 1 }
                if !isLess(child, i) { break }
                heap.swapAt(i, child)
                i = child
            }
        }
        let numbers = heap.filter { !$0.value.isNaN }.sorted { isBottom ? $0.value < $1.value : $0.value > $1.value }
        return numbers + heap.filter(\.value.isNaN)
    }

    /// `strconv.FormatFloat(x, 'f', -1, 64)`: the shortest digits that read back, never with an exponent.
    static func plainText(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let text = "\(value)"
        guard let e = text.firstIndex(of: "e") else { return text.hasSuffix(".0") ? String(text.dropLast(2)) : text }
        let mantissa = text[..<e].drop { $0 == "-" }.split(separator: ".")
        let sign = value < 0 ? "-" : ""
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? String(mantissa[1]) : ""
        let digits = String(mantissa[0]) + fraction
        let point = 1 + (Int(text[text.index(after: e)...]) ?? 0)
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        return sign + digits + String(repeating: "0", count: max(0, point - digits.count))
    }

    static func regression(_ samples: [(time: Int64, value: Double)], from origin: Int64) -> (Double, Double) {
        var (n, x, y, xy, xx) = (0.0, Kahan(), Kahan(), Kahan(), Kahan())
        for sample in samples {
            let seconds = Double(sample.time - origin) / 1e3
            n += 1
            x.add(seconds)
            y.add(sample.value)
            xy.add(seconds * sample.value)
            xx.add(seconds * seconds)
        }
        let first = samples[0].value
        if samples.dropFirst().allSatisfy({ $0.value == first }) {
            return first.isInfinite ? (.nan, .nan) : (0, first)
        }
        let (sx, sy) = (x.sum + x.compensation, y.sum + y.compensation)
        let covariance = (xy.sum + xy.compensation) - sx * sy / n
        let variance = (xx.sum + xx.compensation) - sx * sx / n
        let slope = covariance / variance
        return (slope, sy / n - slope * sx / n)
    }
}

/// Quantiles of classic histograms: `BucketQuantile`.
enum ReferenceHistogram {
    typealias Buckets = [(bound: Double, count: Double)]

    static func quantile(_ quantile: Double, _ unsorted: Buckets) -> Double {
        if quantile.isNaN { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        let sorted = unsorted.sorted { $0.bound < $1.bound }
        guard sorted.last?.bound == .infinity else { return .nan }
        var buckets: Buckets = []
        for bucket in sorted {
            if let last = buckets.last, last.bound == bucket.bound {
                buckets[buckets.count - 1].count += bucket.count
            } else {
                buckets.append(bucket)
            }
        }
        var previous = buckets[0].count
        for i in buckets.indices.dropFirst() {
            let current = buckets[i].count
            if current == previous { continue }
            if isAlmostEqual(previous, current) || current < previous {
                buckets[i].count = previous
            } else {
                previous = current
            }
        }
        if buckets.count < 2 { return .nan }
        let observations = buckets[buckets.count - 1].count
        if observations == 0 { return .nan }
        let rank = quantile * observations
        // `sort.Search`: the halving matters once a count is NaN.
        var (low, high) = (0, buckets.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].count >= rank { high = middle } else { low = middle + 1 }
        }
        if low == buckets.count - 1 { return buckets[buckets.count - 2].bound }
        if low == 0 {
            if buckets[0].bound <= 0 { return buckets[0].bound }
            return 0 + (buckets[0].bound - 0) * (rank / buckets[0].count)
        }
        let (lower, upper) = (buckets[low - 1], buckets[low])
        return lower.bound + (upper.bound - lower.bound) * ((rank - lower.count) / (upper.count - lower.count))
    }

    private static func isAlmostEqual(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN && b.isNaN { return true }
        if a == b { return true }
        let smallest = 2.2250738585072014e-308
        let sum = a.magnitude + b.magnitude
        let difference = (a - b).magnitude
        if a == 0 || b == 0 || sum < smallest { return difference < 1e-12 * smallest }
        return difference / min(sum, .greatestFiniteMagnitude) < 1e-12
    }
}
