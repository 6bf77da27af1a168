/// A column that can be written: a flat one, a list of flat values, or a map of text to text.
public struct ParquetColumn: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case flat(PhysicalType, LogicalType)
        /// LIST of such values, each of which may be null; the list as well where the column is optional.
        case list(PhysicalType, LogicalType)
        /// MAP<STRING, STRING>: two leaves, the keys and the values; always optional.
        case stringMap
    }
    public var name: String
    public var kind: Kind
    public var isOptional: Bool
    /// Bytes of a value of type `fixedLengthByteArray`; else 0.
    public var fixedLength = 0

    public init(_ name: String, _ physical: PhysicalType, _ logical: LogicalType = .none, isOptional: Bool = false) {
        self.name = name
        self.kind = .flat(physical, logical)
        self.isOptional = isOptional
    }
    /// Byte strings of one length, at least 1.
    public init(_ name: String, fixedLength: Int, _ logical: LogicalType = .none, isOptional: Bool = false) {
        self.init(name, .fixedLengthByteArray, logical, isOptional: isOptional)
        self.fixedLength = fixedLength
    }
    public init(
        list name: String, of physical: PhysicalType, _ logical: LogicalType = .none, fixedLength: Int = 0,
        isOptional: Bool = true
    ) {
        self.name = name
        self.kind = .list(physical, logical)
        self.isOptional = isOptional
        self.fixedLength = fixedLength
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
    /// Bytes of a value of type `fixedLengthByteArray` (12 of int96); else 0.
    public var fixedLength = 0
    /// The definition level of a value that is there: 0 where nothing can be absent.
    public var maximumDefinition: Int
    /// 0: at most one value a row.
    public var maximumRepetition: Int
    /// The definition level from which on an element of the innermost list or map exists, be it null; one less is an
    /// empty list. 0 where nothing repeats.
    public var repeatedDefinition = 0

    /// The dotted path.
    public var name: String { path.joined(separator: ".") }
    /// One value per row, which may be null.
    public var isFlat: Bool { maximumRepetition == 0 && maximumDefinition <= 1 }
}

/// The columns of a file to be written, in order.
public struct ParquetSchema: Sendable, Hashable {
    public let columns: [ParquetColumn]
    /// What is written as column chunks: one a flat column or list, two a map (keys, values).
    public let leaves: [ParquetLeaf]

    /// - Precondition: at least one column; no physical type is int96, which is only read; fixed lengths are at least 1.
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
            check(physical)
            return [
                ParquetLeaf(
                    path: [name], physical: physical, logical: logical, fixedLength: fixedLength,
                    maximumDefinition: isOptional ? 1 : 0, maximumRepetition: 0)
            ]
        case .list(let physical, let logical):
            check(physical)
            // Optional: 0 no list, 1 an empty one, 2 a null element, 3 an element; else one less.
            let repeated = isOptional ? 2 : 1
            return [
                ParquetLeaf(
                    path: [name, "list", "element"], physical: physical, logical: logical, fixedLength: fixedLength,
                    maximumDefinition: repeated + 1, maximumRepetition: 1, repeatedDefinition: repeated)
            ]
        case .stringMap:
            // 0: no map; 1: an empty map; 2: an entry.
            return ["key", "value"].map { part in
                ParquetLeaf(
                    path: [name, "key_value", part], physical: .byteArray, logical: .string, maximumDefinition: 2,
                    maximumRepetition: 1, repeatedDefinition: 2)
            }
        }
    }

    private func check(_ physical: PhysicalType) {
        precondition(physical != .int96, "int96 is not written")
        precondition((physical == .fixedLengthByteArray) == (fixedLength > 0), "a length belongs to fixed lengths only")
    }

    fileprivate var elements: [SchemaElement] {
        let repetition: Repetition = isOptional ? .optional : .required
        switch kind {
        case .flat(let physical, let logical):
            return [leaf(name, physical, logical, repetition)]
        case .list(let physical, let logical):
            return [
                group(name, repetition, 1, .list), group("list", .repeated, 1, .none),
                leaf("element", physical, logical, .optional),
            ]
        case .stringMap:
            return [
                group(name, .optional, 1, .map), group("key_value", .repeated, 2, .none),
                leaf("key", .byteArray, .string, .required), leaf("value", .byteArray, .string, .required),
            ]
        }
    }

    private func leaf(
        _ name: String, _ physical: PhysicalType, _ logical: LogicalType, _ repetition: Repetition
    ) -> SchemaElement {
        SchemaElement(
            type: physical, typeLength: physical == .fixedLengthByteArray ? Int32(clamping: fixedLength) : nil,
            repetition: repetition, name: name, childCount: nil, logicalType: logical)
    }

    private func group(
        _ name: String, _ repetition: Repetition, _ children: Int, _ logical: LogicalType
    ) -> SchemaElement {
        SchemaElement(
            type: nil, typeLength: nil, repetition: repetition, name: name, childCount: children, logicalType: logical)
    }
}
