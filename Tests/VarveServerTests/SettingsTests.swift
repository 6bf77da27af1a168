import MetricEngine
import Platform
import PromQL
import Testing

@testable import VarveServer

@Suite struct SettingsTests {
    @Test func flagsCountBeforeTheEnvironmentBeforeDefaults() throws {
        let settings = try ServeSettings(
            flags: ["flush-size": "128MiB"],
            environment: [
                "VARVE_FLUSH_SIZE": "1GiB", "VARVE_FLUSH_AGE": "30s", "HOME": "/", "VARVE_ENABLE_ADMIN_API": "1",
            ])
        #expect(settings.flushSize == .mebibytes(128))
        #expect(settings.flushAge == .seconds(30))
        #expect(settings.isAdminAPIEnabled)
        #expect(settings.port == 9490)
        #expect(settings.durability == .always)
    }

    @Test func allComplaintsComeAtOnceInTheWordsOfTheUser() {
        let error = #expect(throws: InvalidSettings.self) {
            try ServeSettings(
                flags: ["flush-size": "1KiB", "listen": "nowhere"],
                environment: ["VARVE_DURABILITY": "never", "VARVE_RETENTOIN": "1d", "VARVE_LISTEN": "also bad"])
        }
        #expect(
            error?.problems == [
                "unknown environment variable VARVE_RETENTOIN; did you mean VARVE_RETENTION?",
                "--listen is \"nowhere\"; use HOST:PORT, 127.0.0.1:9490, [::1]:9490, or :9490 for all interfaces",
                "--flush-size is \"1KiB\"; use 1MiB … 4GiB",
                "VARVE_DURABILITY is \"never\"; use always, interval or os",
            ])
    }

    @Test(arguments: [
        ("data", ""), ("flush-age", "0"), ("flush-age", "2d"), ("memory-limit", "1MiB"), ("retention", "5m"),
        ("retention", "-1"), ("enable-admin-api", "yes"), ("log-level", "loud"), ("flush-size", "5GiB"),
        ("query.max-samples", "0"), ("disk-reserve", "-1"), ("disk-reserve", "much"), ("query.timeout", "0"),
        ("query.max-concurrency", "none"),
        ("query.lookback-delta", "2d"), ("enable-experimental-functions", "maybe"), ("web.cors-origin", "("),
        ("query.max-series", "0"), ("query.max-memory", "1KiB"), ("query.max-points", "0"),
        ("query.queue-timeout", "2d"), ("limit-series", "-1"), ("limit-labels-per-series", "2000"),
        ("limit-label-name-bytes", "0"), ("limit-label-value-bytes", "many"), ("limit-future-skew", "-1s"),
        ("web.max-connections", "0"), ("web.idle-timeout", "1ms"), ("web.header-timeout", "1h"),
        ("web.write-timeout", "0"), ("web.max-body", "1KiB"), ("web.shutdown-timeout", "1d"),
    ])
    func valuesOutOfRangeAreRefused(name: String, value: String) {
        #expect(throws: InvalidSettings.self) { try ServeSettings(flags: [name: value], environment: [:]) }
    }

    @Test func everyBoundHasAFlag() throws {
        let settings = try ServeSettings(
            flags: [
                "query.max-series": "7", "query.max-memory": "3MiB", "query.max-points": "12",
                "query.queue-timeout": "2s", "limit-series": "100", "limit-labels-per-series": "5",
                "limit-label-name-bytes": "10", "limit-label-value-bytes": "20",
            ], environment: ["VARVE_LIMIT_FUTURE_SKEW": "1h"])
        let options = settings.serverOptions(MemoryPlan(wanted: .mebibytes(4_096), machine: nil))
        #expect(options.queryOptions.maximumSeries == 7)
        #expect(options.queryOptions.maximumMemory == 3 << 20)
        #expect(options.maximumPoints == 12)
        #expect(options.queueTimeout == .seconds(2))
        let limits = settings.bounds.limits
        #expect(limits.series == 100 && limits.labelsPerSeries == 5)
        #expect(limits.labelNameBytes == 10 && limits.labelValueBytes == 20 && limits.futureSkew == 3_600_000)
        #expect(Set(settings.shown.map(\.name)) == Set(ServeSettings.namesInFile))
    }

    @Test func theBoundsOfQueriesReachTheServer() throws {
        let settings = try ServeSettings(
            flags: ["query.max-samples": "1000", "enable-experimental-functions": "true"],
            environment: [
                "VARVE_QUERY_TIMEOUT": "3s", "VARVE_QUERY_MAX_CONCURRENCY": "5", "VARVE_QUERY_LOOKBACK_DELTA": "1m",
                "VARVE_WEB_CORS_ORIGIN": "http://a",
            ])
        let options = settings.serverOptions(MemoryPlan(wanted: .mebibytes(4_096), machine: nil))
        #expect(options.queryOptions.maximumSamples == 1_000)
        #expect(options.queryOptions.timeout == .seconds(3))
        #expect(options.queryOptions.lookback == .seconds(60))
        #expect(options.queryOptions.enableExperimentalFunctions)
        #expect(options.concurrentQueries == 5)
        #expect(options.allowedOrigins == "http://a")
        #expect(try ServeSettings(flags: [:], environment: [:]).web.allowedOrigins.isEmpty)
    }

    @Test(arguments: [
        ("127.0.0.1:9490", "127.0.0.1", 9490), (":80", "0.0.0.0", 80), ("[::1]:0", "::1", 0),
        ("db.local:1", "db.local", 1),
    ])
    func addressesAreRead(text: String, host: String, port: Int) {
        let address = ListenAddress(text)
        #expect(address?.host == host && address?.port == port)
    }

    @Test(arguments: [
        (0, "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (1_500, "1.4 KiB"), (1_048_575, "1023.9 KiB"),
        (1_048_576, "1 MiB"), (1_600_000, "1.5 MiB"), (5 << 29, "2.5 GiB"),
    ])
    func sizesAreShownInTheirUnit(bytes: Int, text: String) {
        #expect("\(ByteCount(bytes))" == text)
    }

    @Test(arguments: ["", "localhost", "a:b", "a:65536", "a:-1", "::1:80", "[]:80", "a b:80", "a:+1", "a:"])
    func otherTextsAreNoAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
