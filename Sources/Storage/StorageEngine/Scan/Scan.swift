public import Columnar
import ManifestLog
import Synchronization

/// Rows of one segment in key order, what their update mode makes of equal keys; older than retention never. One task at
/// a time.
///
/// 1. Parts, row groups and pages that cannot hold a wanted row are passed over, by what manifest and files know of them.
/// 2. The rest is merged, and rows of one key become what the update mode says.
/// 3. Only then values are looked at: a newer row that is not wanted still hides the older one. What is asked of key columns
///    alone, or of a table that keeps all rows, is asked in step 1 already.
///
/// - Memory: a step of pages per run and mem part, smaller steps where there are many, plus one output batch.
public final class Scan {
    private let merged: MergeCursor?
    private let refusal: StorageError?
    /// What is left to ask of a merged row; columns by their place in the merged batch.
    private let residue: Predicate?
    /// Columns to return, by their place in the merged batch, and their schema; nil: all as they are.
    private let output: (places: [Int], schema: Schema)?
    private let counters: ScanCounters?
    /// Parts may not end while they are read.
    private let snapshot: Snapshot

    init(_ snapshot: Snapshot, _ request: ScanRequest) {
        self.snapshot = snapshot
        let counters = request.isCounted ? ScanCounters(addingTo: snapshot.scanTotals) : nil
        self.counters = counters
        let damage = DamageList()
        damageList = damage
        let table: TableDefinition
        do throws(StorageError) {
            guard let known = snapshot.parts.tables[request.table] else {
                throw StorageError(.refused, "there is no table number \(request.table)")
            }
            try request.check(known)
            table = known
        } catch {
            refusal = error
            (residue, output) = (nil, nil)
            merged = nil
            return
        }
        refusal = nil
        let columns = ColumnsOfScan(request, table)
        residue = columns.residue
        output = columns.output
        var scan = FileScan(keys: request.keys, selectionColumn: table.selectionColumn, times: request.times)
        scan.columns = columns.read
        scan.filter = columns.filter
        scan.counters = counters
        let schema = columns.read.map { table.schema.keeping($0) } ?? table.schema
        guard scan.keepOnly(table, since: snapshot.parts.oldestTime) else {
            merged = nil
            return
        }
        var onDamage: (@Sendable (StorageError) -> Void)?
        if request.skipsDamagedParts { onDamage = { error in damage.add(error) } }
        merged = MergeCursor(
            snapshot.cursors(request, scan, table, onDamage: onDamage), schema: schema, mode: table.updateMode)
    }

    /// The next rows, none of them empty; nil at the end.
    public func next() async throws(StorageError) -> RecordBatch? {
        if let refusal { throw refusal }
        guard let merged else { return nil }
        do {
            while let batch = try await merged.next() {
                var columns = batch.columns
                if let residue {
                    let rows = residue.matchingRows(batch.rowCount) { columns[$0] }
                    if rows.isEmpty { continue }
                    if rows.count < batch.rowCount { columns = columns.map { $0.taking(rows) } }
                }
                let count = columns.first?.count ?? 0
                counters?.add { $0.rowsReturned += UInt64(count) }
                guard let output else { return RecordBatch(trusted: batch.schema, columns) }
                return RecordBatch(trusted: output.schema, output.places.map { columns[$0] })
            }
            return nil
        } catch { throw StorageError(wrapping: error) }
    }

    /// What was passed over and read so far; all zero unless the request asked for it.
    public var statistics: ScanStatistics { counters?.statistics ?? ScanStatistics() }

    /// Parts that were left out because they are missing or damaged: only where the request allowed it.
    public var skipped: [StorageError] { damageList.errors }
    private let damageList: DamageList
}

/// Errors of the parts that a scan left out.
private final class DamageList: Sendable {
    private let found = Mutex<[StorageError]>([])
    func add(_ error: StorageError) { found.withLock { $0.append(error) } }
    var errors: [StorageError] { found.withLock { $0 } }
}

/// Which columns a scan reads, asks and returns.
struct ColumnsOfScan {
    /// Ascending, with the key; nil: all.
    let read: [Int]?
    /// Asked of each part's rows alone, by columns of the table.
    let filter: Predicate?
    /// Asked of merged rows, by places in what is read.
    let residue: Predicate?
    let output: (places: [Int], schema: Schema)?

    init(_ request: ScanRequest, _ table: TableDefinition) {
        let schema = table.schema
        let keys = 0..<schema.keyCount
        let conjuncts = request.predicate?.conjuncts ?? []
        let early = conjuncts.filter { part in
            table.updateMode == .append || part.columns.allSatisfy { keys.contains($0) }
        }
        let late = conjuncts.filter { part in !early.contains(part) }
        filter = early.isEmpty ? nil : .all(early)
        var needed = Set(request.projection ?? Array(schema.columns.indices)).union(keys)
        for part in late { needed.formUnion(part.columns) }
        let ascending = needed.sorted()
        read = ascending.count == schema.columns.count ? nil : ascending
        func place(_ column: Int) -> Int { ascending.firstIndex(of: column) ?? 0 }
        residue = late.isEmpty ? nil : Predicate.all(late).mapping(place)
        guard let projection = request.projection else {
            output = nil
            return
        }
        // A batch without its key is sorted by nothing that it has: its schema's key means nothing.
        output = (
            projection.map(place), Schema(projection.map { schema.columns[$0] }, keyCount: 1, timeColumn: nil)
        )
    }
}
