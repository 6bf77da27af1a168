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
    /// Rows that a writer holds back at most, until they are a row group: what a merge reserves memory by.
    var rowGroupRows: Int { get }
}

extension FileLayout {
    public var rowGroupRows: Int { 1 << 20 }
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
    /// The table's column by which rows are selected.
    public var selectionColumn: Int? = nil
}

/// Makes one file. Used by one task at a time.
public protocol TableFileWriter {
    /// Rows in key order, across calls too; keys unique unless the table appends.
    mutating func append(_ rows: RecordBatch) throws(StorageError)
    /// Bytes of the file that are complete and were not taken before: so that it need not be in memory whole.
    mutating func takeBytes() -> Bytes
    /// What the file has come to, in bytes: above the bound of an output it is ended and the rows go on in the next one.
    var size: Int { get }
    /// The file, without what was taken before.
    /// - Parameter marks: said in the file's metadata besides what the context says (`FileDescription`).
    mutating func finish(marks: [(String, String)]) throws(StorageError) -> Bytes
    /// The same without marks.
    mutating func finish() throws(StorageError) -> Bytes
}

/// A writer needs one of the two `finish`; one that gives its bytes at the end only has no others.
extension TableFileWriter {
    public mutating func takeBytes() -> Bytes { [] }
    public var size: Int { 0 }
    public mutating func finish(marks: [(String, String)]) throws(StorageError) -> Bytes { try finish() }
    public mutating func finish() throws(StorageError) -> Bytes { try finish(marks: []) }
}

/// Which rows of a file are wanted, and what of them.
public struct FileScan: Sendable {
    /// Ascending, distinct values of the column at index `selectionColumn`; nil: all.
    public var keys: [Int64]?
    public var selectionColumn: Int?
    /// First and last time wanted; nil: all.
    public var times: ClosedRange<Int64>?
    /// Ascending indices of the wanted columns, the whole key among them; nil: all.
    public var columns: [Int]?
    /// What rows must fulfil besides; only what may be asked before newer rows have replaced older ones.
    public var filter: Predicate?
    /// Rows of a step, where the reader has a choice: many parts at a time take small steps.
    public var stepRows = FileScan.largestStep
    /// Where the reader notes what it passed over and what it read.
    public var counters: ScanCounters?

    public static let largestStep = 1 << 16

    public init(keys: [Int64]? = nil, selectionColumn: Int? = nil, times: ClosedRange<Int64>? = nil) {
        self.keys = keys
        self.selectionColumn = selectionColumn
        self.times = times
    }
}

/// An open file.
public protocol TableFileReader: Sendable {
    var rowCount: UInt64 { get }
    /// The rows asked for, exactly, in key order. `columns` and `filter` are for readers that can save work by them: the
    /// engine drops what is too much.
    func cursor(_ scan: FileScan) -> any BatchCursor
    /// What the file says of itself (`FileDescription`); nil: nothing.
    func value(for key: String) -> String?
}

extension TableFileReader {
    public func value(for key: String) -> String? { nil }
}

/// Rows that come in key order, batch by batch, none of them empty; nil at the end. Used by one task at a time.
/// - Throws: `StorageError`; a damaged page is an error that names object and page, never a missing row.
public protocol BatchCursor: AnyObject {
    func next() async throws -> RecordBatch?
}
