public import Columnar

/// Rows of one table.
public struct TableRows: Sendable {
    /// The table's number.
    public var table: UInt16
    public var batch: RecordBatch
    public init(table: UInt16, batch: RecordBatch) {
        self.table = table
        self.batch = batch
    }
}

/// Rows of several tables with one fate: after a crash all of them are there, or none.
public struct WriteBatch: Sendable {
    public var rows: [TableRows]
    public init(_ rows: [TableRows]) { self.rows = rows }
    public var rowCount: Int { rows.reduce(0) { $0 + $1.batch.rowCount } }
}
