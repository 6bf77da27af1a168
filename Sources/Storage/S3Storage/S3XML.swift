public import Platform

/// The XML of S3's answers: elements and text, no attributes of meaning, no entities but the five, no DTD.
///
/// - Bounds: `maximumBytes` of input, `maximumDepth` elements deep, `maximumElements` in all; what passes them is refused.
/// - Source of entities and characters: XML 1.0, sections 2.2 and 4.1.
public struct S3XML: Sendable, Equatable {
    public static let maximumBytes = 8 << 20
    public static let maximumDepth = 16
    public static let maximumElements = 100_000

    /// Local name, without a prefix.
    public var name: String
    public var text = ""
    public var children: [S3XML] = []

    init(name: String) { self.name = name }

    /// The root element.
    /// - Throws: `MalformedBytes`.
    public static func parse(_ bytes: Bytes) throws(MalformedBytes) -> S3XML {
        guard bytes.count <= maximumBytes else {
            throw MalformedBytes(offset: maximumBytes, expected: "XML of at most \(maximumBytes) bytes")
        }
        var parser = Parser(bytes: bytes)
        return try parser.document()
    }

    /// Children of that name.
    public func all(_ name: String) -> [S3XML] { children.filter { $0.name == name } }
    /// The text of the first child of that name.
    public func text(_ name: String) -> String? { children.first { $0.name == name }?.text }

    private struct Parser {
        let bytes: Bytes
        var at = 0
        var elements = 0

        func fail(_ expected: String) -> MalformedBytes { MalformedBytes(offset: at, expected: expected) }

        func isNext(_ text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

        mutating func skipSpace() {
            while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
        }

        mutating func skip(past text: String) throws(MalformedBytes) {
            let wanted = Array(text.utf8)
            while at + wanted.count <= bytes.count {
                if bytes[at..<at + wanted.count].elementsEqual(wanted) {
                    at += wanted.count
                    return
                }
                at += 1
            }
            throw fail(text)
        }

        /// Declarations and comments between elements.
        mutating func skipMisc() throws(MalformedBytes) {
            while true {
                skipSpace()
                if isNext("<?") {
                    try skip(past: "?>")
                } else if isNext("<!--") {
                    try skip(past: "-->")
                } else if isNext("<!") {
                    throw fail("no DTD")
                } else {
                    return
                }
            }
        }

        mutating func document() throws(MalformedBytes) -> S3XML {
            if isNext("\u{feff}") { at += 3 }
            try skipMisc()
            let root = try element(depth: 1)
            try skipMisc()
            guard at == bytes.count else { throw fail("the end") }
            return root
        }

        /// The name in a tag, without its prefix.
        mutating func name() throws(MalformedBytes) -> String {
            let start = at
            while at < bytes.count,
                ![0x20, 0x09, 0x0a, 0x0d, UInt8(ascii: ">"), UInt8(ascii: "/"), UInt8(ascii: "<")]
                    .contains(bytes[at])
            {
                at += 1
            }
            guard at > start, at - start <= 128 else { throw fail("a name") }
            let name = String(decoding: bytes[start..<at], as: UTF8.self)
            return name.split(separator: ":").last.map { String($0) } ?? name
        }

        mutating func element(depth: Int) throws(MalformedBytes) -> S3XML {
            guard depth <= S3XML.maximumDepth else { throw fail("elements at most \(S3XML.maximumDepth) deep") }
            elements += 1
            guard elements <= S3XML.maximumElements else { throw fail("at most \(S3XML.maximumElements) elements") }
            guard isNext("<") else { throw fail("<") }
            at += 1
            var element = S3XML(name: try name())
            // Attributes mean nothing here; their values may hold `>`.
            var quote: UInt8?
            while true {
                guard at < bytes.count else { throw fail(">") }
                let byte = bytes[at]
                at += 1
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == UInt8(ascii: "<") {
                    throw fail(">")
                } else if byte == UInt8(ascii: ">") {
                    break
                }
            }
            if bytes[at - 2] == UInt8(ascii: "/") { return element }
            var text = Bytes()
            while true {
                guard at < bytes.count else { throw fail("</\(element.name)>") }
                if isNext("</") {
                    at += 2
                    guard try name() == element.name else { throw fail("</\(element.name)>") }
                    skipSpace()
                    guard isNext(">") else { throw fail(">") }
                    at += 1
                    element.text = String(decoding: text, as: UTF8.self)
                    return element
                }
                if isNext("<!--") {
                    try skip(past: "-->")
                } else if isNext("<![CDATA[") {
                    at += 9
                    let start = at
                    try skip(past: "]]>")
                    text += bytes[start..<at - 3]
                } else if isNext("<!") {
                    throw fail("no DTD")
                } else if isNext("<") {
                    element.children.append(try self.element(depth: depth + 1))
                } else if isNext("&") {
                    text += try entity()
                } else {
                    text.append(bytes[at])
                    at += 1
                }
            }
        }

        mutating func entity() throws(MalformedBytes) -> Bytes {
            let start = at
            while at < bytes.count, bytes[at] != UInt8(ascii: ";"), at - start < 12 { at += 1 }
            guard at < bytes.count, bytes[at] == UInt8(ascii: ";") else { throw fail(";") }
            let name = String(decoding: bytes[start + 1..<at], as: UTF8.self)
            at += 1
            switch name {
            case "amp": return Bytes(text: "&")
            case "lt": return Bytes(text: "<")
            case "gt": return Bytes(text: ">")
            case "quot": return Bytes(text: "\"")
            case "apos": return Bytes(text: "'")
            default:
                let digits = name.hasPrefix("#x") ? name.dropFirst(2) : name.dropFirst()
                guard name.hasPrefix("#"), let code = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
                    let scalar = Unicode.Scalar(code)
                else { throw fail("one of XML's own entities, not &\(name);") }
                return Bytes(text: String(Character(scalar)))
            }
        }
    }
}
