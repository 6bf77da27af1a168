public import Columnar

/// A table of a region. Number, schema and mode are for ever: they stand in the log and in files.
public struct TableDefinition: Sendable {
    /// Unique within the region.
    public var number: UInt16
    /// Letters, digits and `_`; the folder of its objects.
    public var name: String
    public var schema: Schema
    public var updateMode: UpdateMode
    /// Length of a time segment in milliseconds, aligned to the epoch; nil: one segment for all time.
    public var segmentLength: Int64?
    /// The integer key column by which scans select rows, and whose range the manifest keeps.
    public var selectionColumn: Int?
    /// Rows are past retention when their segment is, whatever their own time says.
    public var agesBySegment: Bool
    public var layout: any FileLayout

    public init(
        number: UInt16, name: String, schema: Schema, updateMode: UpdateMode = .overwrite, segmentLength: Int64?,
        selectionColumn: Int?, agesBySegment: Bool = false, layout: any FileLayout
    ) {
        precondition(segmentLength.map { $0 > 0 && schema.timeColumn != nil } ?? true)
        self.number = number
        self.name = name
        self.schema = schema
        self.updateMode = updateMode
        self.segmentLength = segmentLength
        self.selectionColumn = selectionColumn
        self.agesBySegment = agesBySegment
        self.layout = layout
    }
}
