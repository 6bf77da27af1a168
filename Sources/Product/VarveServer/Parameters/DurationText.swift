/// Lengths of time as requests and flags write them: `5m`, `1h30m`, or seconds with decimals.
public enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
        ("ms", 1),
    ]

    /// Milliseconds, rounded; nil when the text is no duration or does not fit.
    public static func parse(_ text: String) -> Int64? {
        if let seconds = Double(text) {
            // Prometheus's bound: nanoseconds in 64 bits, 292 years.
            guard seconds.isFinite, abs(seconds) < 9_223_372_036 else { return nil }
            return Int64((seconds * 1_000).rounded(.toNearestOrAwayFromZero))
        }
        return parseUnits(Array(text.utf8))
    }

    /// Numbers with units, from the largest unit to the smallest, each at most once.
    private static func parseUnits(_ text: [UInt8]) -> Int64? {
        var at = 0
        var total: Int64 = 0
        var nextUnit = 0
        while at < text.count {
            var number: Int64 = 0
            let first = at
            while at < text.count, text[at] >= 0x30, text[at] <= 0x39 {
                let (shifted, overflow) = number.multipliedReportingOverflow(by: 10)
                let (sum, carried) = shifted.addingReportingOverflow(Int64(text[at] - 0x30))
                guard !overflow, !carried else { return nil }
                number = sum
                at += 1
            }
            guard at > first else { return nil }
            let letters = text[at...].prefix { $0 >= 0x61 && $0 <= 0x7a }
            guard let unit = units[nextUnit...].firstIndex(where: { letters.elementsEqual($0.suffix.utf8) }) else {
                return nil
            }
            at += letters.count
            nextUnit = unit + 1
            let (length, overflow) = number.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, carried) = total.addingReportingOverflow(length)
            guard !overflow, !carried, sum < 9_223_372_036_000 else { return nil }
            total = sum
        }
        return text.isEmpty ? nil : total
    }

    /// `1h30m`, `0s`: the shortest text that `parse` reads back.
    public static func string(milliseconds: Int64) -> String {
        guard milliseconds > 0 else { return milliseconds == 0 ? "0s" : "-" + string(milliseconds: -milliseconds) }
        var rest = milliseconds
        var text = ""
        for (suffix, length) in units.dropFirst(2) where rest >= length {
            text += "\(rest / length)\(suffix)"
            rest %= length
        }
        return text
    }
}

extension Duration {
    /// Whole milliseconds; clamped to ±292 million years.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
