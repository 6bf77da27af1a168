import MetricModel
import Platform

/// JSON being written, as bytes.
struct JSONText {
    var bytes: [UInt8] = []

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ number: Int64) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        append(digitsOf: number.magnitude)
    }

    /// Every point of an answer has a time: written without a string of its own.
    private mutating func append(digitsOf number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number
            var start = digits.count
            repeat {
                start -= 1
                digits.initializeElement(at: start, to: UInt8(truncatingIfNeeded: 0x30 + rest % 10))
                rest /= 10
            } while rest > 0  // 2^64 has 20 digits
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
        }
    }

    mutating func append(string text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            if utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }) {
                for byte in utf8 { appendEscaped(byte) }
            } else {
                bytes.append(contentsOf: utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        switch byte {
        case 0x22: append(#"\""#)
        case 0x5c: append(#"\\"#)
        case 0x0a: append(#"\n"#)
        case 0x0d: append(#"\r"#)
        case 0x09: append(#"\t"#)
        case ..<0x20:
            append(#"\u00"#)
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }

    /// Unix seconds with three decimals, or none: `1435781430.781`, as Prometheus writes them.
    mutating func append(milliseconds: Int64) {
        let magnitude = milliseconds.magnitude
        if milliseconds < 0 { bytes.append(UInt8(ascii: "-")) }
        append(digitsOf: magnitude / 1_000)
        let fraction = UInt32(magnitude % 1_000)
        guard fraction > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        bytes.append(UInt8(0x30 + fraction / 100))
        bytes.append(UInt8(0x30 + fraction / 10 % 10))
        bytes.append(UInt8(0x30 + fraction % 10))
    }

    /// `[1435781430.781,"1.5"]`.
    mutating func append(timestamp: Int64, value: Double) {
        bytes.append(UInt8(ascii: "["))
        append(milliseconds: timestamp)
        append(#",""#)
        DecimalText.append(value, to: &bytes)
        append(#""]"#)
    }

    mutating func append(_ labels: Labels) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for label in labels.labels {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            append(string: label.name)
            bytes.append(UInt8(ascii: ":"))
            append(string: label.value)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

/// JSON as a tree, for answers that are small.
indirect enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case labels(Labels)
    case array([JSONValue])
    /// In this order.
    case object([(String, JSONValue)])
}

extension JSONText {
    /// - Precondition: a tree that we built: its depth is a few.
    mutating func append(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let value): if value { append("true") } else { append("false") }
        case .integer(let number): append(number)
        case .number(let number):
            if number.isFinite { DecimalText.append(number, to: &bytes) } else { append("null") }
        case .string(let text): append(string: text)
        case .labels(let labels): append(labels)
        case .array(let elements):
            append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { append(",") }
                append(element)
            }
            append("]")
        case .object(let members):
            append("{")
            for (index, (name, member)) in members.enumerated() {
                if index > 0 { append(",") }
                append(string: name)
                append(":")
                append(member)
            }
            append("}")
        }
    }
}
