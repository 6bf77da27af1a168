public import Columnar
public import ManifestLog

/// The parts of one epoch, of all tables of a region, held by reference count: what a reader sees does not change.
public struct Snapshot: Sendable {
    public let epoch: Epoch
    let parts: PartList
    /// Where what scans read is added up.
    let scanTotals: ScanCounters

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

    /// Rows of one segment, in key order. A request that does not fit the table is refused by the first `next`.
    public func scan(_ request: ScanRequest) -> Scan { Scan(self, request) }

    /// Open readers of a table's objects in one segment, older first: for a layer that reads its own layout its own way.
    /// Rows in memory have none.
    /// - Throws: `StorageError` where an object is missing, damaged or not the one that the manifest means.
    public func readers(of table: UInt16, in segment: TimeRange) async throws -> [any TableFileReader] {
        var found: [any TableFileReader] = []
        for part in parts.ssts[TableSegment(table: table, segment: segment)] ?? [] {
            found.append(try await part.open())
        }
        return found
    }

    /// Sources of a scan, older first: runs of objects, then chunks in memory.
    func cursors(
        _ request: ScanRequest, _ scan: FileScan, _ table: TableDefinition,
        onDamage: (@Sendable (StorageError) -> Void)?
    ) -> [any BatchCursor] {
        let place = TableSegment(table: request.table, segment: request.segment)
        let mems = parts.mems.filter { $0.part.place == place }
        let runs = parts.runs(of: place)
        let wanted = runs.map { $0.filter { ScanPruning.mayHold($0.metadata, scan, table) } }.filter { !$0.isEmpty }
        scan.counters?.add { [total = runs.joined().count, kept = wanted.joined().count, mems = mems.count] in
            $0.parts += total + mems
            $0.partsPruned += total - kept
        }
        var scan = scan
        scan.stepRows = FileScan.stepRows(of: wanted.count)
        return wanted.map { run in RunCursor(run.map { SSTCursor($0, scan, onDamage: onDamage) }) }
            + mems.flatMap { $0.cursors(scan) }
    }

    /// Parts that a scan of this segment would have to merge: runs of objects, and mem parts.
    public func partCount(of table: UInt16, in segment: TimeRange) -> Int {
        let place = TableSegment(table: table, segment: segment)
        return parts.runs(of: place).count + parts.mems.count { $0.part.place == place }
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

    /// Rows of a table in memory that the next scan of their segment sorts before it sees any of them.
    public func unsortedRows(of table: UInt16) -> Int {
        parts.mems.reduce(0) { $1.part.place.table == table ? $0 + $1.unsortedRows : $0 }
    }

    /// First and last time of a table's rows; nil when it has none. Looks at every row in memory.
    public func timeBounds(of table: UInt16) -> ClosedRange<Int64>? {
        var (first, last) = (Int64.max, Int64.min)
        for (place, runs) in parts.ssts where place.table == table {
            for part in runs { (first, last) = (min(first, part.metadata.minTime), max(last, part.metadata.maxTime)) }
        }
        for view in parts.mems where view.part.place.table == table {
            guard let bounds = view.timeBounds else { continue }
            (first, last) = (min(first, bounds.lowerBound), max(last, bounds.upperBound))
        }
        first = max(first, parts.oldestTime)
        return first <= last ? first...last : nil
    }

    /// The live objects, in no order.
    public var objects: [SSTMetadata] { parts.ssts.values.flatMap { $0.map(\.metadata) } }
}

extension FileScan {
    /// Rows of a step where so many runs are read at once: together they hold half a million, or a page of each.
    static func stepRows(of runs: Int) -> Int { max(4_096, min(largestStep, (1 << 19) / max(runs, 1))) }
}

/// Which rows of a segment are wanted, and what of them.
public struct ScanRequest: Sendable {
    public var table: UInt16
    /// One of `Snapshot.segments`.
    public var segment: TimeRange
    /// First and last time; nil: all.
    public var times: ClosedRange<Int64>?
    /// Ascending, distinct values of the table's selection column; nil: all.
    public var keys: [Int64]?
    /// What rows must fulfil, by columns of the table's schema; nil: nothing.
    public var predicate: Predicate?
    /// Indices of the columns to return, in the order wanted, each once; nil: all.
    public var projection: [Int]?
    /// Leaves out parts that are missing or damaged (`Scan.skipped` names them) instead of failing. Then rows are missing,
    /// and a value may come back that one of them had replaced.
    public var skipsDamagedParts = false
    /// Whether `Scan.statistics` is kept.
    public var isCounted = true

    public init(
        table: UInt16, segment: TimeRange, times: ClosedRange<Int64>? = nil, keys: [Int64]? = nil,
        predicate: Predicate? = nil, projection: [Int]? = nil
    ) {
        self.table = table
        self.segment = segment
        self.times = times
        self.keys = keys
        self.predicate = predicate
        self.projection = projection
    }

    func check(_ table: TableDefinition) throws(StorageError) {
        func refused(_ problem: String) -> StorageError {
            StorageError(.refused, "a scan of table \(table.name) cannot be: \(problem)")
        }
        if let problem = predicate?.problem(with: table.schema) { throw refused(problem) }
        if keys != nil, table.selectionColumn == nil { throw refused("the table has no column to select by") }
        guard let projection else { return }
        guard !projection.isEmpty, Set(projection).count == projection.count else {
            throw refused("the projection names no column, or one twice")
        }
        if let column = projection.first(where: { !table.schema.columns.indices.contains($0) }) {
            throw refused("there is no column number \(column)")
        }
    }
}
