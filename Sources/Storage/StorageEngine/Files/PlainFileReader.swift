import Columnar
import Parquet

/// An open file of the plain layout.
final class PlainFileReader: TableFileReader {
    let file: ParquetFile
    let schema: Schema

    init(file: ParquetFile, schema: Schema) {
        self.file = file
        self.schema = schema
    }

    var rowCount: UInt64 { UInt64(file.rowCount) }

    func value(for key: String) -> String? { file.metadata.value(for: key) }

    func cursor(_ scan: FileScan) -> any BatchCursor { PlainCursor(self, scan) }
}

/// Some pages at a time:
///
/// 1. Row groups and pages whose bounds miss the scan are passed over unread.
/// 2. The columns that say which rows are wanted are read; then, of pages that have some, the others.
///
/// - Memory: the pages of one step, and the row group's dictionaries.
private final class PlainCursor: BatchCursor {
    private let file: ParquetFile
    private let schema: Schema
    private let scan: FileScan
    private var pages: AlignedPages
    /// Of the row group that is being read, by column.
    private var dictionaries: [Int: ParquetDictionary] = [:]
    /// Columns to return, those of them (or besides them) that decide, and the others.
    private let wanted: [Int]
    private let deciding: [Int]
    private let wantedSchema: Schema

    init(_ reader: PlainFileReader, _ scan: FileScan) {
        file = reader.file
        schema = reader.schema
        self.scan = scan
        wanted = scan.columns ?? Array(reader.schema.columns.indices)
        wantedSchema = reader.schema.keeping(wanted)
        var deciding = scan.filter?.columns ?? []
        if scan.keys != nil, let column = scan.selectionColumn { deciding.insert(column) }
        if scan.times != nil, let column = reader.schema.timeColumn { deciding.insert(column) }
        self.deciding = deciding.sorted()
        pages = AlignedPages(
            file, scan, keyLeaf: scan.selectionColumn, timeLeaf: schema.timeColumn,
            types: reader.schema.columns.map(\.type), stepRows: scan.stepRows)
    }

    func next() async throws -> RecordBatch? {
        do {
            while let step = try await pages.next() {
                if step.isFirstOfRowGroup { dictionaries = [:] }
                var columns = try await read(deciding, step)
                let rows = rowsWanted(columns)
                if let rows, rows.isEmpty { continue }
                let others = try await read(wanted.filter { columns[$0] == nil }, step)
                columns.merge(others) { mine, _ in mine }
                var found: [Column] = []
                for i in wanted {
                    guard let column = columns[i] else { continue }
                    found.append(rows.map { column.taking($0) } ?? column)
                }
                return RecordBatch(trusted: wantedSchema, found)
            }
            return nil
        } catch {
            throw StorageError(reading: error)
        }
    }

    private func read(_ indices: [Int], _ step: AlignedPages.Step) async throws -> [Int: Column] {
        guard !indices.isEmpty else { return [:] }
        let requests = indices.map {
            PageRequest(
                rowGroup: step.rowGroup, column: $0, pages: step.pages, withDictionary: dictionaries[$0] == nil)
        }
        try await scan.counters?.note(requests, of: file)
        var found: [Int: Column] = [:]
        for (var pages, i) in zip(try await file.read(requests), indices) {
            // A dictionary is read with the first pages of its row group, and lent to those that follow.
            if let dictionary = pages.dictionary {
                dictionaries[i] = dictionary
            } else {
                pages.dictionary = dictionaries[i]
            }
            found[i] = try pages.column(schema.columns[i].type)
        }
        return found
    }

    /// nil: all of them.
    private func rowsWanted(_ columns: [Int: Column]) -> [Int]? {
        guard !deciding.isEmpty else { return nil }
        let keys = scan.keys == nil ? nil : scan.selectionColumn.flatMap { columns[$0]?.int64s }
        let times = scan.times == nil ? nil : schema.timeColumn.flatMap { columns[$0]?.int64s }
        let rows = scan.wantedRows(keys: keys, times: times)
        guard let filter = scan.filter else { return rows }
        let count = columns.values.first?.count ?? 0
        let passing = filter.matchingRows(count) { columns[$0] ?? Column(.bool([])) }
        guard let rows else { return passing.count == count ? nil : passing }
        let set = Set(passing)
        return rows.filter { set.contains($0) }
    }
}

extension Column {
    /// The rows at these indices, in their order.
    func taking(_ rows: [Int]) -> Column {
        let taken: ColumnValues
        switch values {
        case .int64(let values): taken = .int64(rows.map { values[$0] })
        case .float64(let values): taken = .float64(rows.map { values[$0] })
        case .bool(let values): taken = .bool(rows.map { values[$0] })
        case .bytes(let values):
            var strings = BytesColumn()
            for row in rows { strings.append(values[row]) }
            taken = .bytes(strings)
        }
        return Column(taken, validity: validity.map { flags in rows.map { flags[$0] } })
    }
}

extension Schema {
    /// The schema of batches that have only these columns: ascending, with the whole key.
    func keeping(_ indices: [Int]) -> Schema {
        if indices.count == columns.count { return self }
        return Schema(
            indices.map { columns[$0] }, keyCount: keyCount,
            timeColumn: timeColumn.flatMap { indices.firstIndex(of: $0) })
    }
}
