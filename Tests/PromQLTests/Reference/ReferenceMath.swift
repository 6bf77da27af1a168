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

    /// The best k, best first; NaN is the worst. Ties are whatever they are: the test breaks none.
    static func ranked(
        _ members: [(index: Int, value: Double)], _ isBottom: Bool, _ k: Int
    ) -> [(index: Int, value: Double)] {
        let numbers = members.filter { !$0.value.isNaN }.enumerated().sorted { a, b in
            if a.element.value == b.element.value { return a.offset < b.offset }
            return isBottom ? a.element.value < b.element.value : a.element.value > b.element.value
        }
        return Array((numbers.map(\.element) + members.filter(\.value.isNaN)).prefix(k))
    }

    /// `strconv.FormatFloat(x, 'f', -1, 64)` for the whole and half numbers that the data has.
    static func plainText(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
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
