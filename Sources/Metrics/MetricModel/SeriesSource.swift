/// Samples of one label set, as columns.
///
/// - `timestamps` strictly ascend; `values` has as many; stale markers are kept (`StaleMarker`).
/// - `startTimestamps`, since when each sample counts, has as many, 0 for a sample that does not say; or is empty.
public struct SeriesRun: Sendable {
    public let labels: Labels
    public let timestamps: [Int64]
    public let values: [Double]
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
        self.values = values
        self.startTimestamps = startTimestamps
        self.hasStaleMarkers = hasStaleMarkers ?? values.withUnsafeBufferPointer { StaleMarker.isAny(in: $0) }
    }
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

    public init(
        matchers: [LabelMatcher], start: Int64, end: Int64, maximumSamples: Int = .max, maximumSeries: Int = .max
    ) {
        self.matchers = matchers
        self.start = start
        self.end = end
        self.maximumSamples = maximumSamples
        self.maximumSeries = maximumSeries
    }
}

/// The port through which PromQL sees storage.
public protocol SeriesSource: Sendable {
    /// One run per label set with at least one sample in range, in the order of the labels.
    /// - Throws: `SelectError`, `CancellationError`.
    func select(_ request: SelectRequest) async throws -> [SeriesRun]
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
