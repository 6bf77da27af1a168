public import Columnar
public import Platform

/// The durable state of a region: which SSTs live, how far the log is in them, and the counters. A value.
public struct Manifest: Sendable, Equatable {
    public var version: ManifestVersion
    public var claim: ClaimNumber
    public var live: [SSTID: SSTMetadata]
    /// Every log record up to here is in objects.
    public var cut: SequenceNumber
    /// Named counters (`metric-numbers`, `series-numbers`, …): the next value that was not yet reserved. Never fall.
    public var counters: [String: UInt64]
    /// Objects that are no longer live and not yet collected, with the time of removal in milliseconds.
    public var removed: [SSTID: RemovedSST]

    public init() {
        version = .zero
        claim = .zero
        live = [:]
        cut = .zero
        counters = [:]
        removed = [:]
    }
}

public struct RemovedSST: Sendable, Hashable {
    /// Enough to find the object's key.
    public var table: UInt16
    public var segment: TimeRange
    /// Milliseconds since the epoch.
    public var removedAt: Int64
    public init(table: UInt16, segment: TimeRange, removedAt: Int64) {
        self.table = table
        self.segment = segment
        self.removedAt = removedAt
    }
}

/// One durable change of the part list: all of it or nothing.
public struct ManifestChange: Sendable, Equatable {
    public var added: [SSTMetadata] = []
    public var removed: [SSTID] = []
    /// The new cut; nil leaves it.
    public var cut: SequenceNumber?
    /// New values of counters; each must be ≥ the old one.
    public var counters: [String: UInt64] = [:]
    /// Removed objects that have been deleted.
    public var collected: [SSTID] = []
    public init() {}
}
