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

    func cursor(_ scan: FileScan) -> any BatchCursor { PlainCursor(self, scan) }
}

/// Some pages at a time: every column is decoded, then the rows that are wanted are taken.
///
/// - Memory: the pages of one step.
private final class PlainCursor: BatchCursor {
    private static let stepRows = 1 << 16
    private let file: ParquetFile
    private let schema: Schema
    private let scan: FileScan
    private var pages: AlignedPages

    init(_ reader: PlainFileReader, _ scan: FileScan) {
        file = reader.file
        schema = reader.schema
        self.scan = scan
        pages = AlignedPages(
            file, scan, keyLeaf: scan.selectionColumn, timeLeaf: schema.timeColumn, stepRows: Self.stepRows)
    }

    func next() async throws -> RecordBatch? {
        do {
            while let step = try await pages.next() {
                let stored = try await file.read(
                    schema.columns.indices.map {
                        PageRequest(rowGroup: step.rowGroup, column: $0, pages: step.pages)
                    })
                var columns: [Column] = []
                for (column, expected) in zip(stored, schema.columns) {
                    columns.append(try column.column(expected.type))
                }
                let wanted = scan.wantedRows(
                    keys: scan.selectionColumn.map { columns[$0].int64s },
                    times: schema.timeColumn.map { columns[$0].int64s })
                if let wanted { columns = columns.map { $0.taking(wanted) } }
                if columns[0].count > 0 { return RecordBatch(trusted: schema, columns) }
            }
            return nil
        } catch {
            throw StorageError(reading: error)
        }
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
