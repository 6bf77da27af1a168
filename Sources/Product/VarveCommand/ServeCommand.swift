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
            Every option can also be set in the environment, --flush-age as VARVE_FLUSH_AGE, and in the file that --config \
            names, as flush-age: 10m. A flag counts before the environment, that before the file. Unknown VARVE_ variables \
            and unknown keys are refused. SIGHUP reads log-level, users, tokens and certificates again.

            EXAMPLES
              varve serve
              varve serve --data /srv/varve --listen :9490 --retention 90d
              VARVE_DURABILITY=interval varve serve --flush-size 256MiB
              varve serve --config /etc/varve/varve.yml --check-config
            """)

    @Option(
        help: ArgumentHelp("A YAML file with settings by the names of the flags. (default: none)", valueName: "file"))
    var config: String?
    @Flag(help: "Check the settings and the files they name, make nothing, and end: 0 when all is well, 2 if not.")
    var checkConfig = false
    @Option(help: ArgumentHelp("Directory of the data; made if absent. (default: ./varve-data)", valueName: "dir"))
    var data: String?
    @Option(
        help: ArgumentHelp(
            "Address to listen on; :9490 means all interfaces. (default: 127.0.0.1:9490)", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Rows go from memory to files after this long. (default: 10m)", valueName: "duration"))
    var flushAge: String?
    @Option(help: ArgumentHelp("…or when they hold this much. (default: 48MiB)", valueName: "size"))
    var flushSize: String?
    @Option(
        help: ArgumentHelp(
            "When the log is synced: before a write is acknowledged (always), every second (interval), or when the "
                + "system likes (os). (default: always)", valueName: "always|interval|os"))
    var durability: String?
    @Option(
        help: ArgumentHelp(
            "Memory of the process: a quarter for rows not flushed, a quarter for queries; beyond, 503. (default: 60 % of "
                + "the machine or its control group)", valueName: "size"))
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
    @OptionGroup var web: WebOptions
    @OptionGroup var objects: ServeStoreOptions

    /// What was given, by the names of the settings.
    private var given: [String: String] {
        let all: [String: String?] = [
            "config": config, "data": data, "listen": listen, "flush-age": flushAge, "flush-size": flushSize,
            "durability": durability,
            "memory-limit": memoryLimit, "disk-reserve": diskReserve, "retention": retention,
            "enable-admin-api": enableAdminAPI.map { "\($0)" },
            "log-level": logLevel, "log-format": logFormat, "log-queries-longer-than": logQueriesLongerThan,
            "query.max-samples": queryMaxSamples, "query.timeout": queryTimeout,
            "query.max-concurrency": queryMaxConcurrency, "query.lookback-delta": queryLookbackDelta,
            "enable-experimental-functions": enableExperimentalFunctions.map { "\($0)" },
        ]
        return all.compactMapValues { $0 }.merging(bounds.given) { first, _ in first }
            .merging(web.given) { first, _ in first }
            .merging(objects.given) { first, _ in first }
    }

    func run() async throws {
        let environment = Environment.live
        let started = environment.time.monotonic()
        let configuration = ServeConfiguration(
            flags: given, variables: ProcessVariables.all, environment: environment)
        let checked = try await configuration.check()
        let (settings, access) = (checked.settings, checked.access)
        if checkConfig { return Terminal.print(Self.summary(settings)) }
        let level = LogLevelSwitch(settings.logLevel)
        let logger = Logger(label: "varve") { (_) -> any LogHandler in
            switch settings.logFormat {
            case .logfmt: LogfmtHandler(level: level)
            case .json: JSONLogHandler(level: level)
            }
        }
        // A client that leaves must not end the process.
        signal(SIGPIPE, SIG_IGN)
        DescriptorLimit.raise()

        let database = try await OpenDatabase.forServing(settings, checked.plan, environment)
        let server = Server(
            database: database, options: settings.serverOptions(checked.plan), access: access, environment: environment,
            logger: logger)
        let watch = FencingWatch(database, environment)
        defer { watch.cancel() }
        do {
            try await server.run(
                onListening: { port in
                    let milliseconds = (environment.time.monotonic() &- started) / 1_000_000
                    Terminal.print(
                        Self.greeting(settings, isSecret: access.usesTLS, port: port, milliseconds: milliseconds))
                    Self.warn(settings, access, logger)
                }, reload: { await Self.reload(configuration, settings, access, level, logger) })
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

    /// Takes what can be taken while running, and says what cannot. What is wrong changes nothing.
    private static func reload(
        _ configuration: ServeConfiguration, _ running: ServeSettings, _ access: WebAccess, _ level: LogLevelSwitch,
        _ logger: Logger
    ) async -> Bool {
        do {
            let new = try await configuration.environment.blocking.run {
                let new = try configuration.read()
                try access.reload()
                return new
            }
            level.set(new.logLevel)
            let waiting = zip(new.shown, running.shown).filter { $0.value != $1.value && $0.name != "log-level" }
            logger.notice(
                "configuration read again",
                metadata: waiting.isEmpty
                    ? [:] : ["needs_restart": "\(waiting.map(\.0.name).joined(separator: ","))"])
            return true
        } catch {
            logger.error("configuration not read again, the old one stays in force", metadata: ["problems": "\(error)"])
            return false
        }
    }

    /// What an operator may not have meant.
    private static func warn(_ settings: ServeSettings, _ access: WebAccess, _ logger: Logger) {
        let isLocal = settings.host == "localhost" || settings.host == "::1" || settings.host.hasPrefix("127.")
        if !isLocal && access.isOpen {
            logger.warning("anybody who reaches the port may read and write: see --web.config.file")
        }
        if !isLocal && !access.isOpen && !access.usesTLS {
            logger.warning("passwords and tokens cross the network in the clear: see tls_server_config, or use a proxy")
        }
    }

    private static func summary(_ settings: ServeSettings) -> String {
        "The configuration is good. Nothing was started.\n\n"
            + settings.shown.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
    }

    /// What to do next, ready to copy.
    private static func greeting(
        _ settings: ServeSettings, isSecret: Bool, port: Int, milliseconds: UInt64
    ) -> String {
        let url = ServeSettings.url(host: settings.host, port: port, isSecret: isSecret)
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
