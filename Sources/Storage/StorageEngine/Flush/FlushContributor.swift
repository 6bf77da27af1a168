public import Columnar

/// What a flush is about to take into objects.
public struct FlushContents: Sendable {
    public struct Part: Sendable {
        public var table: UInt16
        public var segment: TimeRange
        /// Distinct values of the table's selection column, ascending.
        public var keys: [Int64]
    }
    /// One entry per table and segment, of the tables that have a selection column.
    public var parts: [Part]
}

/// A layer above that derives rows from others: the metric engine writes a segment's series beside its samples, in the
/// same change of the manifest.
public protocol FlushContributor: Sendable {
    /// The table whose rows the others follow from: a flush writes them first, and knows their keys when they are written.
    /// Its selection column is its first key.
    var leadingTable: UInt16 { get }
    /// The manifest is loaded; the log is not replayed yet.
    func regionDidLoad(_ snapshot: Snapshot, counters: [String: UInt64]) async throws
    /// A record of the log was replayed.
    func didReplay(_ rows: [TableRows]) async throws
    /// Rows that must go into objects together with what is flushed; none of the leading table.
    func rowsToFlush(_ contents: FlushContents) async throws -> [TableRows]
    /// The manifest has them.
    func didFlush(_ contents: FlushContents) async
    /// Segments that end at or before `time` are about to be removed: rows in them will be there for nobody.
    func willExpire(before time: Int64)
}

extension FlushContributor {
    public func willExpire(before time: Int64) {}
}
