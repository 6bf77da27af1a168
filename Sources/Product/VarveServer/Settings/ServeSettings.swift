public import Platform

/// Everything `varve serve` can be told, checked: flags before environment variables before the file before defaults.
public struct ServeSettings: Sendable, Equatable {
    public enum Durability: String, Sendable, CaseIterable {
        /// A write is acknowledged when the log is synced.
        case always
        /// The log is synced every second.
        case interval
        /// The operating system decides.
        case os
    }

    public enum LogLevel: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    public enum LogFormat: String, Sendable, CaseIterable {
        case logfmt, json
    }

    public var dataDirectory = "./varve-data"
    public var host = "127.0.0.1"
    public var port = 9490
    /// Rows in memory go to objects this long after the first of them came. 1 s … 1 day.
    public var flushAge = Duration.seconds(600)
    /// …or when they hold this much; nil: 64 MiB, less with a small `memoryLimit`. 1 MiB … 4 GiB.
    public var flushSize: ByteCount?
    public var durability = Durability.always
    /// What the process may hold, shared out by `MemoryPlan`; nil: 60 % of the machine or its control group. At least
    /// 64 MiB.
    public var memoryLimit: ByteCount?
    /// Below so much free disk writers are told to come back. 0 never refuses.
    public var diskReserve = ByteCount.mebibytes(32)
    /// Zero keeps everything. Else at least 1 h.
    public var retention = Duration.zero
    public var isAdminAPIEnabled = false
    public var logLevel = LogLevel.info
    public var logFormat = LogFormat.logfmt
    /// Queries that run longer are logged; zero: none.
    public var slowQueryThreshold = Duration.seconds(5)
    public var web = WebSettings()

    /// Samples that one query may load. At least 1.
    public var maximumSamples = 50_000_000
    /// How long one query may take. 1 ms … 1 day.
    public var queryTimeout = Duration.seconds(120)
    /// Queries evaluated at once; nil: two per core. 1 … 10,000.
    public var concurrentQueries: Int?
    /// How far back an instant selector looks. 1 ms … 1 day.
    public var lookback = Duration.seconds(300)
    public var areExperimentalFunctionsEnabled = false
    public var bounds = BoundSettings()
    public var objectStore = ObjectStoreSettings()

    public init() {}

    /// Names as flags have them; `flush-age` is `VARVE_FLUSH_AGE` in the environment.
    public static let names =
        [
            "data", "listen", "flush-age", "flush-size", "durability", "memory-limit", "disk-reserve", "retention",
            "enable-admin-api", "log-level", "log-format", "log-queries-longer-than",
            "query.max-samples", "query.timeout", "query.max-concurrency", "query.lookback-delta",
            "enable-experimental-functions", "config",
        ] + BoundSettings.names + WebSettings.names + ObjectStoreSettings.names

    /// What a configuration file may say: all but where it is itself.
    static let namesInFile = names.filter { $0 != "config" }

    /// The variable of each, in the order of `names`.
    private static let variables = names.map(variable)

    public static func variable(_ name: String) -> String {
        "VARVE_" + name.uppercased().split { $0 == "-" || $0 == "." }.joined(separator: "_")
    }

    /// - Parameters:
    ///   - flags: by name, without dashes, those that were given.
    ///   - environment: the process's; only names that begin with `VARVE_` are looked at.
    ///   - file: what `config` names.
    /// - Throws: all complaints at once.
    public init(
        flags: [String: String], environment: [String: String], file: SettingsFile? = nil
    ) throws(InvalidSettings) {
        var problems = Self.strangers(in: environment) + (file?.problems ?? [])
        for (name, variable) in zip(Self.names, Self.variables) {
            if let text = flags[name] {
                apply(name, text, as: "--\(name)", &problems)
            } else if let text = environment[variable] {
                apply(name, text, as: variable, &problems)
            } else if let file, let value = file.values[name] {
                apply(name, value.text, as: "\(name) (\(file.path), line \(value.line))", &problems)
            }
        }
        problems += objectStore.problems()
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
    }

    /// The path of the configuration file; nil: there is none.
    public static func filePath(flags: [String: String], environment: [String: String]) -> String? {
        guard let path = flags["config"] ?? environment[variable("config")], !path.isEmpty else { return nil }
        return path
    }

    private static func strangers(in environment: [String: String]) -> [String] {
        let known = Set(variables)
        return environment.keys.sorted().filter { $0.hasPrefix("VARVE_") && !known.contains($0) }.map { stranger in
            let guess = nearest(to: stranger, among: known.sorted()).map { "; did you mean \($0)?" } ?? ""
            return "unknown environment variable \(stranger.prefix(128))\(guess)"
        }
    }

