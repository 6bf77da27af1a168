/// Texts as Go writes and reads them between quotes: the language of PromQL's string literals and of the messages that
/// quote them.
enum QuotedText {
    /// `strconv.Quote`: double quotes, escapes for what cannot be printed.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars { append(scalar, quote: "\"", to: &out) }
        out += "\""
        return out
    }

    /// A stranger's text in a message: at most 256 characters.
    static func echoed(_ text: String) -> String { shortened(text, to: 256, quoted) }

    /// The same without quotes.
    static func echoedBare(_ text: String) -> String { shortened(text, to: 256) { StrayByte.shown($0) } }

    /// At most ten characters, as Prometheus echoes tokens.
    static func quotedShort(_ text: String) -> String { shortened(text, to: 10, quoted) }

    private static func shortened(_ text: String, to count: Int, _ form: (String) -> String) -> String {
        guard text.utf8.count > count else { return form(text) }
        return form(String(String.UnicodeScalarView(text.unicodeScalars.prefix(count)))) + "..."
    }

    /// One character between single quotes.
    static func quoted(_ scalar: Unicode.Scalar) -> String {
        var out = "'"
        append(scalar, quote: "'", to: &out)
        out += "'"
        return out
    }

    /// `U+0068 'h'`.
    static func codePoint(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return isPrintable(scalar) ? "U+\(padded) '\(scalar)'" : "U+\(padded)"
    }

    private static func append(_ scalar: Unicode.Scalar, quote: Unicode.Scalar, to out: inout String) {
        if scalar == quote || scalar == "\\" {
            out += "\\"
            out.unicodeScalars.append(scalar)
            return
        }
        // U+FFFD as an escape: as it is it would not be read back.
        if isPrintable(scalar), scalar != "\u{fffd}" {
            out.unicodeScalars.append(scalar)
            return
        }
        if let byte = StrayByte.byte(scalar) {
            out += "\\x" + hexadecimal(UInt32(byte), 2)
            return
        }
        switch scalar.value {
        case 7: out += "\\a"
        case 8: out += "\\b"
        case 12: out += "\\f"
        case 10: out += "\\n"
        case 13: out += "\\r"
        case 9: out += "\\t"
        case 11: out += "\\v"
        case ..<0x20, 0x7f: out += "\\x" + hexadecimal(scalar.value, 2)
        case ..<0x10000: out += "\\u" + hexadecimal(scalar.value, 4)
        default: out += "\\U" + hexadecimal(scalar.value, 8)
        }
    }

    private static func hexadecimal(_ value: UInt32, _ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value < 0x7f }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }

    /// What a literal stands for. Bytes that are no UTF-8 (`"\xff"`), as no label has, become `StrayByte`s.
    ///
    /// `literal` has its quotes on and went through the lexer, so its escapes are whole.
    static func unquoted(_ literal: ArraySlice<UInt8>) -> String {
        guard let quote = literal.first, literal.count >= 2 else { return "" }
        let inner = literal.dropFirst().dropLast()
        if quote == UInt8(ascii: "`") || !inner.contains(UInt8(ascii: "\\")) {
            return String(decoding: inner, as: UTF8.self)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(inner.count)
        var i = inner.startIndex
        while i < inner.endIndex {
            let byte = inner[i]
            i += 1
            guard byte == UInt8(ascii: "\\"), i < inner.endIndex else {
                bytes.append(byte)
                continue
            }
            let escape = inner[i]
            i += 1
            /// Reads `count` digits of base `1 << shift`.
            func number(_ count: Int, shift: UInt32) -> UInt32 {
                var value: UInt32 = 0
                for _ in 0..<count where i < inner.endIndex {
                    value = value << shift | UInt32(Lexer.digit(inner[i]) ?? 0)
                    i += 1
                }
                return value
            }
            switch escape {
            case UInt8(ascii: "a"): bytes.append(7)
            case UInt8(ascii: "b"): bytes.append(8)
            case UInt8(ascii: "f"): bytes.append(12)
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "v"): bytes.append(11)
            case UInt8(ascii: "x"): bytes.append(UInt8(truncatingIfNeeded: number(2, shift: 4)))
            case UInt8(ascii: "u"): append(code: number(4, shift: 4), to: &bytes)
            case UInt8(ascii: "U"): append(code: number(8, shift: 4), to: &bytes)
            case UInt8(ascii: "0")...UInt8(ascii: "7"):
                i -= 1
                bytes.append(UInt8(truncatingIfNeeded: number(3, shift: 3)))
            default: bytes.append(escape)  // a backslash or the quote
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? StrayByte.text(bytes)
    }

    private static func append(code: UInt32, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{fffd}").utf8)
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`: needs no quotes as the name of a label.
    static func isPlainLabelName(_ name: String) -> Bool {
        guard let first = name.utf8.first, Lexer.isLetter(first) else { return false }
        return name.utf8.allSatisfy { Lexer.isLetter($0) || Lexer.isDigit($0) }
    }
}
