public import MetricModel
public import PromQL

/// What the HTTP API asks of a database of metrics. Times are milliseconds since the Unix epoch, both ends included.
public protocol MetricDatabase: Sendable {
    func query(_ expression: String, at: Int64, options: QueryOptions) async throws(QueryError) -> QueryResult
    func queryRange(
        _ expression: String, start: Int64, end: Int64, step: Int64, options: QueryOptions
    ) async throws(QueryError) -> QueryResult

    /// How many samples and steps a query may look at, at most, told without reading: see `QueryReach`. `step` nil: at `start`
    /// only. nil: that cannot be told.
    func reach(of expression: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions) -> Int?

    /// Samples that the next query puts in order before it sees any of them.
    var unsortedSamples: Int { get }
    /// What a question about labels or series may look at, at most; nil: that cannot be told without reading.
    func labelReach(matchers: [[LabelMatcher]], start: Int64, end: Int64) -> SelectionBound?

    /// Names of labels of series alive in the range, in byte order. A series counts when it matches any of `matchers`
    /// (each is a selector); no selector means every series. `limit` 0 means none.
    func labelNames(matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int) async throws -> LimitedNames
    func labelValues(
        _ name: String, matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int
    ) async throws -> LimitedNames
    func series(matchers: [[LabelMatcher]], start: Int64, end: Int64, limit: Int) async throws -> LimitedSeries
    /// By metric family. `metric` nil asks for all; `limit` is of families, `limitPerMetric` of entries of each; 0 means
    /// no limit.
    func metadata(metric: String?, limit: Int, limitPerMetric: Int) async throws -> [String: [MetricMetadata]]

    /// Stores a remote-write body (a snappy block) and calls `answer` exactly once when it is durable; after a
    /// `WriteRefusal` nothing of the body is stored, or a repeat is harmless. Does not wait: the calling thread decodes,
    /// `answer` may be called on any thread and must be short there.
    func remoteWrite(_ body: [UInt8], _ answer: @escaping @Sendable (Result<WriteOutcome, WriteRefusal>) -> Void)

    /// The number of the record up to which the log of one of these claimants was in objects when another claim on this
    /// database left it behind; nil: none did.
    func cut(ofLogOf claimants: [UInt64]) -> UInt64?
    /// Stores a remote-write body under the numbers that its samples' records had in such a log. Returns when it is in objects.
    func bringIn(_ body: [UInt8], numbered sequences: ClosedRange<UInt64>) async -> Result<WriteOutcome, WriteRefusal>

    /// Where the series come from: the `limit` largest of each kind, largest first. Only series that match any of
    /// `matchers` count, when there are any. `focus` is a label whose values are counted by series.
    func cardinality(limit: Int, matchers: [[LabelMatcher]], focus: String?) async throws -> DatabaseCardinality

    /// Everything in memory goes to objects.
    func flush() async throws
    /// Leaves one run per segment; replaced local objects are gone when it returns.
    func compact() async throws
    func collectGarbage() async throws

    /// The numbers that `/metrics` shows, those of one name next to each other.
    var statistics: [DatabaseStatistic] { get }
    /// False while starting or stopping: requests are answered with 503.
    var isReady: Bool { get }
}

extension MetricDatabase {
    public func cut(ofLogOf claimants: [UInt64]) -> UInt64? { nil }
    public func bringIn(
        _ body: [UInt8], numbered sequences: ClosedRange<UInt64>
    ) async -> Result<WriteOutcome, WriteRefusal> {
        .failure(.malformed("no log was left behind here"))
    }
    public func reach(of expression: String, start: Int64, end: Int64, step: Int64?, options: QueryOptions) -> Int? {
        nil
    }
    public var unsortedSamples: Int { 0 }
    public func labelReach(matchers: [[LabelMatcher]], start: Int64, end: Int64) -> SelectionBound? { nil }
}

/// Names or values, at most as many as asked for.
public struct LimitedNames: Sendable, Equatable {
    /// In byte order.
    public var texts: TextList
    /// There were more.
    public var isTruncated: Bool
    public init(texts: TextList, isTruncated: Bool = false) {
        self.texts = texts
        self.isTruncated = isTruncated
    }
    public init(names: [String], isTruncated: Bool = false) {
        self.init(texts: TextList(names), isTruncated: isTruncated)
    }
    public var names: [String] { texts.strings }
}

/// Label sets, at most as many as asked for.
public struct LimitedSeries: Sendable, Equatable {
    public var series: [Labels]
    public var isTruncated: Bool
    public init(series: [Labels], isTruncated: Bool = false) {
        self.series = series
        self.isTruncated = isTruncated
    }
}

/// What fills the index, counted in the newest segment of time.
public struct DatabaseCardinality: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var count: Int
        public init(_ name: String, _ count: Int) {
            self.name = name
            self.count = count
        }
    }
    public var series = 0
    /// Pairs of label name and value.
    public var labelPairs = 0
    /// Live objects.
    public var objects = 0
    /// Milliseconds; nil: not known.
    public var earliest: Int64?
    public var latest: Int64?
    public var seriesByMetric: [Entry] = []
    /// Labels by distinct values.
    public var valuesByLabel: [Entry] = []
    /// Labels by the bytes of their names and values.
    public var bytesByLabel: [Entry] = []
    /// Pairs `name=value` by series.
    public var seriesByPair: [Entry] = []
    /// Values of the label asked for, by series.
    public var seriesByFocus: [Entry] = []
    public init() {}
}

/// What a sender said about a metric family.
public struct MetricMetadata: Sendable, Hashable {
    /// Lower case: `counter`, `gauge`, `histogram`, `summary`, `unknown`, …
    public var type: String
    public var help: String
    public var unit: String
    public init(type: String, help: String, unit: String) {
        self.type = type
        self.help = help
        self.unit = unit
    }
}

/// What became of a well-formed write.
public struct WriteOutcome: Sendable, Equatable {
    /// Samples stored, those that were stored already included.
    public var samples: Int
    public var histograms: Int
    public var exemplars: Int
    /// Samples or series that were refused while the rest was stored.
    public var refused: Int
    /// How many of what and the first offender; for the sender's log. nil when nothing was refused.
    public var refusal: String?
    public init(samples: Int, histograms: Int = 0, exemplars: Int = 0, refused: Int = 0, refusal: String? = nil) {
        self.samples = samples
        self.histograms = histograms
        self.exemplars = exemplars
        self.refused = refused
        self.refusal = refusal
    }
}

/// A write that stored nothing, by what the sender should do.
public enum WriteRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// It will never be taken: 400, the sender drops it.
    case malformed(String)
    /// Our fault and passing: 503, the sender tries again after so many seconds.
    case overloaded(retryAfterSeconds: Int, text: String)
    /// Our fault: full disk, failed log, starting, stopping, outcome unknown: 503.
    case unavailable(String)

    public var description: String {
        switch self {
        case .malformed(let text), .overloaded(_, let text), .unavailable(let text): text
        }
    }
}

/// One number of the database's own metrics.
public struct DatabaseStatistic: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case counter, gauge, histogram, summary
    }
    /// As it is exposed: `varve_wal_bytes_total`. For a histogram or summary the family's name, see `suffix`.
    public var name: String
    public var help: String
    public var kind: Kind
    public var labels: Labels
    public var value: Double
    /// `_bucket`, `_sum`, `_count` of a histogram or summary; else empty.
    public var suffix: String
    public init(
        name: String, help: String, kind: Kind, labels: Labels = .empty, value: Double, suffix: String = ""
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.value = value
        self.suffix = suffix
    }
}
