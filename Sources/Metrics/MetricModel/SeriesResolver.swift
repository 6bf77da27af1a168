public import Platform

/// What Ingest asks of the engine: which series are known already, and to store what was decoded.
public protocol SeriesResolver: Sendable {
    /// The key under which labels as sent are hashed.
    var spellingHash: KeyedHash128 { get }

    /// `ordinals[i]` is the series whose labels were once sent with the hash `spellings[i]`, or
    /// `SeriesOrdinal.unknown`. `ordinals` comes with as many entries as `spellings`, all unknown. One call per body: the
    /// whole column under one lock.
    func resolve(_ spellings: [Hash128], into ordinals: inout [UInt32])

    /// Stores the samples, registers what is new. Returns when they are durable and visible.
    /// - Throws: `AppendError`: nothing is acknowledged then, and a repeat is harmless.
    func append(_ columns: SampleColumns) async throws(AppendError) -> AppendOutcome

    /// Stores samples of known series without waiting for anything: `answer` is called exactly once when they are durable
    /// and visible, or with why nothing is acknowledged; at once or on another thread, where it must be short and must not
    /// block.
    /// - Returns: false when it cannot be done without waiting: nothing was changed, `answer` is not called, `append` can.
    func appendAtOnce(
        _ columns: SampleColumns, _ answer: @escaping @Sendable (Result<AppendOutcome, AppendError>) -> Void
    ) -> Bool

    /// Stores type, help and unit of metric families; what is stored already costs nothing.
    func append(_ metadata: [MetricMetadata]) async throws(AppendError)
}

extension SeriesResolver {
    public func appendAtOnce(
        _ columns: SampleColumns, _ answer: @escaping @Sendable (Result<AppendOutcome, AppendError>) -> Void
    ) -> Bool { false }
}

/// Dense number of a series within this process, in order of registration.
public enum SeriesOrdinal {
    public static let unknown: UInt32 = .max
    /// Ordinals stay below this.
    public static let limit: UInt32 = 1 << 31
}

/// Type, help and unit of a metric family.
public struct MetricMetadata: Sendable, Hashable {
    public var family: String
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset` or `unknown`.
    public var type: String
    public var help: String
    public var unit: String
    public init(family: String, type: String, help: String, unit: String) {
        self.family = family
        self.type = type
        self.help = help
        self.unit = unit
    }
}

/// Why single samples were not stored.
public enum SampleRefusal: String, Sendable, Hashable, CaseIterable {
    case tooOld = "too old"
    case tooFarAhead = "too far in the future"
    case tooManyLabels = "too many labels"
    case labelNameTooLong = "label name too long"
    case labelValueTooLong = "label value too long"
    case tooManySeries = "too many series"
    case noMetricName = "no metric name"
    case emptyLabelName = "empty label name"
    case duplicateLabel = "duplicate label name"
    case notUTF8 = "label not in UTF-8"
}

/// What became of an append: refused samples are counted, all others are stored.
public struct AppendOutcome: Sendable, Equatable {
    public var samplesStored = 0
    /// Samples refused, by reason.
    public var refused: [SampleRefusal: Int] = [:]
    /// The first refusal in words: which series, what, which limit.
    public var firstOffender: String?

    public init() {}
    public var samplesRefused: Int { refused.values.reduce(0, +) }

    public mutating func refuse(_ reason: SampleRefusal, samples: Int, _ offender: @autoclosure () -> String) {
        refused[reason, default: 0] += samples
        if firstOffender == nil { firstOffender = offender() }
    }

    public mutating func add(_ other: AppendOutcome) {
        samplesStored += other.samplesStored
        refused.merge(other.refused, uniquingKeysWith: +)
        if firstOffender == nil { firstOffender = other.firstOffender }
    }
}

/// Why nothing was acknowledged.
public struct AppendError: Error, Sendable, Equatable, CustomStringConvertible {
    /// By what the sender should do.
    public enum Kind: Sendable, Equatable {
        /// The request is wrong and will stay wrong: drop it.
        case refused
        /// Our fault or too much at once: send it again later.
        case retryLater
    }
    public let kind: Kind
    public let text: String
    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
    public var description: String { text }
}
