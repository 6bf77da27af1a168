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

    private mutating func append(digitsOf number: UInt64) {
        bytes.append(addingCapacity: Self.mostDigits) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let start = buffer.baseAddress else { return }
                initialized += Self.write(digitsOf: number, to: start + initialized)
            }
        }
    }

    /// 2^64 has so many.
    private static let mostDigits = 20

    private static func write(digitsOf number: UInt64, to out: UnsafeMutablePointer<UInt8>) -> Int {
        var count = 1
        var bound: UInt64 = 10
        while number >= bound {
            count += 1
            if count == mostDigits { break }
            bound *= 10
        }
        var rest = number
        var at = count
        while at > 0 {
            at -= 1
            out[at] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
        return count
    }

    mutating func append(string text: String) {
        var text = text
        text.withUTF8 { append(utf8: $0) }
    }

    private mutating func append(utf8: UnsafeBufferPointer<UInt8>) {
        let isPlain = appendIfPlain(room: utf8.count + 2) { out in
            out.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
            guard PlainText.copy(UnsafeRawBufferPointer(utf8), to: out + 1) else { return nil }
            out.storeBytes(of: UInt8(ascii: "\""), toByteOffset: utf8.count + 1, as: UInt8.self)
            return utf8.count + 2
        }
        if isPlain { return }
        bytes.append(UInt8(ascii: "\""))
        for byte in utf8 { appendEscaped(byte) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Text copied and looked at in one go.
    /// - Parameter write: writes at most `room` bytes and says how many; nil: what it wrote is not to stay.
    /// - Returns: whether anything stayed.
    @inline(__always)
    private mutating func appendIfPlain(room: Int, _ write: (UnsafeMutableRawPointer) -> Int?) -> Bool {
        var isPlain = false
        bytes.append(addingCapacity: room) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let start = buffer.baseAddress, let count = write(start + initialized) else { return }
                precondition(count <= room)
                initialized += count
                isPlain = true
            }
        }
        return isPlain
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
        bytes.append(addingCapacity: Self.longestStamp) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let start = buffer.baseAddress else { return }
                initialized += Self.write(milliseconds: milliseconds, to: start + initialized)
            }
        }
    }

    private static let longestStamp = mostDigits + 5

    private static func write(milliseconds: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
        let magnitude = milliseconds.magnitude
        var at = 0
        if milliseconds < 0 {
            out[0] = UInt8(ascii: "-")
            at = 1
        }
        at += write(digitsOf: magnitude / 1_000, to: out + at)
        let fraction = UInt32(magnitude % 1_000)
        guard fraction > 0 else { return at }
        out[at] = UInt8(ascii: ".")
        out[at + 1] = UInt8(0x30 + fraction / 100)
        out[at + 2] = UInt8(0x30 + fraction / 10 % 10)
        out[at + 3] = UInt8(0x30 + fraction % 10)
        return at + 4
    }

    /// `[1435781430.781,"1.5"]`.
    mutating func append(timestamp: Int64, value: Double) {
        bytes.append(addingCapacity: Self.longestPoint) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                guard let start = buffer.baseAddress else { return }
                let out = start + initialized
                out[0] = UInt8(ascii: "[")
                let length = 1 + Self.write(milliseconds: timestamp, to: out + 1)
                initialized += length + Self.write(valueAfterStamp: value, to: out + length)
            }
        }
    }

    /// `[1435781430.781,"1.5"],[…],…`: as many points as there is room for within `limit` bytes, one at least.
    ///
    /// - Parameters:
    ///   - stamps: texts of the points' times, by index; nil: to be written.
    ///   - isFirst: no point stands before.
    /// - Returns: how many.
    mutating func append(
        _ timestamps: ArraySlice<Int64>, _ values: ArraySlice<Double>, stamps: StampTexts?, isFirst: Bool, limit: Int
    ) -> Int {
        precondition(timestamps.count == values.count && timestamps.indices == values.indices)
        var done = 0
        while done < values.count, done == 0 || bytes.count < limit {
            // So many fit for sure.
            let some = min(values.count - done, max(1, (limit - bytes.count) / Self.longestPoint), 512)
            let first = timestamps.startIndex + done
            timestamps.withUnsafeBufferPointer { timestamps in
                values.withUnsafeBufferPointer { values in
                    bytes.append(addingCapacity: some * Self.longestPoint) { span in
                        span.withUnsafeMutableBufferPointer { buffer, initialized in
                            guard let start = buffer.baseAddress else { return }
                            var out = start + initialized
                            for i in done..<done + some {
                                if i > 0 || !isFirst {
                                    out[0] = UInt8(ascii: ",")
                                    out += 1
                                }
                                out[0] = UInt8(ascii: "[")
                                out += 1
                                if let stamps {
                                    out += stamps.copy(first + i - done, to: out)
                                } else {
                                    out += Self.write(milliseconds: timestamps[i], to: out)
                                }
                                out += Self.write(valueAfterStamp: values[i], to: out)
                            }
                            initialized = out - start
                        }
                    }
                }
            }
            done += some
        }
        return done
    }

    /// A comma, a point.
    private static let longestPoint = longestStamp + DecimalText.longest + 8

    private static func write(valueAfterStamp value: Double, to out: UnsafeMutablePointer<UInt8>) -> Int {
        out[0] = UInt8(ascii: ",")
        out[1] = UInt8(ascii: "\"")
        let length = 2 + DecimalText.write(value, to: out + 2)
        out[length] = UInt8(ascii: "\"")
        out[length + 1] = UInt8(ascii: "]")
        return length + 2
    }

    /// The texts of times that several series of an answer have in common.
    struct StampTexts {
        let timestamps: [Int64]
        private let bytes: [UInt8]
        private let ends: [UInt32]

        init(_ timestamps: [Int64]) {
            self.timestamps = timestamps
            var text = JSONText()
            var ends: [UInt32] = []
            ends.reserveCapacity(timestamps.count)
            text.bytes.reserveCapacity(timestamps.count * 14)
            for timestamp in timestamps {
                text.append(milliseconds: timestamp)
                ends.append(UInt32(truncatingIfNeeded: text.bytes.count))
            }
            bytes = text.bytes
            self.ends = ends
        }

        /// Whether it was made of this very array.
        func isOf(_ other: [Int64]) -> Bool {
            timestamps.withUnsafeBufferPointer { mine in
                other.withUnsafeBufferPointer { mine.baseAddress == $0.baseAddress && mine.count == $0.count }
            }
        }

        @inline(__always)
        fileprivate func copy(_ i: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
            let start = i == 0 ? 0 : Int(ends[i - 1])
            let length = Int(ends[i]) - start
            bytes.withUnsafeBufferPointer { bytes in
                if let base = bytes.baseAddress { out.update(from: base + start, count: length) }
            }
            return length
        }
    }

    mutating func append(_ labels: Labels) {
        bytes.append(UInt8(ascii: "{"))
        let start = bytes.count
        labels.forEachPair { name, value in append(name, value, isFirst: bytes.count == start) }
        bytes.append(UInt8(ascii: "}"))
    }

    /// `,"name":"value"`.
    private mutating func append(_ name: String, _ value: UnsafeRawBufferPointer, isFirst: Bool) {
        var name = name
        name.withUTF8 { utf8 in
            let isPlain = appendIfPlain(room: utf8.count + value.count + 6) { out in
                var at = 0
                if !isFirst {
                    out.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
                    at = 1
                }
                out.storeBytes(of: UInt8(ascii: "\""), toByteOffset: at, as: UInt8.self)
                guard PlainText.copy(UnsafeRawBufferPointer(utf8), to: out + (at + 1)) else { return nil }
                at += 1 + utf8.count
                // "\":\"" as it lies in memory.
                out.storeBytes(of: (0x22, 0x3a, 0x22), toByteOffset: at, as: (UInt8, UInt8, UInt8).self)
                guard PlainText.copy(value, to: out + (at + 3)) else { return nil }
                at += 3 + value.count
                out.storeBytes(of: UInt8(ascii: "\""), toByteOffset: at, as: UInt8.self)
                return at + 1
            }
            if isPlain { return }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            append(utf8: utf8)
            bytes.append(UInt8(ascii: ":"))
            append(utf8: value.assumingMemoryBound(to: UInt8.self))
        }
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
    /// An array of strings.
    case texts(TextList)
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
        case .texts(let texts):
            bytes.reserveCapacity(bytes.count + texts.bytesHeld + 3 * texts.count + 16)
            append("[")
            var isFirst = true
            texts.visit { text in
                if !isFirst { append(",") }
                isFirst = false
                append(utf8: text.assumingMemoryBound(to: UInt8.self))
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
