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
        selectionColumn: Int? = nil, agesBySegment: Bool = false, layout: any FileLayout = PlainLayout()
    ) {
        self.number = number
        self.name = name
        self.schema = schema
        self.updateMode = updateMode
        self.segmentLength = segmentLength
        self.selectionColumn = selectionColumn
        self.agesBySegment = agesBySegment
        self.layout = layout
    }

    /// Why it cannot be a table, all at once; each names the table and what to change. A region is not opened with such.
    public func problems() -> [String] {
        var found: [String] = []
        func add(_ problem: String) { found.append("table \(name.prefix(64)) cannot be: \(problem)") }
        let letters = name.utf8.allSatisfy {
            ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") || $0 == UInt8(ascii: "_")
                || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
        }
        if name.isEmpty || name.utf8.count > 128 || !letters {
            add("its name has 1 … 128 letters, digits and underscores")
        }
        let names = schema.columns.map(\.name)
        if names.contains("") || Set(names).count < names.count { add("each column has a name of its own") }
        if let key = schema.columns.prefix(schema.keyCount).first(where: \.isNullable) {
            add("column \(key.name) is of the key and may not be null")
        }
        if let time = schema.timeColumn, schema.columns[time].isNullable {
            add("column \(schema.columns[time].name) places rows in time and may not be null")
        }
        if let segmentLength {
            if segmentLength <= 0 { add("a segment of \(segmentLength) ms; use at least 1") }
            if schema.timeColumn == nil { add("segments need a time column") }
            // Else two rows of one key could lie in two segments, and nothing would bring them together.
            if let time = schema.timeColumn, time >= schema.keyCount, updateMode != .append {
                add("column \(schema.columns[time].name) must be of the key, because segments are by time")
            }
        }
        if let column = selectionColumn {
            if !schema.columns.indices.contains(column) || column >= schema.keyCount {
                add("the selection column is one of the key")
            } else if schema.columns[column].type != .int64, schema.columns[column].type != .timestamp {
                add("the selection column \(schema.columns[column].name) holds integers")
            }
        }
        if let problem = updateMode.mergeOperator.problem(with: schema) { add(problem) }
        return found
    }
}
