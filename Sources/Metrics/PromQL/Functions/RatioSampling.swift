import MetricModel

/// `limit_ratio`: a series is chosen by where the hash of its labels falls between 0 and 1, so the same series are
/// chosen at every step, and those of `r` and `r - 1` are complements.
///
/// The hash is that of Prometheus (`labels.Labels.Hash`, its default `stringlabels` form): xxHash64 of each name and
/// value, led by its length.
enum RatioSampling {
    static func offset(of labels: Labels) -> Double {
        var bytes: [UInt8] = []
        for label in labels.labels {
            append(label.name, to: &bytes)
            append(label.value, to: &bytes)
        }
        return Double(hash(bytes)) / Double(UInt64.max)
    }

    static func isChosen(_ offset: Double, ratio: Double) -> Bool {
        ratio >= 0 ? offset < ratio : offset >= 1 + ratio
    }

    /// One byte of length below 255, else 255 and three bytes, low first.
    private static func append(_ text: String, to bytes: inout [UInt8]) {
        let count = text.utf8.count
        if count < 255 {
            bytes.append(UInt8(truncatingIfNeeded: count))
        } else {
            bytes.append(255)
            for shift in [0, 8, 16] { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
        }
        bytes.append(contentsOf: text.utf8)
    }

    private static let primes: (UInt64, UInt64, UInt64, UInt64, UInt64) = (
        11_400_714_785_074_694_791, 14_029_467_366_897_019_727, 1_609_587_929_392_839_161, 9_650_029_242_287_828_579,
        2_870_177_450_012_600_261
    )

    /// xxHash64 with seed 0.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        func word(_ at: Int, _ width: Int) -> UInt64 {
            (0..<width).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        }
        func rotated(_ x: UInt64, _ n: UInt64) -> UInt64 { x << n | x >> (64 - n) }
        func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
            rotated(lane &+ input &* primes.1, 31) &* primes.0
        }
        var at = 0
        var hash: UInt64
        if bytes.count >= 32 {
            var lanes: [UInt64] = [primes.0 &+ primes.1, primes.1, 0, 0 &- primes.0]
            while at + 32 <= bytes.count {
                for i in 0..<4 { lanes[i] = round(lanes[i], word(at + 8 * i, 8)) }
                at += 32
            }
            hash = rotated(lanes[0], 1) &+ rotated(lanes[1], 7) &+ rotated(lanes[2], 12) &+ rotated(lanes[3], 18)
            for lane in lanes { hash = (hash ^ round(0, lane)) &* primes.0 &+ primes.3 }
        } else {
            hash = primes.4
        }
        hash &+= UInt64(bytes.count)
        while at + 8 <= bytes.count {
            hash = rotated(hash ^ round(0, word(at, 8)), 27) &* primes.0 &+ primes.3
            at += 8
        }
        if at + 4 <= bytes.count {
            hash = rotated(hash ^ (word(at, 4) &* primes.0), 23) &* primes.1 &+ primes.2
            at += 4
        }
        while at < bytes.count {
            hash = rotated(hash ^ (UInt64(bytes[at]) &* primes.4), 11) &* primes.0
            at += 1
        }
        hash = (hash ^ hash >> 33) &* primes.1
        hash = (hash ^ hash >> 29) &* primes.2
        return hash ^ hash >> 32
    }
}
