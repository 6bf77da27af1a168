import PromQL

/// Lengths of time as requests and flags write them: `5m`, `1h30m`, or seconds with decimals.
public enum DurationParameter {
    /// Milliseconds, rounded; nil when the text is no duration or does not fit.
    public static func parse(_ text: String) -> Int64? {
        if let seconds = NumberText.double(text) {
            // Prometheus's bound: nanoseconds in 64 bits, 292 years.
            guard seconds.isFinite, abs(seconds) < 9_223_372_036 else { return nil }
            return Int64((seconds * 1_000).rounded(.toNearestOrAwayFromZero))
        }
        return try? DurationText.milliseconds(text).get()
    }
}

/// Numbers as Prometheus's clients write them.
enum NumberText {
    /// nil for no number, and for whole hexadecimal ones, which Prometheus does not take either.
    static func double(_ text: String) -> Double? {
        text.utf8.contains { $0 | 0x20 == UInt8(ascii: "x") } ? nil : Double(text)
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
