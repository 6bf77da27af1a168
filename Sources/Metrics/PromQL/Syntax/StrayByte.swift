/// Bytes of a literal that are no UTF-8, in a `String`: a private code point stands for each. Prometheus takes such literals;
/// no label equals them, and no label may be named so.
enum StrayByte {
    private static let first: UInt32 = 0x10_fe00

    static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
        (first + 0x80...first + 0xff).contains(scalar.value) ? UInt8(scalar.value - first) : nil
    }

    static func isAny(in text: String) -> Bool { text.unicodeScalars.contains { byte($0) != nil } }

    /// Sound sequences as they are, other bytes one by one.
    static func text(_ bytes: [UInt8]) -> String {
        var text = ""
        var i = 0
        while i < bytes.count {
            let length = (1...4).first { length in
                i + length <= bytes.count && String(validating: bytes[i..<i + length], as: UTF8.self) != nil
            }
            if let length {
                text += String(decoding: bytes[i..<i + length], as: UTF8.self)
            } else if let stray = Unicode.Scalar(first + UInt32(bytes[i])) {
                text.unicodeScalars.append(stray)
            }
            i += length ?? 1
        }
        return text
    }

    /// As JSON shows it: U+FFFD instead of each.
    static func replaced(_ text: String) -> String {
        guard isAny(in: text) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { byte($0) == nil ? $0 : "\u{fffd}" }))
    }

    /// For messages without quotes.
    static func shown(_ text: String) -> String {
        guard isAny(in: text) else { return text }
        return text.unicodeScalars.reduce(into: "") { shown, scalar in
            if let byte = byte(scalar) {
                shown += "\\x" + String(byte, radix: 16)
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
    }
}
