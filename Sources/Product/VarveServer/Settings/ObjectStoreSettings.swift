public import Platform

/// Where objects lie when they do not lie in the data directory, and how readers of a bucket follow it.
public struct ObjectStoreSettings: Sendable, Equatable {
    /// `s3://bucket/prefix`; nil: the data directory.
    public var location: String?
    /// `http://HOST:PORT` or `https://…`; nil: what AWS's variables and files say, else Amazon.
    public var endpoint: String?
    public var region: String?
    /// `auto`, `path` or `virtual`.
    public var addressing = "auto"
    /// PEM file of certificate authorities for `https://`; nil: what AWS's variables say, else the system's.
    public var authorities: String?
    /// Ranges of objects kept below `cache/` in the data directory. 0 keeps none.
    public var cacheSize = ByteCount.mebibytes(10_240)
    /// …and in memory. 0 keeps none.
    public var cacheMemory = ByteCount.mebibytes(64)
    /// How old what a read-only server shows may be, beyond the writer's flush age. 100 ms … 1 h.
    public var staleness = Duration.seconds(5)
    /// Follow the bucket and write nothing.
    public var isReadOnly = false
    /// Claim the region although another node has, and this one's log holds what it never flushed.
    public var takesOver = false

    public init() {}

    /// Of those that every command takes.
    public static let placeNames = ["object-store", "s3-endpoint", "s3-region", "s3-addressing", "s3-ca-file"]
    static let names = placeNames + ["cache-size", "cache-memory", "staleness", "read-only", "take-over"]

    /// - Returns: what would do, when `text` does not.
    public mutating func apply(_ name: String, _ text: String) -> String? {
        func flag(_ path: WritableKeyPath<Self, Bool>) -> String? {
            guard let value = ["true": true, "1": true, "false": false, "0": false][text] else {
                return "use true or false"
            }
            self[keyPath: path] = value
            return nil
        }
        func size(_ path: WritableKeyPath<Self, ByteCount>) -> String? {
            guard let size = ByteCount(text: text), size.bytes >= 0 else { return "use a size as in 10GiB, or 0" }
            self[keyPath: path] = size
            return nil
        }
        switch name {
        case "object-store":
            guard text.hasPrefix("s3://") else { return "use s3://BUCKET or s3://BUCKET/PREFIX" }
            location = text
        case "s3-endpoint":
            guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
                return "use http://HOST:PORT or https://HOST"
            }
            endpoint = text
        case "s3-region":
            guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                return "use the name of a region, as in eu-central-1"
            }
            region = text
        case "s3-addressing":
            guard ["auto", "path", "virtual"].contains(text) else { return "use auto, path or virtual" }
            addressing = text
        case "s3-ca-file":
            guard !text.isEmpty, !text.utf8.contains(0) else { return "use the path of a PEM file" }
            authorities = text
        case "cache-size": return size(\.cacheSize)
        case "cache-memory": return size(\.cacheMemory)
        case "staleness":
            guard let time = DurationParameter.parse(text), (100...3_600_000).contains(time) else {
                return "use 100ms … 1h, as in 5s"
            }
            staleness = .milliseconds(time)
        case "read-only": return flag(\.isReadOnly)
        case "take-over": return flag(\.takesOver)
        default: break
        }
        return nil
    }

    /// What does not go together, in the words of the flags.
    func problems() -> [String] {
        var found: [String] = []
        if isReadOnly, location == nil {
            found.append("--read-only follows a bucket: name it with --object-store s3://BUCKET/PREFIX")
        }
        if isReadOnly, takesOver { found.append("--read-only writes nothing, --take-over writes: give one") }
        return found
    }

    var shown: [(name: String, value: String)] {
        [
            ("object-store", location ?? ""), ("s3-endpoint", endpoint ?? ""), ("s3-region", region ?? ""),
            ("s3-addressing", addressing), ("s3-ca-file", authorities ?? ""), ("cache-size", "\(cacheSize)"),
            ("cache-memory", "\(cacheMemory)"), ("staleness", ServeSettings.text(staleness)),
            ("read-only", "\(isReadOnly)"), ("take-over", "\(takesOver)"),
        ]
    }
}
