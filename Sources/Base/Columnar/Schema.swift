/// The columns of a table: the primary key first, one of them (at most) the time.
///
/// - Rows are sorted by the key columns in order.
/// - Key columns hold no nulls.
public struct Schema: Sendable, Hashable {
    public struct Column: Sendable, Hashable {
        public var name: String
        public var type: ColumnType
        public var isNullable: Bool
        public init(_ name: String, _ type: ColumnType, isNullable: Bool = false) {
            self.name = name
            self.type = type
            self.isNullable = isNullable
        }
    }

    public let columns: [Column]
    /// The first so many columns are the primary key; ≥ 1.
    public let keyCount: Int
    /// Index of the column that places a row in its time segment; nil: one segment for all time.
    public let timeColumn: Int?

    public init(_ columns: [Column], keyCount: Int, timeColumn: Int?) {
        precondition(keyCount >= 1 && keyCount <= columns.count)
        precondition(timeColumn.map { columns[$0].type == .timestamp || columns[$0].type == .int64 } ?? true)
        self.columns = columns
        self.keyCount = keyCount
        self.timeColumn = timeColumn
    }

    /// Whether the key is two integers, as that of samples and series is: there are faster ways for those.
    public var hasTwoIntegerKeys: Bool {
        let keys = columns.prefix(keyCount)
        return keys.count == 2 && keys.allSatisfy { $0.type == .int64 || $0.type == .timestamp }
    }

    public func index(of name: String) -> Int? { columns.firstIndex { $0.name == name } }

    /// What makes `other` a different schema, in words; nil when it is the same.
    public func difference(from other: Schema) -> String? {
        if columns.count != other.columns.count {
            return "it has \(other.columns.count) columns instead of \(columns.count)"
        }
        for (i, (mine, theirs)) in zip(columns, other.columns).enumerated() where mine != theirs {
            if mine.name == theirs.name, mine.type == theirs.type {
                return "its column \(mine.name) \(theirs.isNullable ? "may" : "may not") be null, the table's "
                    + (mine.isNullable ? "may" : "may not")
            }
            return "column \(i + 1) is \(theirs.name) \(theirs.type) instead of \(mine.name) \(mine.type)"
        }
        if keyCount != other.keyCount { return "its key is \(other.keyCount) columns instead of \(keyCount)" }
        if timeColumn != other.timeColumn { return "its time column is another one" }
        return nil
    }
}
