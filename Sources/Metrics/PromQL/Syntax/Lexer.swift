/// Cuts a query into tokens, one at a time.
///
/// - Reads bytes; every loop moves forward, so time is linear in the text.
/// - What a byte means depends on where it stands: between braces (matchers), between brackets (durations), elsewhere.
/// - Errors carry the byte offset; `PromQLParser` turns it into line and column.
struct Lexer {
    /// A byte offset and what is wrong there.
    struct Failure: Error {
        var offset: Int
        var reason: String
        init(_ offset: Int, _ reason: String) {
            self.offset = offset
            self.reason = reason
        }
    }

    let bytes: [UInt8]
    var position = 0
    private var parenthesisDepth = 0
    private var isInBraces = false
    private var isInBrackets = false
    private var sawDuration = false
    private var sawColon = false

    init(_ text: String) { bytes = Array(text.utf8) }

    func text(_ token: Token) -> String { String(decoding: bytes[token.start..<token.end], as: UTF8.self) }

    /// The byte at `offset`; nil past the end.
    func byte(_ offset: Int) -> UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func next() throws(Failure) -> Token {
        skipSpaceAndComments()
        if isInBraces { return try nextInBraces() }
        if isInBrackets { return try nextInBrackets() }
        return try nextInStatement()
    }

    private mutating func skipSpaceAndComments() {
        while let byte = byte(position) {
            if Self.isSpace(byte) {
                position += 1
            } else if byte == UInt8(ascii: "#") {
                while let next = self.byte(position), next != 10, next != 13 { position += 1 }
            } else {
                return
            }
        }
    }

    private mutating func emit(_ kind: TokenKind, _ length: Int) -> Token {
        let token = Token(kind: kind, start: position, end: position + length)
        position += length
        return token
    }

