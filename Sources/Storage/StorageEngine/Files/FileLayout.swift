public import Columnar
public import ManifestLog
public import Parquet
public import Platform

/// How a table's rows lie in a Parquet file: the plain layout by default; `samples` and `series` bring their own.
public protocol FileLayout: Sendable {
    /// A writer for one new file.
    func makeWriter(_ context: FileContext) throws(StorageError) -> any TableFileWriter
    /// Opens a file that this layout wrote. Reads the footer; checks that the file is of this table.
    /// - Parameter name: of the object, for errors.
    func open(_ source: any ByteSource, name: String, schema: Schema) async throws(StorageError) -> any TableFileReader
}

/// What a file is to say of itself.
public struct FileContext: Sendable {
    public enum Purpose: Sendable { case flush, compaction }
    public var table: String
    public var schema: Schema
    public var updateMode: UpdateMode
    public var segment: TimeRange
    /// Lowest and highest sequence number of its rows; the highest stands for all of them.
    public var sequences: ClosedRange<SequenceNumber>
    /// The SSTs that it takes the place of.
    public var replaces: [SSTID]
    public var purpose: Purpose
}

/// Makes one file. Used by one task at a time.
public protocol TableFileWriter {
    /// Rows in key order, across calls too; keys unique unless the table appends.
    mutating func append(_ rows: RecordBatch) throws(StorageError)
    /// The whole file.
    mutating func finish() throws(StorageError) -> Bytes
}

/// Which rows of a file are wanted.
public struct FileScan: Sendable {
    /// Ascending, distinct values of the column at index `selectionColumn`; nil: all.
    public var keys: [Int64]?
    public var selectionColumn: Int?
    /// First and last time wanted; nil: all.
    public var times: ClosedRange<Int64>?
    public init(keys: [Int64]? = nil, selectionColumn: Int? = nil, times: ClosedRange<Int64>? = nil) {
        self.keys = keys
        self.selectionColumn = selectionColumn
        self.times = times
    }
}

/// An open file.
public protocol TableFileReader: Sendable {
    var rowCount: UInt64 { get }
    /// The rows asked for, exactly, in key order.
    func cursor(_ scan: FileScan) -> any BatchCursor
}

/// Rows that come in key order, batch by batch, none of them empty; nil at the end. Used by one task at a time.
/// - Throws: `StorageError`; a damaged page is an error that names object and page, never a missing row.
public protocol BatchCursor: AnyObject {
    func next() async throws -> RecordBatch?
}
