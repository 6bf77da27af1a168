import ArgumentParser

/// The flags of `WebSettings`.
struct WebOptions: ParsableArguments {
    @Option(
        name: .customLong("web.config.file"),
        help: ArgumentHelp(
            "Users, tokens and TLS, in Prometheus's web configuration format; read again at SIGHUP. (default: none)",
            valueName: "file"))
    var configFile: String?
    @Option(
        name: .customLong("web.cors-origin"),
        help: ArgumentHelp(
            "Origins of the web pages that may read answers, as in .* for all. (default: none)", valueName: "regex"))
    var corsOrigin: String?
    @Option(
        name: .customLong("web.max-connections"),
        help: ArgumentHelp("Connections at once; others wait. (default: 512)", valueName: "number"))
    var maxConnections: String?
    @Option(
        name: .customLong("web.idle-timeout"),
        help: ArgumentHelp("A connection without requests is closed. (default: 2m)", valueName: "duration"))
    var idleTimeout: String?
    @Option(
        name: .customLong("web.header-timeout"),
        help: ArgumentHelp("For the head of a request, once begun. (default: 10s)", valueName: "duration"))
    var headerTimeout: String?
    @Option(
        name: .customLong("web.write-timeout"),
        help: ArgumentHelp("A client that reads nothing for so long is left. (default: 1m)", valueName: "duration"))
    var writeTimeout: String?
    @Option(
        name: .customLong("web.max-body"),
        help: ArgumentHelp("Body of a request; of remote write 32MiB at most. (default: 32MiB)", valueName: "size"))
    var maxBody: String?
    @Option(
        name: .customLong("web.shutdown-timeout"),
        help: ArgumentHelp("For running requests, after SIGTERM. (default: 30s)", valueName: "duration"))
    var shutdownTimeout: String?

    /// What was given, by the names of the settings.
    var given: [String: String] {
        let all: [String: String?] = [
            "web.config.file": configFile, "web.cors-origin": corsOrigin, "web.max-connections": maxConnections,
            "web.idle-timeout": idleTimeout, "web.header-timeout": headerTimeout, "web.write-timeout": writeTimeout,
            "web.max-body": maxBody, "web.shutdown-timeout": shutdownTimeout,
        ]
        return all.compactMapValues { $0 }
    }
}
