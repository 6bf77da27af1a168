public import Columnar
public import ManifestLog

/// The parts of one epoch, of all tables of a region, held by reference count: what a reader sees does not change.
public struct Snapshot: Sendable {
    public let epoch: Epoch
    let parts: PartList

    /// Segments of a table that hold rows and overlap `times`, oldest first.
    public func segments(of table: UInt16, overlapping times: ClosedRange<Int64>) -> [TimeRange] {
        var found = Set<TimeRange>()
        for (place, runs) in parts.ssts where place.table == table && !runs.isEmpty { found.insert(place.segment) }
        for view in parts.mems where view.part.place.table == table { found.insert(view.part.place.segment) }
        let oldest = parts.oldestTime
        return found.filter {
            $0.lowerBound <= times.upperBound && times.lowerBound < $0.upperBound && $0.upperBound > oldest
        }.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Rows of one segment, in key order.
    public func scan(_ request: ScanRequest) -> Scan { Scan(self, request) }

    /// Parts that a scan of this segment would meet: objects and mem parts.
    public func partCount(of table: UInt16, in segment: TimeRange) -> Int {
        let place = TableSegment(table: table, segment: segment)
        return (parts.ssts[place]?.count ?? 0) + parts.mems.count { $0.part.place == place }
    }

    /// Rows of a table in live objects and mem parts, repeated keys counted as often as they are held.
    public func storedRows(of table: UInt16) -> UInt64 {
        var sum: UInt64 = 0
        for (place, runs) in parts.ssts where place.table == table {
            for part in runs { sum += part.metadata.rows }
        }
        for view in parts.mems where view.part.place.table == table { sum += UInt64(view.rowCount) }
        return sum
    }

    /// The live objects, in no order.
    public var objects: [SSTMetadata] { parts.ssts.values.flatMap { $0.map(\.metadata) } }
}

/// Which rows of a segment are wanted.
public struct ScanRequest: Sendable {
    public var table: UInt16
    /// One of `Snapshot.segments`.
    public var segment: TimeRange
    /// First and last time; nil: all.
    public var times: ClosedRange<Int64>?
    /// Ascending, distinct values of the table's selection column; nil: all.
    public var keys: [Int64]?
    public init(table: UInt16, segment: TimeRange, times: ClosedRange<Int64>? = nil, keys: [Int64]? = nil) {
        self.table = table
        self.segment = segment
        self.times = times
        self.keys = keys
    }
}
