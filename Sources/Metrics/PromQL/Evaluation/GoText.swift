import Glibc
import MetricModel

/// Numbers, strings and labels as Go writes them: Prometheus's texts are made of these.
enum GoText {
    /// `%g`, and `%v` of a number: the shortest digits that read back, exponent form below 1e-4 and from 1e6.
    static func general(_ value: Double) -> String {
        if let special = special(value) { return special }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        let digits = Decimal(value)
        return digits.exponent < -4 || digits.exponent >= 6 ? digits.scientific : digits.plain
    }

    /// `%.2g` and its like.
    static func general(_ value: Double, digits: Int) -> String {
        special(value) ?? printf("%.\(digits)g", value)
    }

    /// The shortest digits that read back, never with an exponent: the label of `count_values`.
    static func plain(_ value: Double) -> String {
        if let special = special(value) { return special }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        return Decimal(value).plain
    }

    /// `%f`.
    static func fixed(_ value: Double) -> String { special(value) ?? printf("%f", value) }

    private static func printf(_ format: String, _ value: Double) -> String {
        // %f of the largest double has 309 digits before the point and 6 after.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
            let written = withVaList([value]) { vsnprintf(buffer.baseAddress, buffer.count, format, $0) }
            return String(decoding: buffer.prefix(max(Int(written), 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return nil
    }

    /// `strconv.Quote`.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{7}": quoted += "\\a"
            case "\u{8}": quoted += "\\b"
            case "\u{B}": quoted += "\\v"
            case "\u{C}": quoted += "\\f"
            case let control where control.value < 0x20 || control.value == 0x7f:
                let digits = String(control.value, radix: 16)
                quoted += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            default:
                if let byte = StrayByte.byte(scalar) {
                    quoted += "\\x" + String(byte, radix: 16)
                } else {
                    quoted.unicodeScalars.append(scalar)
                }
            }
        }
        return quoted + "\""
    }

    /// `labels.Labels.String()`.
    static func labels(_ labels: Labels) -> String {
        let pairs = labels.labels.map { label in
            (isLegacyName(label.name) ? label.name : quoted(label.name)) + "=" + quoted(label.value)
        }
        return "{" + pairs.joined(separator: ", ") + "}"
    }

    private static func isLegacyName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
    }

    /// `2006-01-02T15:04:05Z`.
    static func rfc3339(seconds: Int64) -> String {
        let date = CivilTime(secondsSinceEpoch: seconds)
        func padded(_ number: Int64, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
        }
        return "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))T"
            + "\(padded(date.hour)):\(padded(date.minute)):\(padded(date.second))Z"
    }

    /// The shortest decimal digits of a finite number that is not 0, taken from Swift's own `description`.
    private struct Decimal {
        let isNegative: Bool
        /// No leading or trailing zero.
        let digits: [UInt8]
        /// Power of ten of the first digit.
        let exponent: Int

        init(_ value: Double) {
            var mantissa: [UInt8] = []
            var pointAt: Int?
            var power = 0
            let text = value.magnitude.description
            let parts = text.split(separator: "e")
            for byte in (parts.first ?? "0").utf8 {
                if byte == UInt8(ascii: ".") { pointAt = mantissa.count } else { mantissa.append(byte) }
            }
            if parts.count > 1 { power = Int(parts[1]) ?? 0 }
            let wholeDigits = pointAt ?? mantissa.count
            let zeros = mantissa.prefix { $0 == UInt8(ascii: "0") }.count
            mantissa.removeFirst(zeros)
            while mantissa.last == UInt8(ascii: "0") { mantissa.removeLast() }
            isNegative = value < 0
            digits = mantissa
            exponent = wholeDigits - zeros - 1 + power
        }

        var plain: String {
            var text: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
            if exponent < 0 {
                text += [UInt8(ascii: "0"), UInt8(ascii: ".")]
                text += [UInt8](repeating: UInt8(ascii: "0"), count: -exponent - 1)
                text += digits
            } else {
                for place in 0...max(exponent, digits.count - 1) {
                    if place == exponent + 1 { text.append(UInt8(ascii: ".")) }
                    text.append(place < digits.count ? digits[place] : UInt8(ascii: "0"))
                }
            }
            return String(decoding: text, as: UTF8.self)
        }

        var scientific: String {
            var text: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
            text += digits.prefix(1)
            if digits.count > 1 { text += [UInt8(ascii: ".")] + digits.dropFirst() }
            let sign = exponent < 0 ? "-" : "+"
            let power = String(exponent.magnitude)
            return String(decoding: text, as: UTF8.self) + "e" + sign + (power.utf8.count < 2 ? "0" : "") + power
        }
    }
}
