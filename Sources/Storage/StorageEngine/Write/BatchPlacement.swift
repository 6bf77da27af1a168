import Columnar
import WAL

/// Checks a write and splits it by time segment: all that can be wrong with a batch is found here, before anything is
/// changed.
enum BatchPlacement {
    static func place(_ rows: [TableRows], _ tables: [UInt16: TableDefinition]) throws(StorageError) -> [PlacedRows] {
        var placed: [PlacedRows] = []
        for entry in rows where entry.batch.rowCount > 0 {
            guard let table = tables[entry.table] else {
                throw StorageError(.refused, "there is no table number \(entry.table)")
            }
            guard entry.batch.rowCount <= RowEncoding.largestBatch else {
                throw StorageError(
                    .refused,
                    "\(entry.batch.rowCount) rows of table \(table.name) are too many for one write; "
                        + "split them, \(RowEncoding.largestBatch) are the most")
            }
            if let difference = table.schema.difference(from: entry.batch.schema) {
                throw StorageError(.refused, "the batch does not fit table \(table.name): \(difference)")
            }
            guard let column = table.schema.timeColumn, table.segmentLength != nil else {
                let place = TableSegment(table: entry.table, segment: TimeSegments.allTime)
                placed.append(PlacedRows(place: place, batch: entry.batch, rows: 0..<entry.batch.rowCount))
                continue
            }
            let times = entry.batch.columns[column].int64s
            guard let stretches = TimeSegments.split(times, length: table.segmentLength) else {
                throw StorageError(
                    .refused, "a time in table \(table.name) lies beyond what Int64 milliseconds can hold")
            }
            for (segment, rows) in stretches {
                let place = TableSegment(table: entry.table, segment: segment)
                placed.append(PlacedRows(place: place, batch: entry.batch, rows: rows))
            }
        }
        return placed
    }

    /// Bytes that mem parts will hold for these rows.
    static func memorySize(_ rows: [TableRows], _ tables: [UInt16: TableDefinition]) -> Int {
        var sum = 0
        for entry in rows {
            let table = tables[entry.table]
            for (i, column) in entry.batch.columns.enumerated() {
                switch column.values {
                case .int64(let values):
                    // As mem parts pack them, unless their other rows prevent it.
                    let length = table?.schema.timeColumn == i ? table?.segmentLength : nil
                    let bits =
                        length.map { UInt64(bitPattern: $0) }
                        ?? values.withUnsafeBufferPointer { IntegerPacking.bits(of: $0, base: 0) }
                    sum += values.count * (IntegerPacking(base: 0, covering: bits) == nil ? 8 : 4)
                case .float64(let values): sum += values.count * 8
                case .bool(let values): sum += values.count
                case .bytes(let values): sum += values.bytes.count + values.count * 4
                }
            }
        }
        return sum
    }

    static func logEntries(_ rows: [TableRows]) -> [LogEntry] {
        rows.filter { $0.batch.rowCount > 0 }.map {
            LogEntry(table: $0.table, payload: RowEncoding.encode($0.batch))
        }
    }
}
