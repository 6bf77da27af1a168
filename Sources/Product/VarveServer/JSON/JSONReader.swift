/// JSON being read (RFC 8259): bytes from a server, so nothing about them is taken for granted.
///
/// - Nesting is bounded, and so is the recursion that follows it.
/// - Numbers become doubles; an object keeps the order of its members, and of equal names all.
struct JSONReader {
    static let maximumDepth = 64

    struct Malformed: Error, Equatable, CustomStringConvertible {
        let offset: Int
        let expected: String
        var description: String { "not JSON at byte \(offset): expected \(expected)" }
    }

    private let bytes: [UInt8]
    private var at = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The one value that the text is.
    static func read(_ bytes: [UInt8]) throws(Malformed) -> JSONValue {
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.at == bytes.count else { throw reader.malformed("the end") }
        return value
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private func malformed(_ expected: String) -> Malformed { Malformed(offset: at, expected: expected) }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: byte) else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(Malformed) -> JSONValue {
        guard depth < Self.maximumDepth else { throw malformed("less nesting than \(Self.maximumDepth)") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(_ depth: Int) throws(Malformed) -> JSONValue {
        at += 1
        var members: [(String, JSONValue)] = []
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            let name = try string()
            guard take(":") else { throw malformed("a colon") }
            members.append((name, try value(depth: depth + 1)))
        } while take(",")
        guard take("}") else { throw malformed("a comma or }") }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws(Malformed) -> JSONValue {
        at += 1
        var elements: [JSONValue] = []
        if take("]") { return .array(elements) }
        repeat { elements.append(try value(depth: depth + 1)) } while take(",")
        guard take("]") else { throw malformed("a comma or ]") }
        return .array(elements)
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(Malformed) -> JSONValue {
        guard bytes[at...].starts(with: text.utf8) else { throw malformed(text) }
        at += text.utf8.count
        return value
    }

    private mutating func number() throws(Malformed) -> Double {
        let start = at
        while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { at += 1 }
        guard at > start, let number = Double(String(decoding: bytes[start..<at], as: UTF8.self)) else {
            at = start
            throw malformed("a value")
        }
        return number
    }

    private mutating func string() throws(Malformed) -> String {
        guard next == UInt8(ascii: "\"") else { throw malformed("a string") }
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else { throw malformed("UTF-8") }
                return valid
            case UInt8(ascii: "\\"): try escape(into: &text)
            case ..<0x20: throw malformed("an escape for the control character")
            default: text.append(byte)
            }
        }
        throw malformed("the end of a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(Malformed) {
        guard let byte = next else { throw malformed("an escape") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xd800...0xdbff).contains(code), bytes[at...].starts(with: #"\u"#.utf8) {
                at += 2
                let low = try codeUnit()
                guard (0xdc00...0xdfff).contains(low) else { throw malformed("the second half of a surrogate pair") }
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
            }
            text += Array(String(Character(Unicode.Scalar(code) ?? "\u{fffd}")).utf8)
        default: throw malformed("an escape")
        }
    }

    private mutating func codeUnit() throws(Malformed) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = next.flatMap(PercentEncoding.hexDigit) else { throw malformed("four hex digits") }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}

extension JSONValue {
    /// The first member of that name.
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == name }?.1
    }
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    var double: Double? { if case .number(let number) = self { number } else { nil } }
}
