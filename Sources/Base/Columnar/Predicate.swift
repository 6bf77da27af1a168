/// One value of a column, to compare with.
public enum Value: Sendable, Hashable {
    /// For `int64` and `timestamp`.
    case int64(Int64)
    case float64(Double)
    /// For `bytes` and `text`.
    case bytes([UInt8])
    case bool(Bool)

    public static func text(_ text: String) -> Value { .bytes(Array(text.utf8)) }
}

/// Which rows are wanted, by the values in their columns.
///
/// - As in SQL, a comparison with a null is neither true nor false, and a row is wanted only where the whole is true.
/// - Doubles compare as IEEE 754 has it: NaN is unequal to everything. Byte strings compare byte by byte.
public indirect enum Predicate: Sendable, Hashable {
    public enum Comparison: Sendable, Hashable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }

    /// - column: index in the table's schema.
    case compare(column: Int, Comparison, Value)
    case isNull(column: Int)
    /// All of them; of none: true.
    case all([Predicate])
    /// One of them at least; of none: false.
    case any([Predicate])
    case not(Predicate)

    /// Columns that it looks at.
    public var columns: Set<Int> {
        switch self {
        case .compare(let column, _, _), .isNull(let column): [column]
        case .all(let parts), .any(let parts): parts.reduce(into: []) { $0.formUnion($1.columns) }
        case .not(let part): part.columns
        }
    }

    /// The same of other columns.
    public func mapping(_ place: (Int) -> Int) -> Predicate {
        switch self {
        case .compare(let column, let comparison, let value): .compare(column: place(column), comparison, value)
        case .isNull(let column): .isNull(column: place(column))
        case .all(let parts): .all(parts.map { $0.mapping(place) })
        case .any(let parts): .any(parts.map { $0.mapping(place) })
        case .not(let part): .not(part.mapping(place))
        }
    }

    /// What is wrong with it for rows of this schema; nil: nothing.
    public func problem(with schema: Schema) -> String? {
        switch self {
        case .compare(let column, _, let value):
            guard schema.columns.indices.contains(column) else { return "there is no column number \(column)" }
            let type = schema.columns[column].type
            return value.fits(type)
                ? nil : "column \(schema.columns[column].name) is of type \(type), not \(value.kind)"
        case .isNull(let column):
            return schema.columns.indices.contains(column) ? nil : "there is no column number \(column)"
        case .all(let parts), .any(let parts):
            for part in parts { if let problem = part.problem(with: schema) { return problem } }
            return nil
        case .not(let part): return part.problem(with: schema)
        }
    }

    /// The parts that must all be true.
    public var conjuncts: [Predicate] {
        if case .all(let parts) = self { return parts.flatMap(\.conjuncts) }
        return [self]
    }
}

extension Value {
    var kind: String {
        switch self {
        case .int64: "int64"
        case .float64: "float64"
        case .bytes: "bytes"
        case .bool: "bool"
        }
    }

    func fits(_ type: ColumnType) -> Bool {
        switch (self, type) {
        case (.int64, .int64), (.int64, .timestamp), (.float64, .float64), (.bytes, .bytes), (.bytes, .text),
            (.bool, .bool):
            true
        case (.int64, _), (.float64, _), (.bytes, _), (.bool, _): false
        }
    }
}
