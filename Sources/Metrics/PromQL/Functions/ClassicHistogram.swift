/// One bucket: everything up to and including the bound.
struct Bucket {
    var upperBound: Double
    var count: Double
}

/// How counts that were not monotonic were mended.
struct MonotonicityFix {
    var wasForced = false
    var lowestBucket = Double.infinity
    var highestBucket = -Double.infinity
    var greatestDrop = 0.0
}

/// Quantiles and fractions of classic histograms.
///
/// - Source: Prometheus, `promql/quantile.go`: coalesce, ignore relative differences below 1e-12, force the counts to
///   rise, interpolate linearly.
/// - Buckets come sorted by bound, at least one.
enum ClassicHistogram {
    private static let smallDifference = 1e-12

    static func quantile(_ quantile: Double, _ buckets: inout [Bucket]) -> (Double, MonotonicityFix) {
        if quantile.isNaN { return (.nan, MonotonicityFix()) }
        if quantile < 0 { return (-.infinity, MonotonicityFix()) }
        if quantile > 1 { return (.infinity, MonotonicityFix()) }
        guard let highest = buckets.last, highest.upperBound == .infinity else { return (.nan, MonotonicityFix()) }
        coalesce(&buckets)
        let fix = makeMonotonic(&buckets)
        let last = buckets.count - 1
        guard last >= 1 else { return (.nan, MonotonicityFix()) }
        let observations = buckets[last].count
        if observations == 0 { return (.nan, MonotonicityFix()) }
        var rank = quantile * observations
        let b = buckets[..<last].firstIndex { $0.count >= rank } ?? last
        if b == last { return (buckets[last - 1].upperBound, fix) }
        if b == 0 && buckets[0].upperBound <= 0 { return (buckets[0].upperBound, fix) }
        var start = 0.0
        let end = buckets[b].upperBound
        var count = buckets[b].count
        if b > 0 {
            start = buckets[b - 1].upperBound
            count -= buckets[b - 1].count
            rank -= buckets[b - 1].count
        }
        return (start + (end - start) * (rank / count), fix)
    }

    /// The share of observations between two values.
    static func fraction(from lower: Double, to upper: Double, _ buckets: inout [Bucket]) -> Double {
        guard let highest = buckets.last, highest.upperBound == .infinity else { return .nan }
        coalesce(&buckets)
        let total = buckets[buckets.count - 1].count
        if total == 0 || lower.isNaN || upper.isNaN { return .nan }
        if lower >= upper { return 0 }
        var rank = 0.0
        var lowerRank: Double?
        var upperRank: Double?
        // A first bucket that ends above 0 is taken to begin at 0.
        var bucketStart = buckets[0].upperBound <= 0 ? -Double.infinity : 0
        for bucket in buckets {
            let bucketEnd = bucket.upperBound
            func interpolated(_ value: Double) -> Double {
                // Within an infinite bucket there is nothing to go by: none of it counts, or all.
                if bucketStart == -.infinity { return bucket.count }
                return rank + (bucket.count - rank) * (value - bucketStart) / (bucketEnd - bucketStart)
            }
            if lowerRank == nil && bucketStart >= lower { lowerRank = rank }
            if upperRank == nil && bucketStart >= upper { upperRank = rank }
            if lowerRank == nil && bucketStart < lower && bucketEnd > lower { lowerRank = interpolated(lower) }
            if upperRank == nil && bucketStart < upper && bucketEnd > upper { upperRank = interpolated(upper) }
            if lowerRank != nil && upperRank != nil { break }
            rank = bucket.count
            bucketStart = bucketEnd
        }
        let from = min(lowerRank ?? total, total)
        let to = min(upperRank ?? total, total)
        return (to - from) / total
    }

    /// Buckets of the same bound become one.
    private static func coalesce(_ buckets: inout [Bucket]) {
        var last = 0
        for i in buckets.indices.dropFirst() {
            if buckets[i].upperBound == buckets[last].upperBound {
                buckets[last].count += buckets[i].count
            } else {
                last += 1
                buckets[last] = buckets[i]
            }
        }
        buckets.removeLast(buckets.count - last - 1)
    }

    private static func makeMonotonic(_ buckets: inout [Bucket]) -> MonotonicityFix {
        var fix = MonotonicityFix()
        var previous = buckets[0].count
        for i in buckets.indices.dropFirst() {
            let current = buckets[i].count
            if current == previous { continue }
            if isAlmostEqual(previous, current) {
                buckets[i].count = previous
            } else if current < previous {
                buckets[i].count = previous
                fix.wasForced = true
                fix.lowestBucket = min(fix.lowestBucket, buckets[i].upperBound)
                fix.highestBucket = max(fix.highestBucket, buckets[i].upperBound)
                fix.greatestDrop = max(fix.greatestDrop, previous - current)
            } else {
                previous = current
            }
        }
        return fix
    }

    private static func isAlmostEqual(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN && b.isNaN { return true }
        if a == b { return true }
        let sum = a.magnitude + b.magnitude
        let difference = (a - b).magnitude
        if a == 0 || b == 0 || sum < .leastNormalMagnitude {
            return difference < smallDifference * .leastNormalMagnitude
        }
        return difference / min(sum, .greatestFiniteMagnitude) < smallDifference
    }
}
