extension Lexer {
    /// A number, or a duration such as `1h30m`.
    mutating func numberOrDuration() throws(Failure) -> Token {
        let start = position
        if scanNumber() { return Token(kind: .number, start: start, end: position) }
        if scanRestOfDuration() { return Token(kind: .duration, start: start, end: position) }
        let found = String(decoding: bytes[start..<min(position, start + 256)], as: UTF8.self)
        throw Failure(start, "bad number or duration syntax: \(QuotedText.echoed(found))")
    }

    private mutating func accept(_ matches: (UInt8) -> Bool) -> Bool {
        guard let next = byte(position), matches(next) else { return false }
        position += 1
        return true
    }

    /// Digits with `_` between them, one point, one exponent, or hexadecimal digits after `0x`. False: not a number, and
    /// `position` is where that showed.
    private mutating func scanNumber() -> Bool {
        let start = position
        var isHexadecimal = false
        if byte(start) == UInt8(ascii: "0"), let second = byte(start + 1), second | 32 == UInt8(ascii: "x") {
            position += 2
            isHexadecimal = true
            _ = accept { $0 == UInt8(ascii: "_") }
        }
        var sawPoint = false
        var sawExponent = false
        var sawDigit = false
        scan: while let next = byte(position) {
            switch next {
            case _ where isHexadecimal ? Lexer.digit(next) != nil : Lexer.isDigit(next):
                sawDigit = true
                position += 1
            case UInt8(ascii: "."):
                position += 1
                guard !sawPoint, !isHexadecimal, !sawExponent else { return false }
                sawPoint = true
                if let after = byte(position), after == UInt8(ascii: "_") || after == UInt8(ascii: ".") {
                    position += 1
                    return false
                }
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                position += 1
                guard !sawExponent, sawDigit else { return false }
                sawExponent = true
                _ = accept { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
                guard let after = byte(position), Lexer.isDigit(after) else { return false }
            case UInt8(ascii: "_"):
                position += 1
                guard let after = byte(position), isHexadecimal ? Lexer.digit(after) != nil : Lexer.isDigit(after)
                else { return false }
            default: break scan
            }
        }
        guard sawDigit else { return false }
        guard let next = byte(position) else { return true }
        return !Lexer.isLetter(next) && !Lexer.isDigit(next)
    }

    /// The first number was read; units and further numbers follow. Their order is checked by `DurationText`.
    private mutating func scanRestOfDuration() -> Bool {
        func isUnit(_ byte: UInt8) -> Bool { "smhdwy".utf8.contains(byte) }
        guard accept(isUnit) else { return false }
        _ = accept { $0 == UInt8(ascii: "s") }  // ms
        while accept(Lexer.isDigit) {
            while accept(Lexer.isDigit) {}
            guard accept(isUnit) else { return false }
            _ = accept { $0 == UInt8(ascii: "s") }
        }
        guard let next = byte(position) else { return true }
        guard !Lexer.isLetter(next), !Lexer.isDigit(next) else {
            position += 1
            return false
        }
        return true
    }

    /// A literal between `"`, `'` (Go's escapes) or backquotes (as it stands).
    mutating func string(quote: UInt8) throws(Failure) -> Token {
        let start = position
        position += 1
        let isRaw = quote == UInt8(ascii: "`")
        while let next = byte(position) {
            position += 1
            if next == quote { return Token(kind: .string, start: start, end: position) }
            // U+FFFD is what Go reads for bytes that are no UTF-8; Prometheus takes the one for the other.
            if next == 0xef, byte(position) == 0xbf, byte(position + 1) == 0xbd {
                throw Failure(start, "invalid UTF-8 rune")
            }
            if isRaw { continue }
            if next == 10 { break }
            if next == UInt8(ascii: "\\") { try escape(quote: quote, literal: start) }
        }
        throw Failure(start, isRaw ? "unterminated raw string" : "unterminated quoted string")
    }

    private mutating func escape(quote: UInt8, literal start: Int) throws(Failure) {
        guard let kind = byte(position) else { throw Failure(start, "escape sequence not terminated") }
        let (count, base, limit): (Int, UInt32, UInt32)
        switch kind {
        case quote, UInt8(ascii: "\\"), UInt8(ascii: "a"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "v"):
            position += 1
            return
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            (count, base, limit) = (3, 8, 255)
            position -= 1  // the first digit is part of the number
        case UInt8(ascii: "x"): (count, base, limit) = (2, 16, 255)
        case UInt8(ascii: "u"): (count, base, limit) = (4, 16, 0x10ffff)
        case UInt8(ascii: "U"): (count, base, limit) = (8, 16, 0x10ffff)
        default: throw Failure(start, "unknown escape sequence \(codePoint(at: position))")
        }
        position += 1
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let next = byte(position) else { throw Failure(start, "escape sequence not terminated") }
            guard let digit = Lexer.digit(next), UInt32(digit) < base else {
                throw Failure(start, "illegal character \(codePoint(at: position)) in escape sequence")
            }
            value = value &* base &+ UInt32(digit)  // at most 8 hexadecimal digits: fits
            position += 1
        }
        guard value <= limit, !(0xd800..<0xe000).contains(value) || limit == 255 else {
            throw Failure(start, "escape sequence is an invalid Unicode code point")
        }
    }

    private func codePoint(at offset: Int) -> String {
        let text = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self)
        return text.unicodeScalars.first.map(QuotedText.codePoint) ?? "end of input"
    }

    /// The value of a number token; nil when it is out of form (`0x` beyond 64 bits).
    func number(_ token: Token) -> Double? {
        let text = String(
            decoding: bytes[token.start..<token.end].lazy.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        let lower = text.lowercased()
        if lower == "inf" { return .infinity }
        if lower == "nan" { return .nan }
        if lower.hasPrefix("0x") { return Int64(lower.dropFirst(2), radix: 16).map(Double.init) }
        if text.utf8.allSatisfy(Lexer.isDigit) {
            // Go reads a leading zero as octal where it can: 017 is 15, 08 is 8.
            if text.utf8.count > 1, text.utf8.first == UInt8(ascii: "0"), let octal = Int64(text, radix: 8) {
                return Double(octal)
            }
            if let integer = Int64(text) { return Double(integer) }
        }
        let pointAtEnd = text.hasSuffix(".") ? text + "0" : text.replacingPointBeforeExponent()
        guard let value = Double(pointAtEnd), value.isFinite else { return nil }
        return value
    }
}

extension String {
    /// `2.e3` as `2.0e3`, `.5` as `0.5`: what Swift's conversion wants.
    fileprivate func replacingPointBeforeExponent() -> String {
        var out: [UInt8] = []
        var last: UInt8 = UInt8(ascii: "x")
        for byte in utf8 {
            if byte == UInt8(ascii: "."), !Lexer.isDigit(last) { out.append(UInt8(ascii: "0")) }
            if byte | 32 == UInt8(ascii: "e"), last == UInt8(ascii: ".") { out.append(UInt8(ascii: "0")) }
            out.append(byte)
            last = byte
        }
        return String(decoding: out, as: UTF8.self)
    }
}