    private mutating func nextInStatement() throws(Failure) -> Token {
        guard let first = byte(position) else {
            if parenthesisDepth != 0 { throw Failure(position, "unclosed left parenthesis") }
            return emit(.endOfInput, 0)
        }
        let second = byte(position + 1)
        switch first {
        case UInt8(ascii: ","): return emit(.comma, 1)
        case UInt8(ascii: "@"): return emit(.at, 1)
        case UInt8(ascii: "="):
            if second == UInt8(ascii: "=") { return emit(.equal, 2) }
            if second == UInt8(ascii: "~") { throw Failure(position, "unexpected character after '=': '~'") }
            return emit(.assign, 1)
        case UInt8(ascii: "!"):
            guard second == UInt8(ascii: "=") else {
                throw Failure(position, "unexpected character after '!': \(character(at: position + 1))")
            }
            return emit(.notEqual, 2)
        case UInt8(ascii: "<"):
            if second == UInt8(ascii: "/") { return emit(.trimUpper, 2) }
            return second == UInt8(ascii: "=") ? emit(.lessOrEqual, 2) : emit(.less, 1)
        case UInt8(ascii: ">"):
            if second == UInt8(ascii: "/") { return emit(.trimLower, 2) }
            return second == UInt8(ascii: "=") ? emit(.greaterOrEqual, 2) : emit(.greater, 1)
        case UInt8(ascii: "{"):
            isInBraces = true
            return emit(.leftBrace, 1)
        case UInt8(ascii: "["):
            isInBrackets = true
            sawDuration = false
            sawColon = false
            return emit(.leftBracket, 1)
        case UInt8(ascii: "]"): throw Failure(position, "unexpected right bracket ']'")
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): return try string(quote: first)
        default: break
        }
        if let token = try arithmetic(first) { return token }
        if Self.isDigit(first) || (first == UInt8(ascii: ".") && second.map(Self.isDigit) == true) {
            return try numberOrDuration()
        }
        if Self.isLetter(first) || first == UInt8(ascii: ":") { return word() }
        throw Failure(position, "unexpected character: \(character(at: position))")
    }

    /// Parentheses and the operators that durations share with expressions.
    private mutating func arithmetic(_ first: UInt8) throws(Failure) -> Token? {
        switch first {
        case UInt8(ascii: "+"): return emit(.add, 1)
        case UInt8(ascii: "-"): return emit(.subtract, 1)
        case UInt8(ascii: "*"): return emit(.multiply, 1)
        case UInt8(ascii: "/"): return emit(.divide, 1)
        case UInt8(ascii: "%"): return emit(.modulo, 1)
        case UInt8(ascii: "^"): return emit(.power, 1)
        case UInt8(ascii: "("):
            parenthesisDepth += 1
            return emit(.leftParenthesis, 1)
        case UInt8(ascii: ")"):
            parenthesisDepth -= 1
            guard parenthesisDepth >= 0 else { throw Failure(position + 1, "unexpected right parenthesis ')'") }
            return emit(.rightParenthesis, 1)
        default: return nil
        }
    }

    private mutating func nextInBraces() throws(Failure) -> Token {
        guard let first = byte(position) else {
            throw Failure(position, "unexpected end of input inside braces")
        }
        let second = byte(position + 1)
        switch first {
        case UInt8(ascii: ","): return emit(.comma, 1)
        case UInt8(ascii: "="):
            return second == UInt8(ascii: "~") ? emit(.matches, 2) : emit(.assign, 1)
        case UInt8(ascii: "!"):
            if second == UInt8(ascii: "~") { return emit(.notMatches, 2) }
            if second == UInt8(ascii: "=") { return emit(.notEqual, 2) }
            let found = character(at: position + 1)
            throw Failure(position, "unexpected character after '!' inside braces: \(found)")
        case UInt8(ascii: "{"): throw Failure(position, "unexpected left brace '{'")
        case UInt8(ascii: "}"):
            isInBraces = false
            return emit(.rightBrace, 1)
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): return try string(quote: first)
        default:
            guard Self.isLetter(first) else {
                throw Failure(position, "unexpected character inside braces: \(character(at: position))")
            }
            // Keywords are names here.
            var end = position + 1
            while let next = byte(end), Self.isLetter(next) || Self.isDigit(next) { end += 1 }
            return emit(.identifier, end - position)
        }
    }

    private mutating func nextInBrackets() throws(Failure) -> Token {
        guard let first = byte(position) else {
            throw Failure(position, "unexpected end of input in duration expression")
        }
        switch first {
        case UInt8(ascii: "]"):
            isInBrackets = false
            return emit(.rightBracket, 1)
        case UInt8(ascii: "["): throw Failure(position, "unexpected left bracket '['")
        case UInt8(ascii: ":"):
            guard sawDuration else {
                throw Failure(position, "unexpected colon before duration in duration expression")
            }
            guard !sawColon else { throw Failure(position, "unexpected repeated colon in duration expression") }
            sawColon = true
            return emit(.colon, 1)
        case UInt8(ascii: ","): return emit(.comma, 1)
        default: break
        }
        if let token = try arithmetic(first) { return token }
        sawDuration = true
        if Self.isDigit(first) || (first == UInt8(ascii: ".") && byte(position + 1).map(Self.isDigit) == true) {
            return try numberOrDuration()
        }
        if Self.isLetter(first) {
            let start = self
            let token = word()
            switch token.kind {
            case .step, .range: return token
            case .aggregator, .identifier:
                if DurationFunction(lowercased(token)) != nil { return token }
            default: break
            }
            self = start
        }
        throw Failure(position, "unexpected character in duration expression: \(character(at: position))")
    }

    /// A keyword, or the name of a metric or function.
    private mutating func word() -> Token {
        var end = position
        var hasColon = false
        while let next = byte(end) {
            if next == UInt8(ascii: ":") {
                if isInBrackets { break }
                hasColon = true
            } else if !Self.isLetter(next) && !Self.isDigit(next) {
                break
            }
            end += 1
        }
        var token = emit(hasColon ? .metricIdentifier : .identifier, end - position)
        guard !hasColon, token.end - token.start <= 16, let kind = TokenKind.words[lowercased(token)] else {
            return token
        }
        // Metrics were called `fill` before it was a modifier: the parenthesis decides.
        if kind == .fill || kind == .fillLeft || kind == .fillRight {
            var ahead = position
            while let next = byte(ahead), Self.isSpace(next) { ahead += 1 }
            guard byte(ahead) == UInt8(ascii: "(") else { return token }
        }
        token.kind = kind
        return token
    }

    func lowercased(_ token: Token) -> String {
        String(
            decoding: bytes[token.start..<token.end].lazy.map { $0 &+ ((65...90).contains($0) ? 32 : 0) }, as: UTF8.self
        )
    }

    /// The character at a byte, in single quotes.
    func character(at offset: Int) -> String {
        let text = String(decoding: bytes[min(offset, bytes.count)..<min(offset + 4, bytes.count)], as: UTF8.self)
        guard let scalar = text.unicodeScalars.first else { return "'\u{FFFD}'" }  // the end, as Prometheus says it
        return QuotedText.quoted(scalar)
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }
    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    static func isLetter(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte | 32 >= UInt8(ascii: "a") && byte | 32 <= UInt8(ascii: "z"))
    }
    /// The value of a hexadecimal digit.
    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
