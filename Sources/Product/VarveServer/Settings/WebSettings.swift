public import Platform

/// Of connections and of what clients may take their time for.
public struct WebSettings: Sendable, Equatable {
    /// Users, tokens and TLS in Prometheus's format; empty: none.
    public var configFile = ""
    /// A regular expression for the `Origin` of pages that may read answers; empty: none.
    public var allowedOrigins = ""
    /// Connections at once; more wait in the kernel. 1 … 100,000.
    public var connections = 512
    /// A connection on which nothing is asked or sent is closed. 1 s … 1 day.
    public var idleTimeout = Duration.seconds(120)
    /// The head of a request must be whole so long after it began. 100 ms … 10 min.
    public var headerTimeout = Duration.seconds(10)
    /// A client that reads nothing of its answer for so long is left. 1 s … 1 h.
    public var writeTimeout = Duration.seconds(60)
    /// Bytes of a request's body; of remote write 32 MiB at most. 64 KiB … 1 GiB.
    public var body = ByteCount.mebibytes(32)
    /// How long requests may still run after SIGTERM. 0 … 10 min.
    public var shutdownTimeout = Duration.seconds(30)

    public init() {}

    static let names = [
        "web.config.file", "web.cors-origin", "web.max-connections", "web.idle-timeout", "web.header-timeout",
        "web.write-timeout", "web.max-body", "web.shutdown-timeout",
    ]

    /// - Returns: what would do, when `text` does not.
    mutating func apply(_ name: String, _ text: String) -> String? {
        func time(_ range: ClosedRange<Int64>, _ hint: String, _ path: WritableKeyPath<Self, Duration>) -> String? {
            guard let time = DurationParameter.parse(text), range.contains(time) else { return "use \(hint)" }
            self[keyPath: path] = .milliseconds(time)
            return nil
        }
        switch name {
        case "web.config.file":
            if text.utf8.contains(0) { return "use the path of a file" }
            configFile = text
        case "web.cors-origin":
            guard text.isEmpty || OriginPolicy.isValid(text) else {
                return "use a regular expression as in https://.*\\.example\\.org, or nothing to allow none"
            }
            allowedOrigins = text
        case "web.max-connections":
            guard let count = Int(text), (1...100_000).contains(count) else { return "use 1 … 100000" }
            connections = count
        case "web.idle-timeout": return time(1_000...86_400_000, "1s … 1d", \.idleTimeout)
        case "web.header-timeout": return time(100...600_000, "100ms … 10m", \.headerTimeout)
        case "web.write-timeout": return time(1_000...3_600_000, "1s … 1h", \.writeTimeout)
        case "web.shutdown-timeout": return time(0...600_000, "0 … 10m", \.shutdownTimeout)
        case "web.max-body":
            guard let size = ByteCount(text: text), size >= .kibibytes(64), size <= .mebibytes(1_024) else {
                return "use 64KiB … 1GiB"
            }
            body = size
        default: break
        }
        return nil
    }

    var shown: [(name: String, value: String)] {
        [
            ("web.config.file", configFile), ("web.cors-origin", allowedOrigins),
            ("web.max-connections", "\(connections)"), ("web.idle-timeout", ServeSettings.text(idleTimeout)),
            ("web.header-timeout", ServeSettings.text(headerTimeout)),
            ("web.write-timeout", ServeSettings.text(writeTimeout)), ("web.max-body", "\(body)"),
            ("web.shutdown-timeout", ServeSettings.text(shutdownTimeout)),
        ]
    }
}
