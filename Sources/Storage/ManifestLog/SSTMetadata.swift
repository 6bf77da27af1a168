public import Columnar
public import Platform

/// Name of an SST within its region: never made twice, by any writer. Text form `<claim>-<counter>`.
public struct SSTID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let claim: ClaimNumber
    public let counter: UInt64
    public init(claim: ClaimNumber, counter: UInt64) {
        self.claim = claim
        self.counter = counter
    }
    public var description: String { "\(claim)-\(counter)" }
    public static func < (a: Self, b: Self) -> Bool { (a.claim, a.counter) < (b.claim, b.counter) }
}

/// What the manifest knows of a Parquet object: enough to choose it, open it and check it.
public struct SSTMetadata: Sendable, Hashable {
    public var id: SSTID
    /// The table's number within its region.
    public var table: UInt16
    /// The window that no row of it leaves.
    public var segment: TimeRange
    /// Of the whole object.
    public var size: UInt64
    /// CRC-32C of the whole object.
    public var checksum: UInt32
    public var rows: UInt64
    /// First and last time in it, both included.
    public var minTime: Int64
    public var maxTime: Int64
    /// Least and greatest value of the table's sort key's first integer column; 0 … 0 for tables keyed by text.
    public var minKey: Int64
    public var maxKey: Int64
    /// Lowest and highest sequence number of its rows.
    public var minSequence: SequenceNumber
    public var maxSequence: SequenceNumber

    public init(
        id: SSTID, table: UInt16, segment: TimeRange, size: UInt64, checksum: UInt32, rows: UInt64, minTime: Int64,
        maxTime: Int64, minKey: Int64, maxKey: Int64, minSequence: SequenceNumber, maxSequence: SequenceNumber
    ) {
        self.id = id
        self.table = table
        self.segment = segment
        self.size = size
        self.checksum = checksum
        self.rows = rows
        self.minTime = minTime
        self.maxTime = maxTime
        self.minKey = minKey
        self.maxKey = maxKey
        self.minSequence = minSequence
        self.maxSequence = maxSequence
    }
}
