import NIOHTTP1
import Platform

/// One request as it is signed and sent.
struct S3Request: Sendable {
    var method: HTTPMethod
    /// Begins with a slash; encoded.
    var path: String
    /// Names and values as they are, not encoded.
    var query: [(name: String, value: String)] = []
    /// Names in lower case; without `host` and `content-length`.
    var headers: [(name: String, value: String)] = []
    var body: Bytes = []

    init(_ verb: HTTPVerb, path: String) {
        method = verb.method
        self.path = path
    }

    /// In order of names and encoded: what is sent is what is signed.
    var queryText: String {
        query.map { (Self.encoded($0.name), Self.encoded($0.value)) }.sorted { $0 < $1 }
            .map { "\($0)=\($1)" }.joined(separator: "&")
    }

    var target: String { query.isEmpty ? path : "\(path)?\(queryText)" }

    /// Everything but letters, digits and `-._~` as `%XX`.
    static func encoded(_ text: String, keepsSlashes: Bool = false) -> String {
        var result = Bytes()
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(byte)
            case UInt8(ascii: "/") where keepsSlashes: result.append(byte)
            default:
                let digits = Bytes("0123456789ABCDEF".utf8)
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// What came back, whole.
struct S3Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: Bytes
    /// Another request may follow on its connection.
    var keepsConnection = true

    func header(_ name: String) -> String? { headers.first(name: name) }

    /// The `ETag` without its quotes.
    var tag: String? {
        header("etag").map {
            $0.hasPrefix("\"") && $0.hasSuffix("\"") && $0.count >= 2 ? String($0.dropFirst().dropLast()) : $0
        }
    }
}
