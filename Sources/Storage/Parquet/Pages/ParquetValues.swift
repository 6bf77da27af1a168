public import Columnar

/// The values of one column that are there, in the type that they are stored as.
public enum ParquetValues: Sendable, Hashable {
    case boolean([Bool])
    case int32([Int32])
    case int64([Int64])
    case float([Float])
    case double([Double])
    /// Byte strings of any length, of a fixed one, or the 12 bytes of each int96.
    case bytes(BytesColumn)

    public var count: Int {
        switch self {
        case .boolean(let values): values.count
        case .int32(let values): values.count
        case .int64(let values): values.count
        case .float(let values): values.count
        case .double(let values): values.count
        case .bytes(let values): values.count
        }
    }

    public subscript(range: Range<Int>) -> ParquetValues {
        switch self {
        case .boolean(let values): return .boolean(Array(values[range]))
        case .int32(let values): return .int32(Array(values[range]))
        case .int64(let values): return .int64(Array(values[range]))
        case .float(let values): return .float(Array(values[range]))
        case .double(let values): return .double(Array(values[range]))
        case .bytes(let values):
            var part = BytesColumn()
            part.append(contentsOf: values, in: range)
            return .bytes(part)
        }
    }
}

extension ParquetPage {
    /// The present values, whatever their type.
    public func values(_ dictionary: ParquetDictionary?) throws(ParquetError) -> ParquetValues {
        switch leaf.physical {
        case .boolean: .boolean(try booleans())
        case .int32: .int32(try int32s(dictionary))
        case .int64: .int64(try int64s(dictionary))
        case .float: .float(try floats(dictionary))
        case .double: .double(try doubles(dictionary))
        case .int96, .byteArray, .fixedLengthByteArray: .bytes(try byteStrings(dictionary))
        }
    }
}

extension ColumnPages {
    /// The present values of all pages, whatever their type.
    public func values() throws(ParquetError) -> ParquetValues {
        switch leaf.physical {
        case .boolean: .boolean(try booleans())
        case .int32: .int32(try joined { page throws(ParquetError) in try page.int32s(dictionary) })
        case .int64: .int64(try int64s())
        case .float: .float(try joined { page throws(ParquetError) in try page.floats(dictionary) })
        case .double: .double(try doubles())
        case .int96, .byteArray, .fixedLengthByteArray: .bytes(try byteStrings())
        }
    }

    private func joined<T>(_ values: (ParquetPage) throws(ParquetError) -> [T]) throws(ParquetError) -> [T] {
        var found: [T] = []
        for page in pages { found.append(contentsOf: try values(page)) }
        return found
    }
}
