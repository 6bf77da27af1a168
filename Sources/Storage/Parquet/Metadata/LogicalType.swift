import Platform

/// What a value means, as far as it matters here.
public enum LogicalType: Sendable, Hashable {
    /// Nothing more than its physical type says.
    case none
    /// UTF-8.
    case string
    /// Milliseconds since the Unix epoch, UTC. A file's local times, which know no zone, read as UTC.
    case timestampMillis
    /// Microseconds since the Unix epoch.
    case timestampMicros
    /// Nanoseconds since the Unix epoch.
    case timestampNanos
    /// Days since the Unix epoch, in an INT32.
    case date
    /// unscaled / 10^scale; the unscaled number is an INT32, an INT64, or big-endian two's complement bytes.
    case decimal(precision: Int, scale: Int)
    /// An unsigned number of 8, 16, 32 or 64 bits, in an INT32 or INT64 with the same bits.
    case unsigned(bits: Int)
    /// A signed number of fewer bits than its physical type, or as many.
    case signed(bits: Int)
    /// Half precision, in two bytes.
    case float16
    /// A group of keys and values.
    case map
    /// A group around the elements of a list.
    case list
    /// Something else: the values still read as their physical type.
    case other
}

/// How the logical types stand in a schema element: in the older form (`ConvertedType`) and the newer one (the union
/// `LogicalType`), which wins where both stand.
extension LogicalType {
    /// - Parameters: `scale` and `precision` stand beside the older form of a decimal.
    init(converted raw: Int32, scale: Int?, precision: Int?) {
        switch raw {
        case 0: self = .string
        case 1, 2: self = .map
        case 3: self = .list
        case 5: self = .decimal(precision: precision ?? 0, scale: scale ?? 0)
        case 6: self = .date
        case 9: self = .timestampMillis
        case 10: self = .timestampMicros
        case 11...14: self = .unsigned(bits: 8 << Int(raw - 11))
        case 15...18: self = .signed(bits: 8 << Int(raw - 15))
        default: self = .other
        }
    }

    /// nil: the older form has none.
    var converted: Int32? {
        switch self {
        case .string: 0
        case .map: 1
        case .list: 3
        case .decimal: 5
        case .date: 6
        case .timestampMillis: 9
        case .timestampMicros: 10
        case .unsigned(let bits): 11 + Int32(max(bits / 8, 1).trailingZeroBitCount)
        case .signed(let bits): 15 + Int32(max(bits / 8, 1).trailingZeroBitCount)
        case .none, .other, .timestampNanos, .float16: nil
        }
    }

    /// The union's field; its structure's content follows.
    func write(to schema: inout CompactWriter) {
        func union(_ field: Int, _ content: (inout CompactWriter) -> Void = { _ in }) {
            schema.structure(10) { $0.structure(field, content) }
        }
        switch self {
        case .none, .other: break
        case .string: union(1)
        case .map: union(2)
        case .list: union(3)
        case .decimal(let precision, let scale):
            union(5) {
                $0.int32(1, Int32(clamping: scale))
                $0.int32(2, Int32(clamping: precision))
            }
        case .date: union(6)
        case .timestampMillis: union(8) { Self.write(unit: 1, to: &$0) }
        case .timestampMicros: union(8) { Self.write(unit: 2, to: &$0) }
        case .timestampNanos: union(8) { Self.write(unit: 3, to: &$0) }
        case .unsigned(let bits): union(10) { Self.write(bits: bits, isSigned: false, to: &$0) }
        case .signed(let bits): union(10) { Self.write(bits: bits, isSigned: true, to: &$0) }
        case .float16: union(15)
        }
    }

    private static func write(unit: Int, to timestamp: inout CompactWriter) {
        timestamp.bool(1, true)
        timestamp.structure(2) { $0.structure(unit) { _ in } }
    }

    private static func write(bits: Int, isSigned: Bool, to integer: inout CompactWriter) {
        integer.int8(1, Int8(clamping: bits))
        integer.bool(2, isSigned)
    }
}

extension CompactReader {
    /// The union `LogicalType`; what is not known is `.other`.
    mutating func logicalType() throws(MalformedBytes) -> LogicalType {
        var found = LogicalType.other
        var fields = try enter("a logical type")
        while let field = try next(&fields) {
            switch field.id {
            case 1: found = try empty(field, .string)
            case 2: found = try empty(field, .map)
            case 3: found = try empty(field, .list)
            case 4, 12: found = try empty(field, .string)  // ENUM and JSON are UTF-8
            case 5:
                try expectStructure(field)
                found = try decimalType()
            case 6: found = try empty(field, .date)
            case 8:
                try expectStructure(field)
                found = try timestampType()
            case 10:
                try expectStructure(field)
                found = try integerType()
            case 15: found = try empty(field, .float16)
            default: try skip(field)
            }
        }
        return found
    }

    private mutating func empty(_ field: Field, _ type: LogicalType) throws(MalformedBytes) -> LogicalType {
        try skip(field)
        return type
    }

    private mutating func decimalType() throws(MalformedBytes) -> LogicalType {
        var scale = 0
        var precision = 0
        var fields = try enter("a decimal type")
        while let field = try next(&fields) {
            switch field.id {
            case 1: scale = Int(try int32(field))
            case 2: precision = Int(try int32(field))
            default: try skip(field)
            }
        }
        return .decimal(precision: precision, scale: scale)
    }

    private mutating func timestampType() throws(MalformedBytes) -> LogicalType {
        var type = LogicalType.other
        var fields = try enter("a timestamp type")
        while let field = try next(&fields) {
            guard field.id == 2 else {
                try skip(field)
                continue
            }
            try expectStructure(field)
            var unit = try enter("a unit of time")
            while let field = try next(&unit) {
                switch field.id {
                case 1: type = .timestampMillis
                case 2: type = .timestampMicros
                case 3: type = .timestampNanos
                default: break
                }
                try skip(field)
            }
        }
        return type
    }

    private mutating func integerType() throws(MalformedBytes) -> LogicalType {
        var bits = 0
        var isSigned = true
        var fields = try enter("an integer type")
        while let field = try next(&fields) {
            switch field.id {
            case 1: bits = Int(try int8(field))
            case 2: isSigned = try bool(field)
            default: try skip(field)
            }
        }
        guard [8, 16, 32, 64].contains(bits) else { return .other }
        return isSigned ? .signed(bits: bits) : .unsigned(bits: bits)
    }
}
