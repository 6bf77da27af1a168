import ObjectStorage
public import Platform

/// A bucket, or a part of one: `s3://bucket/prefix`.
public struct S3Location: Sendable, Equatable, CustomStringConvertible {
    public var bucket: String
    /// Without slashes at its ends; may be empty.
    public var prefix: String

    /// nil when the text is not one: a bucket's name has 3 … 63 letters, digits, `-`, `.` and `_`; a prefix is made of
    /// parts as an object's key is.
    public init?(_ text: String) {
        guard text.hasPrefix("s3://") else { return nil }
        let rest = text.dropFirst("s3://".count)
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        bucket = String(parts[0])
        prefix = parts.count > 1 ? String(parts[1]) : ""
        while prefix.hasSuffix("/") { prefix.removeLast() }
        let isBucket = bucket.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isBucket, (3...63).contains(bucket.utf8.count), !bucket.hasPrefix("."), !bucket.hasSuffix(".") else {
            return nil
        }
        // Room for our own names behind it.
        guard prefix.isEmpty || (ObjectKey(prefix) != nil && prefix.utf8.count <= 800) else { return nil }
    }

    public var description: String { "s3://\(bucket)\(prefix.isEmpty ? "" : "/\(prefix)")" }
}

/// How the bucket's name reaches the server.
public enum S3Addressing: String, Sendable, CaseIterable {
    /// `https://bucket.host/key` at Amazon; `https://host/bucket/key` where an endpoint is given, or the bucket's name has
    /// dots, which no certificate covers.
    case auto
    case path
    case virtual
}

/// Everything that an S3-compatible store is reached by.
public struct S3Configuration: Sendable, Equatable {
    public var location: S3Location
    /// `http://HOST:PORT` or `https://…`; nil: Amazon's, by region.
    public var endpoint: String?
    public var region: String
    public var addressing = S3Addressing.auto
    /// A PEM file of certificate authorities; nil: the system's.
    public var authorities: String?
    public var credentials: S3Credentials
    public var retry = S3RetryOptions()
    /// Uploads are cut into parts of this size. 5 MiB … 1 GiB; default 8 MiB.
    public var partSize = ByteCount.mebibytes(8)

    public init(location: S3Location, region: String, credentials: S3Credentials) {
        self.location = location
        self.region = region
        self.credentials = credentials
    }
}

/// Where requests go, worked out from a configuration.
struct S3Endpoint: Equatable {
    var isSecure: Bool
    var host: String
    var port: Int
    /// Of the `Host` header.
    var hostHeader: String
    /// Before the key: empty, or `/bucket`.
    var root: String

    init(_ configuration: S3Configuration) throws(ObjectStoreProblem) {
        let bucket = configuration.location.bucket
        let text = configuration.endpoint ?? "https://s3.\(configuration.region).amazonaws.com"
        guard let address = Address(text) else {
            throw ObjectStoreProblem("\"\(text)\" is not an endpoint; use http://HOST:PORT or https://HOST")
        }
        let isVirtual =
            switch configuration.addressing {
            case .path: false
            case .virtual: true
            case .auto: configuration.endpoint == nil && !bucket.contains(".")
            }
        isSecure = address.isSecure
        port = address.port
        // The name of a bucket need not resolve where the endpoint is one's own: connections go to the endpoint then.
        host = isVirtual && configuration.endpoint == nil ? "\(bucket).\(address.host)" : address.host
        let shownHost = address.host.contains(":") ? "[\(address.host)]" : address.host
        let named = isVirtual ? "\(bucket).\(shownHost)" : shownHost
        hostHeader = address.port == (address.isSecure ? 443 : 80) ? named : "\(named):\(address.port)"
        root = isVirtual ? "" : "/\(bucket)"
    }

    private struct Address {
        var isSecure: Bool
        var host: String
        var port: Int

        init?(_ text: String) {
            isSecure = text.hasPrefix("https://")
            guard isSecure || text.hasPrefix("http://") else { return nil }
            var rest = text.dropFirst(isSecure ? 8 : 7)
            if rest.hasSuffix("/") { rest = rest.dropLast() }
            guard !rest.isEmpty, rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !rest.contains("/"),
                !rest.contains("@"), !rest.contains("?"), !rest.contains("#")
            else { return nil }
            port = isSecure ? 443 : 80
            if rest.hasPrefix("[") {
                guard let close = rest.firstIndex(of: "]") else { return nil }
                host = String(rest[rest.index(after: rest.startIndex)..<close])
                rest = rest[rest.index(after: close)...]
                guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
                rest = rest.dropFirst()
            } else {
                let colon = rest.firstIndex(of: ":") ?? rest.endIndex
                host = String(rest[..<colon])
                rest = colon == rest.endIndex ? "" : rest[rest.index(after: colon)...]
                guard colon == rest.endIndex || rest.isEmpty || !rest.contains(":") else { return nil }
            }
            guard !host.isEmpty else { return nil }
            guard rest.isEmpty || Int(rest).map({ (1...65_535).contains($0) }) ?? false else { return nil }
            if let given = Int(rest) { port = given }
        }
    }
}

/// The configuration cannot be: says what and where to put it right.
public struct ObjectStoreProblem: Error, Sendable, Equatable, CustomStringConvertible {
    public let text: String
    public init(_ text: String) { self.text = text }
    public var description: String { text }
}
