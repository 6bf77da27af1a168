/// Rows of one table as columns.
///
/// - Every column has `rowCount` values and the type that the schema says.
public struct RecordBatch: Sendable, Hashable {
    public let schema: Schema
    public let columns: [Column]
    public let rowCount: Int

    /// - Throws: `SchemaMismatch`, naming the first difference; nothing else can be wrong with a batch.
    public init(_ schema: Schema, _ columns: [Column]) throws(SchemaMismatch) {
        guard columns.count == schema.columns.count else {
            throw SchemaMismatch("it has \(columns.count) columns instead of \(schema.columns.count)")
        }
        let rows = columns.first?.count ?? 0
        for (column, expected) in zip(columns, schema.columns) {
            guard column.count == rows else {
                throw SchemaMismatch("column \(expected.name) has \(column.count) values, the first column \(rows)")
            }
            guard column.values.matches(expected.type) else {
                throw SchemaMismatch("column \(expected.name) is not of type \(expected.type)")
            }
            guard column.validity == nil || expected.isNullable else {
                throw SchemaMismatch("column \(expected.name) may not be null")
            }
        }
        self.schema = schema
        self.columns = columns
        self.rowCount = rows
    }

    /// A batch whose columns were made from `schema` by our own code.
    public init(trusted schema: Schema, _ columns: [Column]) {
        assert(columns.count == schema.columns.count)
        assert(columns.allSatisfy { $0.count == columns[0].count })
        self.schema = schema
        self.columns = columns
        self.rowCount = columns.first?.count ?? 0
    }

    public init(emptyOf schema: Schema) {
        self.init(trusted: schema, schema.columns.map { Column(ColumnValues(emptyOf: $0.type)) })
    }

    public var isEmpty: Bool { rowCount == 0 }
}

/// A batch that does not fit its table: which column, and how.
public struct SchemaMismatch: Error, Equatable, Sendable, CustomStringConvertible {
    public let difference: String
    public init(_ difference: String) { self.difference = difference }
    public var description: String { "the batch does not fit the table: \(difference)" }
}

extension ColumnValues {
    fileprivate func matches(_ type: ColumnType) -> Bool {
        switch (self, type) {
        case (.int64, .int64), (.int64, .timestamp), (.float64, .float64), (.bytes, .bytes), (.bytes, .text),
            (.bool, .bool):
            true
        case (.int64, _), (.float64, _), (.bytes, _), (.bool, _): false
        }
    }
}
