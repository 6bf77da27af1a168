public import Columnar
import ManifestLog

/// One of the parts that a scan reads.
public struct ScanSource {
    private enum Kind {
        case object(SSTCursor)
        case memory(any BatchCursor)
    }
    private let kind: Kind
    /// No row of it is later.
    public let last: Int64

    init(object: SSTCursor, last: Int64) {
        kind = .object(object)
        self.last = last
    }
    init(memory: any BatchCursor, last: Int64) {
        kind = .memory(memory)
        self.last = last
    }

    /// The layout's own cursor over an object; nil: rows in memory.
    public func cursorOfObject() async throws -> (any BatchCursor)? {
        guard case .object(let cursor) = kind else { return nil }
        return try await cursor.openedCursor()
    }

    /// Rows in memory of a table of (integer, time, double), instead of `next`: calls `body` with each wanted key that has rows
    /// (ascending), their times (ascending strictly) and values, both only there while it runs.
    /// - Returns: false where that cannot be: then nothing was called, and `next` has the rows.
    public func forEachKey(
        _ body: (Int64, UnsafeBufferPointer<Int64>, UnsafeBufferPointer<Double>) throws -> Void
    ) rethrows -> Bool {
        guard case .memory(let cursor) = kind, let chunk = cursor as? MemChunkCursor else { return false }
        return try chunk.forEachKey(body)
    }

    /// The next rows in key order; in memory a key may come several times, within one batch, and its last row counts.
    public func next() async throws -> RecordBatch? {
        switch kind {
        case .object(let cursor): try await cursor.next()
        case .memory(let cursor): try await cursor.next()
        }
    }
}

extension Snapshot {
    /// The parts of a scan one by one, older first, for whoever merges them: of rows with one key the last counts (the
    /// table overwrites). Nothing but keys and times may be asked; rows past retention are left out as in `scan`.
    ///
    /// - Parameter counters: where the reader of an object's own cursor notes the rows that it takes.
    public func sources(
        of request: ScanRequest
    ) throws(StorageError) -> (sources: [ScanSource], counters: ScanCounters) {
        guard let table = parts.tables[request.table] else {
            throw StorageError(.refused, "there is no table number \(request.table)")
        }
        try request.check(table)
        precondition(request.predicate == nil && request.projection == nil && table.updateMode == .overwrite)
        let counters = ScanCounters(addingTo: scanTotals)
        var scan = FileScan(keys: request.keys, selectionColumn: table.selectionColumn, times: request.times)
        scan.counters = counters
        guard scan.keepOnly(table, since: parts.oldestTime) else { return ([], counters) }
        let place = TableSegment(table: request.table, segment: request.segment)
        let mems = parts.mems.filter { $0.part.place == place }
        let objects = parts.ssts[place] ?? []
        let wanted = objects.filter { ScanPruning.mayHold($0.metadata, scan, table) }
        counters.add { [total = objects.count, kept = wanted.count, mems = mems.count] in
            $0.parts += total + mems
            $0.partsPruned += total - kept
        }
        return (
            wanted.map { ScanSource(object: SSTCursor($0, scan), last: $0.metadata.maxTime) }
                + mems.flatMap { $0.timedCursors(scan) }.map { ScanSource(memory: $0.cursor, last: $0.last) }, counters
        )
    }
}

extension FileScan {
    /// Leaves out rows past retention; false when no row is left.
    mutating func keepOnly(_ table: TableDefinition, since oldest: Int64) -> Bool {
        guard table.schema.timeColumn != nil, table.segmentLength != nil, !table.agesBySegment, oldest > Int64.min
        else { return true }
        let wanted = times ?? Int64.min...Int64.max
        times = max(wanted.lowerBound, oldest)...max(wanted.upperBound, oldest)
        return wanted.upperBound >= oldest
    }
}
