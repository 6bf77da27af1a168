import MetricModel

/// Values of a series description: `1 2+3x4 _ _x3 stale {{schema:0 count:1}}x2`.
///
/// - `axn` is n + 1 values, `a+bxn` climbs by b, `_xn` is n gaps.
/// - At most `maximumPoints` values a line.
enum SeriesNotation {
    static let maximumPoints = 1_000_000

    struct Malformed: Error {
        var reason: String
    }

    static func points(_ text: String) throws(Malformed) -> [SeriesPoint] {
        var cursor = Cursor(bytes: Array(text.utf8))
        var points: [SeriesPoint] = []
        while true {
            cursor.skipSpace()
            guard !cursor.isAtEnd else { return points }
            try cursor.item(into: &points)
            guard points.count <= maximumPoints else {
                throw Malformed(reason: "more than \(maximumPoints) values in one series")
            }
            guard cursor.isAtEnd || cursor.isAtSpace else {
                throw Malformed(reason: "unexpected \(cursor.rest) in series values")
            }
        }
    }

    private struct Cursor {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position >= bytes.count }
        var isAtSpace: Bool { peek == 32 || peek == 9 }
        var peek: UInt8? { position < bytes.count ? bytes[position] : nil }
        var rest: String { "\"" + String(decoding: bytes[position...].prefix(64), as: UTF8.self) + "\"" }

        mutating func skipSpace() {
            while isAtSpace { position += 1 }
        }
        mutating func accept(_ text: StaticString) -> Bool {
            let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            guard bytes[position...].starts(with: wanted) else { return false }
            position += wanted.count
            return true
        }

        mutating func item(into points: inout [SeriesPoint]) throws(Malformed) {
            if accept("{{") { return try histogram(into: &points) }
            if accept("_") {
                let count = accept("x") ? try repetitions() : 1
                points.append(contentsOf: repeatElement(.omitted, count: count))
                return
            }
            var value: Double
            if accept("stale") {
                value = StaleMarker.value
            } else {
                value = try number()
            }
            var step = 0.0
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") {
                step = try number()
                guard peek == UInt8(ascii: "x") else { throw Malformed(reason: "expected x<count> at \(rest)") }
            }
            guard accept("x") else {
                points.append(.value(value))
                return
            }
            let count = try repetitions()
            for _ in 0...count {
                points.append(.value(value))
                if step != 0 { value += step }
            }
        }

        /// Double braces were read. Sums and differences of histograms are histograms all the same.
        private mutating func histogram(into points: inout [SeriesPoint]) throws(Malformed) {
            let text = try histogramText()
            if accept("+{{") || accept("-{{") {
                _ = try histogramText()
                guard peek == UInt8(ascii: "x") else { throw Malformed(reason: "expected x<count> at \(rest)") }
            }
            let count = accept("x") ? try repetitions() : 0
            points.append(contentsOf: repeatElement(.histogram(text), count: count + 1))
        }

        private mutating func histogramText() throws(Malformed) -> String {
            let start = position
            while !isAtEnd {
                if accept("}}") { return String(decoding: bytes[start..<(position - 2)], as: UTF8.self) }
                position += 1
            }
            throw Malformed(reason: "histogram without closing braces")
        }

        private mutating func repetitions() throws(Malformed) -> Int {
            let start = position
            while let next = peek, (48...57).contains(next) { position += 1 }
            guard let count = Int(String(decoding: bytes[start..<position], as: UTF8.self)),
                count < SeriesNotation.maximumPoints
            else { throw Malformed(reason: "invalid repetition in series values") }
            return count
        }

        /// A decimal number with an optional sign, `Inf` or `NaN`.
        private mutating func number() throws(Malformed) -> Double {
            let start = position
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            let isNegative = bytes[start] == UInt8(ascii: "-")
            let word = String(decoding: bytes[position...].prefix(3), as: UTF8.self).lowercased()
            if word == "inf" || word == "nan" {
                position += 3
                return word == "nan" ? .nan : (isNegative ? -.infinity : .infinity)
            }
            let digits = position
            while let next = peek {
                let last = position > digits ? bytes[position - 1] | 32 : 0
                let isSignOfExponent =
                    (next == UInt8(ascii: "+") || next == UInt8(ascii: "-")) && last == UInt8(ascii: "e")
                guard
                    (48...57).contains(next) || next == UInt8(ascii: ".") || next | 32 == UInt8(ascii: "e")
                        || isSignOfExponent
                else { break }
                position += 1
            }
            guard let value = ScriptNumber.parse(String(decoding: bytes[digits..<position], as: UTF8.self)) else {
                position = start
                throw Malformed(reason: "unexpected \(rest) in series values, expected number or \"stale\"")
            }
            return isNegative ? -value : value
        }
    }
}

/// Numbers as Go's `strconv` reads them, as far as scripts write them.
enum ScriptNumber {
    static func parse(_ text: String) -> Double? {
        var body = Substring(text)
        var isNegative = false
        if body.hasPrefix("+") || body.hasPrefix("-") {
            isNegative = body.hasPrefix("-")
            body = body.dropFirst()
        }
        let magnitude: Double
        switch body.lowercased() {
        case "inf", "infinity": magnitude = .infinity
        case "nan": return .nan
        default:
            guard let first = body.utf8.first, (48...57).contains(first) || first == UInt8(ascii: ".") else {
                return nil
            }
            if body.lowercased().hasPrefix("0x") {
                guard let value = Int64(body.dropFirst(2), radix: 16) else { return nil }
                magnitude = Double(value)
            } else {
                var decimal = body.hasPrefix(".") ? "0" + body : body
                if decimal.hasSuffix(".") { decimal += "0" }
                guard let value = Double(decimal) else { return nil }
                magnitude = value
            }
        }
        return isNegative ? -magnitude : magnitude
    }
}
