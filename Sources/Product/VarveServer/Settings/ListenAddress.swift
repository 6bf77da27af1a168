import Platform
import PromQL

/// `127.0.0.1:9490`, `[::1]:9490`, `localhost:0`; `:9490` means all interfaces.
struct ListenAddress: Equatable {
    var host: String
    var port: Int

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }), let port = Int(digits), port <= 65_535
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.count > 2 else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        let isPlain = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        guard isPlain else { return nil }
        self.host = host.isEmpty ? "0.0.0.0" : String(host)
        self.port = port
    }

    static func text(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

extension ServeSettings {
    static func text(_ duration: Duration) -> String { DurationText.string(milliseconds: duration.milliseconds) }

    /// `http://127.0.0.1:9490`: where a client on this machine finds the server.
    public static func url(host: String, port: Int, isSecret: Bool = false) -> String {
        let reachable = ["0.0.0.0": "127.0.0.1", "::": "::1"][host] ?? host
        return "\(isSecret ? "https" : "http")://\(ListenAddress.text(reachable, port))"
    }

    /// What the server takes of the settings.
    /// - Parameter plan: shares of memory.
    public func serverOptions(_ plan: MemoryPlan) -> ServerOptions {
        var options = ServerOptions()
        options.host = host
        options.port = port
        options.isAdminAPIEnabled = isAdminAPIEnabled
        options.slowQueryThreshold = slowQueryThreshold
        options.allowedOrigins = web.allowedOrigins
        options.maximumConnections = web.connections
        options.idleTimeout = web.idleTimeout
        options.headerTimeout = web.headerTimeout
        options.writeTimeout = web.writeTimeout
        options.maximumBody = web.body.bytes
        options.shutdownTimeout = web.shutdownTimeout
        options.queryOptions.maximumSamples = maximumSamples
        options.queryOptions.timeout = queryTimeout
        options.queryOptions.lookback = lookback
        options.queryOptions.enableExperimentalFunctions = areExperimentalFunctionsEnabled
        options.queryOptions.maximumSeries = bounds.querySeries
        options.maximumPoints = bounds.queryPoints
        options.queueTimeout = bounds.queueTimeout
        if let concurrentQueries { options.concurrentQueries = concurrentQueries }
        let share = plan.query(concurrency: options.concurrentQueries)
        options.queryOptions.maximumMemory = (bounds.queryMemory ?? share).bytes
        options.bodyMemory = plan.bodies.bytes
        options.answerMemory = plan.answers.bytes
        options.memoryLimit = plan.limit.bytes
        options.flags = shown
        options.retentionText = Self.text(retention)
        return options
    }
}

/// The name that was probably meant: at most two letters wrong, missing or too many.
func nearest(to name: String, among names: [String]) -> String? {
    let best = names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= 2 else { return nil }
    return best.0
}

/// Levenshtein's.
private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    // Names are short; a long stranger is not near any of them.
    guard a.count <= 64, b.count <= 64 else { return .max }
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
            diagonal = above
        }
    }
    return row[b.count]
}
