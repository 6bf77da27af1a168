import PromQL

/// Lengths of time as requests and flags write them: `5m`, `1h30m`, or seconds with decimals.
public enum DurationParameter {
    /// Milliseconds, rounded; nil when the text is no duration or does not fit.
    public static func parse(_ text: String) -> Int64? {
        if let seconds = Double(text) {
            // Prometheus's bound: nanoseconds in 64 bits, 292 years.
            guard seconds.isFinite, abs(seconds) < 9_223_372_036 else { return nil }
            return Int64((seconds * 1_000).rounded(.toNearestOrAwayFromZero))
        }
        return try? DurationText.milliseconds(text).get()
    }
}

extension Duration {
    /// Whole milliseconds; clamped to 64 bits.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
