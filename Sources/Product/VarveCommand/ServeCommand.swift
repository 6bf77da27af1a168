import ArgumentParser
import Logging
import Platform
import VarveServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `varve serve`: opens the database, serves it until told to stop, flushes and closes it.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a data directory over HTTP: remote write in, PromQL out.",
        discussion: """
            Every option can also be set in the environment: --flush-age as VARVE_FLUSH_AGE. A flag counts before the \
            environment. An unknown VARVE_ variable is refused.

            EXAMPLES
              varve serve
              varve serve --data /srv/varve --listen :9490 --retention 90d
              VARVE_DURABILITY=interval varve serve --flush-size 256MiB
            """)

    @Option(help: ArgumentHelp("Directory of the data; made if absent. (default: ./varve-data)", valueName: "dir"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "Address to listen on; :9490 means all interfaces. (default: 127.0.0.1:9490)", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Rows go from memory to files after this long. (default: 10m)", valueName: "duration"))
    var flushAge: String?
    @Option(help: ArgumentHelp("…or when they hold this much. (default: 64MiB)", valueName: "size"))
    var flushSize: String?
    @Option(
        help: ArgumentHelp(
            "When the log is synced: before a write is acknowledged (always), every second (interval), or when the "
                + "system likes (os). (default: always)", valueName: "always|interval|os"))
    var durability: String?
    @Option(
        help: ArgumentHelp(
            "Memory that unflushed rows may hold; beyond it writers get 503. (default: 512MiB)", valueName: "size"))
    var memoryLimit: String?
    @Option(
        help: ArgumentHelp(
            "Free disk below which writers get 503, so that flushes have room. (default: 32MiB)", valueName: "size"))
    var diskReserve: String?
    @Option(help: ArgumentHelp("Forget samples older than this; 0 keeps them. (default: 0)", valueName: "duration"))
    var retention: String?
    @Flag(
        inversion: .prefixedNo,
        help: "Allow POST /api/v1/admin/flush, /compact and /gc. (default: not allowed)")
    var enableAdminAPI: Bool?
    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error. (default: info)", valueName: "level"))
    var logLevel: String?
    @Option(help: ArgumentHelp("How log lines are written. (default: logfmt)", valueName: "logfmt|json"))
    var logFormat: String?
    @Option(help: ArgumentHelp("Log queries that run longer; 0 logs none. (default: 5s)", valueName: "duration"))
    var logQueriesLongerThan: String?
    @Option(
        name: .customLong("web.cors-origin"),
        help: ArgumentHelp(
            "Origins of the web pages that may read answers, as in .* for all. (default: none)", valueName: "regex"))
    var corsOrigin: String?
    @Option(
        name: .customLong("query.max-samples"),
        help: ArgumentHelp("Samples that one query may load. (default: 50000000)", valueName: "number"))
    var queryMaxSamples: String?
    @Option(
        name: .customLong("query.timeout"),
        help: ArgumentHelp("How long one query may take. (default: 2m)", valueName: "duration"))
    var queryTimeout: String?
    @Option(
        name: .customLong("query.max-concurrency"),
        help: ArgumentHelp("Queries evaluated at once; others wait 10 s. (default: 2 per core)", valueName: "number"))
    var queryMaxConcurrency: String?
    @Option(
        name: .customLong("query.lookback-delta"),
        help: ArgumentHelp("How far back an instant selector looks. (default: 5m)", valueName: "duration"))
    var queryLookbackDelta: String?
    @Flag(inversion: .prefixedNo, help: "Allow PromQL's experimental functions. (default: not allowed)")
    var enableExperimentalFunctions: Bool?
    @OptionGroup var bounds: BoundOptions
    @OptionGroup var objects: ServeStoreOptions

    /// What was given, by the names of the settings.
    private var given: [String: String] {
        let all: [String: String?] = [
            "data": data, "listen": listen, "flush-age": flushAge, "flush-size": flushSize, "durability": durability,
            "memory-limit": memoryLimit, "disk-reserve": diskReserve, "retention": retention,
            "enable-admin-api": enableAdminAPI.map { "\($0)" },
            "log-level": logLevel, "log-format": logFormat, "log-queries-longer-than": logQueriesLongerThan,
            "web.cors-origin": corsOrigin, "query.max-samples": queryMaxSamples, "query.timeout": queryTimeout,
            "query.max-concurrency": queryMaxConcurrency, "query.lookback-delta": queryLookbackDelta,
            "enable-experimental-functions": enableExperimentalFunctions.map { "\($0)" },
        ]
        return all.compactMapValues { $0 }.merging(bounds.given) { first, _ in first }
            .merging(objects.given) { first, _ in first }
    }

    func run() async throws {
        let settings = try ServeSettings(flags: given, environment: ProcessVariables.all)
        let environment = Environment.live
        let started = environment.time.monotonic()
        let logger = Logger(label: "varve") { (_) -> any LogHandler in
            let level = Logger.Level(rawValue: settings.logLevel.rawValue) ?? .info
            return switch settings.logFormat {
            case .logfmt: LogfmtHandler(level: level)
            case .json: JSONLogHandler(level: level)
            }
        }
        // A client that leaves must not end the process.
        signal(SIGPIPE, SIG_IGN)
        DescriptorLimit.raise()

        let database = try await OpenDatabase.forServing(settings, environment)
        let server = Server(
            database: database, options: settings.serverOptions, environment: environment, logger: logger)
        let watch = FencingWatch(database, environment)
        defer { watch.cancel() }
        do {
            try await server.run { port in
                let milliseconds = (environment.time.monotonic() &- started) / 1_000_000
                Terminal.print(Self.greeting(settings, port: port, milliseconds: milliseconds))
            }
        } catch {
            try? await database.close()
            throw error
        }
        if let reason = database.fencing {
            // Nothing of it can be flushed: the log stays as it is.
            try? await database.close()
            throw CommandFailure(.failed, "stopped: \(reason)")
        }
        if settings.objectStore.isReadOnly {
            try await database.close()
            return Terminal.print("Stopped.")
        }
        try await Self.stop(database)
        Terminal.print("Stopped. Everything is in \(settings.objectStore.location ?? settings.dataDirectory).")
    }

    /// A flush that fails loses nothing: the log has it. Closing is tried all the same.
    private static func stop(_ database: any OpenedDatabase) async throws {
        do {
            try await database.flush()
        } catch {
            Terminal.printError("varve: the last flush failed, the log keeps what it would have stored: \(error)")
        }
        try await database.close()
    }

    /// What to do next, ready to copy.
    private static func greeting(_ settings: ServeSettings, port: Int, milliseconds: UInt64) -> String {
        let url = ServeSettings.url(host: settings.host, port: port)
        let place = settings.objectStore.location ?? absolute(settings.dataDirectory)
        let start = "Varve \(VarveVersion.current) is ready on \(url) after \(milliseconds) ms. "
        guard !settings.objectStore.isReadOnly else { return start + "It follows \(place) and writes nothing.\n" }
        return """
            \(start)Data: \(place)

            Send    in prometheus.yml:
                      remote_write:
                        - url: \(url)/api/v1/write
            Ask     curl '\(url)/api/v1/query?query=up'
            See     Grafana, data source Prometheus, URL \(url)
            Stop    Ctrl-C

            """
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = getcwd(nil, 0) else { return path }
        defer { free(directory) }
        let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return "\(String(cString: directory))/\(relative)"
    }
}
