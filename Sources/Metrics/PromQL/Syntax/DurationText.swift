/// Lengths of time as Prometheus writes them: `1h30m`, `5m`, `250ms`. Years are 365 days.
public enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
        ("ms", 1),
    ]

    /// Whole numbers with units, largest first, each unit once; `0` needs no unit.
    /// - Returns: milliseconds, up to 2^63 nanoseconds (292 years); a failure says what is wrong.
    public static func milliseconds(_ text: String) -> Result<Int64, InvalidDuration> {
        let bytes = Array(text.utf8)
        func malformed() -> InvalidDuration {
            InvalidDuration(reason: "not a valid duration string: \(QuotedText.echoed(text))")
        }
        guard !bytes.isEmpty else { return .failure(InvalidDuration(reason: "empty duration string")) }
        if bytes == [UInt8(ascii: "0")] { return .success(0) }
        let limit = Int64.max / 1_000_000
        var total: Int64 = 0
        var i = 0
        var nextUnit = 0
        while i < bytes.count {
            let start = i
            var amount: Int64 = 0
            while i < bytes.count, Lexer.isDigit(bytes[i]) {
                let (product, overflow) = amount.multipliedReportingOverflow(by: 10)
                guard !overflow, product < limit else { return .failure(.outOfRange) }
                amount = product + Int64(bytes[i] - UInt8(ascii: "0"))
                i += 1
            }
            guard i > start else { return .failure(malformed()) }
            let unitStart = i
            while i < bytes.count, !Lexer.isDigit(bytes[i]) { i += 1 }
            let name = String(decoding: bytes[unitStart..<i], as: UTF8.self)
            guard let unit = units.firstIndex(where: { $0.name == name }) else {
                guard !name.isEmpty else { return .failure(malformed()) }
                let echo = QuotedText.echoed(String(name.prefix(64)))
                return .failure(
                    InvalidDuration(
                        reason: "unknown unit \(echo) in duration \(QuotedText.echoed(text))"))
            }
            guard unit >= nextUnit else { return .failure(malformed()) }
            nextUnit = unit + 1
            let (part, overflow) = amount.multipliedReportingOverflow(by: units[unit].milliseconds)
            guard !overflow, part <= limit - total else { return .failure(.outOfRange) }
            total += part
        }
        return .success(total)
    }

    /// The shortest such text: `1h30m`, `0s`; a minus sign in front when negative.
    public static func string(milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        var text = milliseconds < 0 ? "-" : ""
        var rest = milliseconds.magnitude
        for (name, length) in units {
            let amount = rest / UInt64(length)
            // Years and weeks only where they divide the whole: 8d is not 1w1d.
            if name == "y" || name == "w" {
                guard amount > 0, rest % UInt64(length) == 0 else { continue }
            } else if amount == 0 {
                continue
            }
            text += "\(amount)\(name)"
            rest -= amount * UInt64(length)
        }
        return text
    }
}

public struct InvalidDuration: Error, Sendable, Equatable, CustomStringConvertible {
    public let reason: String
    static let outOfRange = InvalidDuration(reason: "duration out of range")
    public var description: String { reason }
}