    private mutating func apply(_ name: String, _ text: String, as shown: String, _ problems: inout [String]) {
        func refuse(_ expected: String) {
            problems.append("\(shown) is \(SettingsText.quoted(text)); \(expected)")
        }
        switch name {
        case "data":
            if text.isEmpty || text.utf8.contains(0) { return refuse("use the path of a directory") }
            dataDirectory = text
        case "listen":
            guard let address = ListenAddress(text) else {
                return refuse("use HOST:PORT, 127.0.0.1:9490, [::1]:9490, or :9490 for all interfaces")
            }
            (host, port) = (address.host, address.port)
        case "flush-age":
            guard let age = DurationParameter.parse(text), (1_000...86_400_000).contains(age) else {
                return refuse("use 1s … 1d")
            }
            flushAge = .milliseconds(age)
        case "flush-size":
            guard let size = ByteCount(text: text), size >= .mebibytes(1), size <= .mebibytes(4_096) else {
                return refuse("use 1MiB … 4GiB")
            }
            flushSize = size
        case "durability":
            guard let value = Durability(rawValue: text) else { return refuse("use always, interval or os") }
            durability = value
        case "memory-limit":
            guard let limit = ByteCount(text: text), limit >= .mebibytes(64) else {
                return refuse("use at least 64MiB, as in 2GiB")
            }
            memoryLimit = limit
        case "disk-reserve":
            guard let reserve = ByteCount(text: text), reserve.bytes >= 0 else {
                return refuse("use 0 to write until the disk is full, or a size as in 1GiB")
            }
            diskReserve = reserve
        case "retention":
            guard let age = DurationParameter.parse(text), age == 0 || age >= 3_600_000 else {
                return refuse("use 0 to keep everything, or at least 1h, as in 90d")
            }
            retention = .milliseconds(age)
        case "enable-admin-api":
            guard let value = ["true": true, "1": true, "false": false, "0": false][text] else {
                return refuse("use true or false")
            }
            isAdminAPIEnabled = value
        case "log-level":
            guard let level = LogLevel(rawValue: text) else {
                return refuse("use \(LogLevel.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            logLevel = level
        case "log-format":
            guard let format = LogFormat(rawValue: text) else { return refuse("use logfmt or json") }
            logFormat = format
        case "log-queries-longer-than":
            guard let threshold = DurationParameter.parse(text), threshold >= 0 else {
                return refuse("use a length of time as in 500ms or 5s, or 0 to log none")
            }
            slowQueryThreshold = .milliseconds(threshold)
        case "query.max-samples":
            guard let count = Int(text), count > 0 else { return refuse("use a number of samples above 0") }
            maximumSamples = count
        case "query.timeout":
            guard let time = DurationParameter.parse(text), (1...86_400_000).contains(time) else {
                return refuse("use a length of time up to 1d, as in 2m")
            }
            queryTimeout = .milliseconds(time)
        case "query.max-concurrency":
            guard let count = Int(text), (1...10_000).contains(count) else { return refuse("use 1 … 10000") }
            concurrentQueries = count
        case "query.lookback-delta":
            guard let time = DurationParameter.parse(text), (1...86_400_000).contains(time) else {
                return refuse("use a length of time up to 1d, as in 5m")
            }
            lookback = .milliseconds(time)
        case "enable-experimental-functions":
            guard let value = ["true": true, "1": true, "false": false, "0": false][text] else {
                return refuse("use true or false")
            }
            areExperimentalFunctionsEnabled = value
        case "config": break
        default:
            let expected =
                WebSettings.names.contains(name)
                ? web.apply(name, text)
                : ObjectStoreSettings.names.contains(name)
                    ? objectStore.apply(name, text) : bounds.apply(name, text)
            if let expected { refuse(expected) }
        }
    }

    /// Name and value of each, as `status/flags` shows them.
    public var shown: [(name: String, value: String)] {
        [
            ("data", dataDirectory), ("listen", ListenAddress.text(host, port)),
            ("flush-age", Self.text(flushAge)), ("flush-size", flushSize.map { "\($0)" } ?? "48 MiB or less"),
            ("durability", durability.rawValue),
            ("memory-limit", memoryLimit.map { "\($0)" } ?? "60 % of the memory"), ("disk-reserve", "\(diskReserve)"),
            ("retention", Self.text(retention)),
            ("enable-admin-api", "\(isAdminAPIEnabled)"), ("log-level", logLevel.rawValue),
            ("log-format", logFormat.rawValue), ("log-queries-longer-than", Self.text(slowQueryThreshold)),
            ("query.max-samples", "\(maximumSamples)"),
            ("query.timeout", Self.text(queryTimeout)),
            ("query.max-concurrency", concurrentQueries.map { "\($0)" } ?? "2 per core"),
            ("query.lookback-delta", Self.text(lookback)),
            ("enable-experimental-functions", "\(areExperimentalFunctionsEnabled)"),
        ] + bounds.shown + web.shown + objectStore.shown
    }
}

/// What is wrong with the settings: each names the flag or variable, the value and what would do.
public struct InvalidSettings: Error, Equatable, CustomStringConvertible {
    public let problems: [String]
    public init(problems: [String]) { self.problems = problems }
    public var description: String { problems.joined(separator: "\n") }
}
