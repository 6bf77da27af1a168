/// The parameters of a request: those of a form body first, then those of the URL, as Prometheus merges them.
struct FormParameters: Sendable {
    /// More than any client sends; each pair costs memory many times its bytes.
    static let maximumCount = 10_000

    private var pairs: [(name: String, value: String)] = []

    init() {}

    /// - Parameters:
    ///   - query: what follows `?` in the URL, still escaped.
    ///   - body: an `application/x-www-form-urlencoded` body, or empty.
    init(query: some Collection<UInt8>, body: some Collection<UInt8> = EmptyCollection()) throws(APIError) {
        try append(body)
        try append(query)
    }

    /// The first value; nil when the parameter is absent or empty, which requests mean as the same.
    subscript(_ name: String) -> String? {
        for pair in pairs where pair.name == name { return pair.value.isEmpty ? nil : pair.value }
        return nil
    }

    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    private mutating func append(_ text: some Collection<UInt8>) throws(APIError) {
        for piece in text.split(separator: UInt8(ascii: "&")) {
            guard pairs.count < Self.maximumCount else {
                throw APIError(.badData, "more than \(Self.maximumCount) parameters")
            }
            let end = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            let name = try Self.decoded(piece[..<end])
            let value = end == piece.endIndex ? "" : try Self.decoded(piece[piece.index(after: end)...])
            pairs.append((name, value))
        }
    }

    private static func decoded(_ text: some Collection<UInt8>) throws(APIError) -> String {
        guard let decoded = PercentEncoding.decode(text, plusIsSpace: true) else {
            let shown = String(decoding: text.prefix(256), as: UTF8.self)
            throw APIError(.badData, "error parsing form values: invalid URL escape or not UTF-8 in \"\(shown)\"")
        }
        return decoded
    }
}

/// `%41` and `+` in URLs and forms.
enum PercentEncoding {
    /// nil for a broken escape or bytes that are not UTF-8.
    static func decode(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Every byte that is no letter, digit or one of `-._~` is escaped.
    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "-._~".utf8.contains(byte)
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
