/// A column that can be written: a flat one, or a map of text to text.
public struct ParquetColumn: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case flat(PhysicalType, LogicalType)
        /// MAP<STRING, STRING>: two leaves, the keys and the values; always optional.
        case stringMap
    }
    public var name: String
    public var kind: Kind
    public var isOptional: Bool

    public init(_ name: String, _ physical: PhysicalType, _ logical: LogicalType = .none, isOptional: Bool = false) {
        self.name = name
        self.kind = .flat(physical, logical)
        self.isOptional = isOptional
    }
    public init(stringMap name: String) {
        self.name = name
        self.kind = .stringMap
        self.isOptional = true
    }
}

/// What is stored as one column: a leaf of the schema tree.
public struct ParquetLeaf: Sendable, Hashable {
    public var path: [String]
    public var physical: PhysicalType
    public var logical: LogicalType
    /// The definition level of a value that is there: 0 where nothing can be absent.
    public var maximumDefinition: Int
    /// 0: at most one value a row.
    public var maximumRepetition: Int

    /// The dotted path.
    public var name: String { path.joined(separator: ".") }
    /// One value per row, which may be null.
    public var isFlat: Bool { maximumRepetition == 0 && maximumDefinition <= 1 }
}

/// The columns of a file to be written, in order.
public struct ParquetSchema: Sendable, Hashable {
    public let columns: [ParquetColumn]
    /// What is written as column chunks: one a flat column, two a map (keys, values).
    public let leaves: [ParquetLeaf]

    /// - Precondition: at least one column; physical types are boolean, int32, int64, double or byteArray.
    public init(_ columns: [ParquetColumn]) {
        precondition(!columns.isEmpty)
        self.columns = columns
        self.leaves = columns.flatMap(\.leaves)
    }

    /// The tree in depth-first order, the root first.
    var elements: [SchemaElement] {
        let root = SchemaElement(
            type: nil, typeLength: nil, repetition: nil, name: "schema", childCount: columns.count, logicalType: .none)
        return [root] + columns.flatMap(\.elements)
    }
}

extension ParquetColumn {
    fileprivate var leaves: [ParquetLeaf] {
        switch kind {
        case .flat(let physical, let logical):
            let written: [PhysicalType] = [.boolean, .int32, .int64, .double, .byteArray]
            precondition(written.contains(physical), "\(physical) is not written")
            return [
                ParquetLeaf(
                    path: [name], physical: physical, logical: logical, maximumDefinition: isOptional ? 1 : 0,
                    maximumRepetition: 0)
            ]
        case .stringMap:
            // 0: no map; 1: an empty map; 2: an entry.
            return ["key", "value"].map { part in
                ParquetLeaf(
                    path: [name, "key_value", part], physical: .byteArray, logical: .string, maximumDefinition: 2,
                    maximumRepetition: 1)
            }
        }
    }

    fileprivate var elements: [SchemaElement] {
        switch kind {
        case .flat(let physical, let logical):
            return [
                SchemaElement(
                    type: physical, typeLength: nil, repetition: isOptional ? .optional : .required, name: name,
                    childCount: nil, logicalType: logical)
            ]
        case .stringMap:
            func text(_ name: String) -> SchemaElement {
                SchemaElement(
                    type: .byteArray, typeLength: nil, repetition: .required, name: name, childCount: nil,
                    logicalType: .string)
            }
            let map = SchemaElement(
                type: nil, typeLength: nil, repetition: .optional, name: name, childCount: 1, logicalType: .map)
            let entries = SchemaElement(
                type: nil, typeLength: nil, repetition: .repeated, name: "key_value", childCount: 2, logicalType: .none)
            return [map, entries, text("key"), text("value")]
        }
    }
}
