/// The leaves of a schema tree that came from a file.
///
/// - Child counts must use up the list of elements exactly.
/// - Groups nest at most `maximumDepth` deep; a stack of its own instead of recursion.
enum SchemaTree {
    static let maximumDepth = 32

    /// - Throws: the reason why the elements are no tree.
    static func leaves(of elements: [SchemaElement]) throws(ParquetError) -> [ParquetLeaf] {
        struct Group {
            var remaining: Int
            var path: [String]
            var definition: Int
            var repetition: Int
            var repeated: Int
        }
        guard let root = elements.first, let children = root.childCount, root.type == nil, children > 0 else {
            throw ParquetError(.damaged, "the schema's first element is not a group with columns")
        }
        var stack = [Group(remaining: children, path: [], definition: 0, repetition: 0, repeated: 0)]
        var leaves: [ParquetLeaf] = []
        for element in elements.dropFirst() {
            while let last = stack.last, last.remaining == 0 { stack.removeLast() }
            guard let top = stack.indices.last else {
                throw ParquetError(.damaged, "the schema has more elements than its groups count")
            }
            stack[top].remaining -= 1
            var definition = stack[top].definition
            var repetition = stack[top].repetition
            var repeated = stack[top].repeated
            switch element.repetition {
            case .required: break
            case .optional: definition += 1
            case .repeated:
                definition += 1
                repetition += 1
                repeated = definition
            case nil: throw ParquetError(.damaged, "schema element \(element.name) says neither required nor optional")
            }
            let path = stack[top].path + [element.name]
            if let type = element.type {
                guard (element.childCount ?? 0) == 0 else {
                    throw ParquetError(.damaged, "schema element \(element.name) has both a type and children")
                }
                leaves.append(
                    ParquetLeaf(
                        path: path, physical: type, logical: element.logicalType,
                        fixedLength: try fixedLength(of: element, type), maximumDefinition: definition,
                        maximumRepetition: repetition, repeatedDefinition: repeated))
            } else {
                guard let count = element.childCount, count > 0 else {
                    throw ParquetError(.damaged, "schema element \(element.name) has neither a type nor children")
                }
                guard stack.count < maximumDepth else {
                    throw ParquetError(.unsupported, "the schema is more than \(maximumDepth) groups deep")
                }
                stack.append(
                    Group(
                        remaining: count, path: path, definition: definition, repetition: repetition,
                        repeated: repeated))
            }
        }
        guard stack.allSatisfy({ $0.remaining == 0 }) else {
            throw ParquetError(.damaged, "the schema's groups count more elements than there are")
        }
        return leaves
    }

    private static func fixedLength(of element: SchemaElement, _ type: PhysicalType) throws(ParquetError) -> Int {
        switch type {
        case .int96: return 12
        case .fixedLengthByteArray:
            guard let length = element.typeLength, length > 0 else {
                throw ParquetError(.damaged, "schema element \(element.name) does not say how long its values are")
            }
            return Int(length)
        case .boolean, .int32, .int64, .float, .double, .byteArray: return 0
        }
    }
}
