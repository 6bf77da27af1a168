public import Columnar

/// Rows of one segment in key order, newest write of a key only; older than retention never. One task at a time.
///
/// - Memory: one batch per part that holds wanted rows, plus one output batch.
public final class Scan {
    private let merged: MergeCursor
    /// Parts may not end while they are read.
    private let snapshot: Snapshot

    init(_ snapshot: Snapshot, _ request: ScanRequest) {
        self.snapshot = snapshot
        let place = TableSegment(table: request.table, segment: request.segment)
        guard let table = snapshot.parts.tables[request.table] else { preconditionFailure("no such table") }
        var times = request.times
        let oldest = snapshot.parts.oldestTime
        if table.schema.timeColumn != nil, table.segmentLength != nil, !table.agesBySegment, oldest > Int64.min {
            let wanted = times ?? Int64.min...Int64.max
            times = max(wanted.lowerBound, oldest)...max(wanted.upperBound, oldest)
            if wanted.upperBound < oldest {
                merged = MergeCursor([], schema: table.schema, mode: table.updateMode)
                return
            }
        }
        let scan = FileScan(keys: request.keys, selectionColumn: table.selectionColumn, times: times)
        var cursors: [any BatchCursor] = []
        for part in snapshot.parts.ssts[place] ?? [] where ScanPruning.mayHold(part.metadata, scan, table) {
            cursors.append(SSTCursor(part, scan))
        }
        for view in snapshot.parts.mems where view.part.place == place { cursors += view.cursors(scan) }
        merged = MergeCursor(cursors, schema: table.schema, mode: table.updateMode)
    }

    /// The next rows; nil at the end.
    public func next() async throws(StorageError) -> RecordBatch? {
        do { return try await merged.next() } catch { throw StorageError(wrapping: error) }
    }
}
