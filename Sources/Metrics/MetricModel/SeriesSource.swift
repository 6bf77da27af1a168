/// Samples of one label set, as columns.
///
/// - `timestamps` strictly ascend; `values` has as many; stale markers are kept (`StaleMarker`).
/// - Values may be decoded each time they are asked for (`SampleValues`): ask once.
/// - `startTimestamps`, since when each sample counts, has as many, 0 for a sample that does not say; or is empty.
public struct SeriesRun: Sendable {
    public let labels: Labels
    public let timestamps: [Int64]
    private let samples: SampleValues
    public var values: [Double] { samples.decoded }
    public let startTimestamps: [Int64]
    /// Whether any value is a stale marker.
    public let hasStaleMarkers: Bool

    /// - Parameter hasStaleMarkers: nil looks at all values.
    public init(
        labels: Labels, timestamps: [Int64], values: [Double], startTimestamps: [Int64] = [],
        hasStaleMarkers: Bool? = nil
    ) {
        self.labels = labels
        self.timestamps = timestamps
        samples = .ready(values)
        self.startTimestamps = startTimestamps
        self.hasStaleMarkers = hasStaleMarkers ?? values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
    }

    public init(labels: Labels, timestamps: [Int64], samples: SampleValues, hasStaleMarkers: Bool) {
        precondition(timestamps.count == samples.count)
        self.labels = labels
        self.timestamps = timestamps
        self.samples = samples
        startTimestamps = []
        self.hasStaleMarkers = hasStaleMarkers
    }

    /// The values of some of the samples, by place.
    public func values(in range: Range<Int>) -> [Double] { samples.decoded(range) }
}

/// What a selector asks of storage.
public struct SelectRequest: Sendable, Hashable {
    /// All must hold.
    public var matchers: [LabelMatcher]
    /// First and last millisecond wanted, both included.
    public var start: Int64
    public var end: Int64
    /// More samples than this is an error: `SelectError.tooManySamples`.
    public var maximumSamples: Int
    /// More series than this is an error, before any sample is read: `SelectError.tooManySeries`.
    public var maximumSeries: Int
    /// Of each series only the newest sample of the range is wanted; others may come with it.
    public var newestOnly: Bool

    public init(
        matchers: [LabelMatcher], start: Int64, end: Int64, maximumSamples: Int = .max, maximumSeries: Int = .max,
        newestOnly: Bool = false
    ) {
        self.matchers = matchers
        self.start = start
        self.end = end
        self.maximumSamples = maximumSamples
        self.maximumSeries = maximumSeries
        self.newestOnly = newestOnly
    }
}

/// The port through which PromQL sees storage.
public protocol SeriesSource: Sendable {
    /// One run per label set with at least one sample in range, in the order of the labels.
    /// - Throws: `SelectError`, `CancellationError`.
    func select(_ request: SelectRequest) async throws -> [SeriesRun]
    /// The newest sample in range of each label set that has one, in no order; nil: only `select` can tell.
    /// - Throws: as `select`.
    func newest(_ request: SelectRequest) async throws -> NewestVector?
}

extension SeriesSource {
    public func newest(_ request: SelectRequest) async throws -> NewestVector? { nil }
}

/// One sample of each of many series, as columns: for whoever only adds them up.
public struct NewestVector: Sendable {
    public let source: any LabelSource
    /// Of the series in `source`, each once.
    public var ordinals: [UInt32] = []
    /// As many; stale markers are kept.
    public var values: [Double] = []

    public init(_ source: any LabelSource) { self.source = source }
    public var count: Int { ordinals.count }
}

public enum SelectError: Error, Sendable, Equatable, CustomStringConvertible {
    case tooManySamples(limit: Int)
    case tooManySeries(Int, limit: Int)
    /// Storage could not answer; the text names object, place and remedy.
    case storage(String)

    public var description: String {
        switch self {
        case .tooManySamples(let limit):
            "query processing would load too many samples into memory in query execution (limit \(limit))"
        case .tooManySeries(let count, let limit):
            "the query selects \(count) series, the limit is \(limit) (query.max-series)"
        case .storage(let reason): reason
        }
    }
}
