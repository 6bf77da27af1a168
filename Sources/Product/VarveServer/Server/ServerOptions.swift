public import PromQL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How the server listens, what it bounds, what it shows of its configuration.
public struct ServerOptions: Sendable {
    public var host = "127.0.0.1"
    /// 0: any free one.
    public var port = 9490
    /// Answers are found under this path too, `/metrics-db`; no slash at the end.
    public var routePrefix = ""
    public var isAdminAPIEnabled = false
    public var queryOptions = QueryOptions()
    /// Queries evaluated at once. Default 2 per core.
    public var concurrentQueries = 2 * max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Steps of a range query. Default 11,000: Prometheus's bound.
    public var maximumPoints = 11_000
    /// How long others wait for their turn before they get 503. Default 10 s.
    public var queueTimeout = Duration.seconds(10)
    /// Queries that run longer are logged; zero: none. Default 5 s.
    public var slowQueryThreshold = Duration.seconds(5)
    /// Pages of which origins may read answers: a regular expression for the whole `Origin` (RE2); empty: none.
    public var allowedOrigins = ""
    /// Connections; more wait in the kernel's backlog. Default 512, fewer where the process may not open so many files.
    public var maximumConnections = 512
    /// A connection that neither asks nor sends the rest of a request is closed. Default 2 min.
    public var idleTimeout = Duration.seconds(120)
    /// A client that begins a request and does not get to the end of its head is left after this long. Default 10 s.
    public var headerTimeout = Duration.seconds(10)
    /// A client that does not read its answer is left after this long. Default 1 min.
    public var writeTimeout = Duration.seconds(60)
    /// A write that the disk does not confirm is answered after this long: its outcome is unknown. Default 28 s: with
    /// the second that the look at it takes an answer comes within 30.
    public var writePatience = Duration.seconds(28)
    /// Bytes of one request body. Default 32 MiB.
    public var maximumBody = WriteLimits.body
    /// Bytes of all request bodies held at once; beyond, requests get 503. Default 256 MiB.
    public var bodyMemory = 256 << 20
    /// Bytes of all long answers that are on their way to clients; a query waits for room before its answer begins.
    /// Default 256 MiB.
    public var answerMemory = 256 << 20
    /// Bytes that the process may hold: above it no new query begins. 0: no bound.
    public var memoryLimit = 0
    /// How long requests may still run after the signal to stop. Default 30 s.
    public var shutdownTimeout = Duration.seconds(30)
    /// What `status/flags` shows.
    public var flags: [(name: String, value: String)] = []
    /// What `status/runtimeinfo` shows.
    public var retentionText = "0s"

    public init() {}
}

/// Bounds that senders depend on.
public enum WriteLimits {
    /// Compressed bytes of one remote-write body: Prometheus's own limit.
    public static let body = 32 << 20
}
