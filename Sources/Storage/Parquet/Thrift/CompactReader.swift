import Platform

/// The types of Thrift's compact protocol, as they stand in the low half of a field header.
enum CompactType: UInt8 {
    case stop = 0
    case yes = 1
    case no = 2
    case byte = 3
    case int16 = 4
    case int32 = 5
    case int64 = 6
    case double = 7
    case binary = 8
    case list = 9
    case set = 10
    case map = 11
    case structure = 12
    case uuid = 13
}

/// A cursor over Thrift's compact protocol, for bytes from outside.
///
/// - Nothing declared is believed: a length or count must fit into the bytes that are left before it is used.
/// - Structures nest at most `maximumDepth` deep, skipped ones included.
/// - Nothing is reserved for a declared count: memory follows the bytes really read.
struct CompactReader {
    static let maximumDepth = 32

    /// A field's number and type; the value follows.
    struct Field {
        let id: Int
        let type: CompactType
    }

    /// Where a structure's field numbers have got to: they are written as differences.
    struct Structure {
        fileprivate var lastID = 0
        fileprivate let name: String
    }

    let bytes: [UInt8]
    private(set) var offset: Int
    let end: Int
    private var depth = 0

    init(_ bytes: [UInt8]) { self.init(bytes, in: 0..<bytes.count) }

    /// Reads within `range` only; clamped to the bytes there are.
    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        self.offset = min(max(range.lowerBound, 0), bytes.count)
        self.end = min(max(range.upperBound, offset), bytes.count)
    }

    var remaining: Int { end - offset }

    func malformed(_ expected: String) -> MalformedBytes { MalformedBytes(offset: offset, expected: expected) }

    // MARK: structures

    mutating func enter(_ name: String) throws(MalformedBytes) -> Structure {
        depth += 1
        guard depth <= Self.maximumDepth else {
            throw malformed("structures at most \(Self.maximumDepth) deep")
        }
        return Structure(name: name)
    }

    /// The next field of `structure`; nil at its end.
    mutating func next(_ structure: inout Structure) throws(MalformedBytes) -> Field? {
        let header = try byte(structure.name)
        guard header != 0 else {
            depth -= 1
            return nil
        }
        guard let type = CompactType(rawValue: header & 0x0f), type != .stop else {
            throw malformed("a field of \(structure.name), not one of type \(header & 0x0f)")
        }
        let difference = Int(header >> 4)
        let id: Int
        if difference != 0 {
            id = structure.lastID + difference
        } else {
            id = Int(truncatingIfNeeded: try zigzag("a field number of \(structure.name)"))
        }
        guard id >= Int(Int16.min), id <= Int(Int16.max) else {
            throw malformed("a field number of 16 bits in \(structure.name)")
        }
        structure.lastID = id
        return Field(id: id, type: type)
    }

    // MARK: values

    mutating func bool(_ field: Field) throws(MalformedBytes) -> Bool {
        switch field.type {
        case .yes: return true
        case .no: return false
        default: throw malformed("a boolean as field \(field.id)")
        }
    }

    mutating func int32(_ field: Field) throws(MalformedBytes) -> Int32 {
        guard field.type == .int32 else { throw malformed("an i32 as field \(field.id)") }
        return try int32Element("field \(field.id)")
    }

    mutating func int16(_ field: Field) throws(MalformedBytes) -> Int16 {
        guard field.type == .int16, let value = Int16(exactly: try zigzag("field \(field.id)")) else {
            throw malformed("an i16 as field \(field.id)")
        }
        return value
    }

    mutating func int8(_ field: Field) throws(MalformedBytes) -> Int8 {
        guard field.type == .byte else { throw malformed("an i8 as field \(field.id)") }
        return Int8(bitPattern: try byte("field \(field.id)"))
    }

    mutating func int64(_ field: Field) throws(MalformedBytes) -> Int64 {
        guard field.type == .int64 else { throw malformed("an i64 as field \(field.id)") }
        return try zigzag("field \(field.id)")
    }

    /// A count, length or offset: an i32 or i64 that is not negative.
    mutating func natural(_ field: Field) throws(MalformedBytes) -> Int {
        let value: Int64
        switch field.type {
        case .int32: value = Int64(try int32(field))
        case .int64: value = try int64(field)
        default: throw malformed("a number as field \(field.id)")
        }
        guard value >= 0 else { throw malformed("a number of at least 0 as field \(field.id), not \(value)") }
        return Int(value)
    }

    /// A count or size of a page: an i32 that is not negative.
    mutating func natural32(_ field: Field) throws(MalformedBytes) -> Int {
        let value = try int32(field)
        guard value >= 0 else { throw malformed("a number of at least 0 as field \(field.id), not \(value)") }
        return Int(value)
    }

    mutating func binary(_ field: Field) throws(MalformedBytes) -> ArraySlice<UInt8> {
        guard field.type == .binary else { throw malformed("bytes as field \(field.id)") }
        return try binaryElement("field \(field.id)")
    }

    /// Text; malformed UTF-8 is repaired, as names of other writers may be anything.
    mutating func text(_ field: Field) throws(MalformedBytes) -> String {
        String(decoding: try binary(field), as: UTF8.self)
    }

    mutating func expectStructure(_ field: Field) throws(MalformedBytes) {
        guard field.type == .structure else { throw malformed("a structure as field \(field.id)") }
    }

    /// The number of elements of a list of `type`; never more than the bytes that are left.
    mutating func list(_ field: Field, of type: CompactType) throws(MalformedBytes) -> Int {
        guard field.type == .list || field.type == .set else { throw malformed("a list as field \(field.id)") }
        let (count, found) = try listHeader("field \(field.id)")
        let same = found == type || (type == .yes && found == .no)
        guard same || count == 0 else { throw malformed("a list of \(type) as field \(field.id), not of \(found)") }
        return count
    }

    mutating func int32Element(_ what: @autoclosure () -> String) throws(MalformedBytes) -> Int32 {
        guard let value = Int32(exactly: try zigzag(what())) else { throw malformed("32 bits as \(what())") }
        return value
    }

    mutating func int64Element(_ what: @autoclosure () -> String) throws(MalformedBytes) -> Int64 { try zigzag(what()) }

    /// Inside a list a boolean is a byte: 1 is true; 2 (and, of some old writers, 0) is false.
    mutating func boolElement(_ what: @autoclosure () -> String) throws(MalformedBytes) -> Bool {
        switch try byte(what()) {
        case 1: return true
        case 0, 2: return false
        default: throw malformed("a boolean as \(what())")
        }
    }

    mutating func binaryElement(_ what: @autoclosure () -> String) throws(MalformedBytes) -> ArraySlice<UInt8> {
        let length = try varint(what())
        guard length <= UInt64(remaining) else {
            throw malformed("\(what()) of \(length) bytes, of which \(remaining) are there")
        }
        defer { offset += Int(length) }
        return bytes[offset..<offset + Int(length)]
    }

    // MARK: what is not known

    mutating func skip(_ field: Field) throws(MalformedBytes) { try skipValue(of: field.type, inList: false) }

    private mutating func skipValue(of type: CompactType, inList: Bool) throws(MalformedBytes) {
        switch type {
        case .stop: throw malformed("a value")
        case .yes, .no: if inList { _ = try byte("a boolean") }
        case .byte: _ = try byte("a byte")
        case .int16, .int32, .int64: _ = try varint("a number")
        case .double: try advance(8)
        case .uuid: try advance(16)
        case .binary: _ = try binaryElement("bytes")
        case .list, .set:
            try deeper()
            let (count, element) = try listHeader("a list")
            for _ in 0..<count { try skipValue(of: element, inList: true) }
            depth -= 1
        case .map:
            try deeper()
            let count = try varint("the size of a map")
            guard count <= UInt64(remaining) else { throw malformed("a map of \(count) entries") }
            if count > 0 {
                let types = try byte("the types of a map")
                guard let key = CompactType(rawValue: types >> 4), let value = CompactType(rawValue: types & 0x0f)
                else {
                    throw malformed("the types of a map")
                }
                for _ in 0..<count {
                    try skipValue(of: key, inList: true)
                    try skipValue(of: value, inList: true)
                }
            }
            depth -= 1
        case .structure:
            var structure = try enter("a structure")
            while let field = try next(&structure) { try skip(field) }
        }
    }

    // MARK: bytes

    private mutating func deeper() throws(MalformedBytes) {
        depth += 1
        guard depth <= Self.maximumDepth else { throw malformed("values at most \(Self.maximumDepth) deep") }
    }

    /// Count and element type; every element takes a byte at least, so the count is bounded by what is left.
    private mutating func listHeader(_ what: String) throws(MalformedBytes) -> (Int, CompactType) {
        let header = try byte(what)
        var count = UInt64(header >> 4)
        if count == 15 { count = try varint("the size of \(what)") }
        guard count <= UInt64(remaining) else {
            throw malformed("\(what) of \(count) elements in the \(remaining) bytes left")
        }
        guard let type = CompactType(rawValue: header & 0x0f), type != .stop || count == 0 else {
            throw malformed("a list of a known type as \(what)")
        }
        return (Int(count), type)
    }

    private mutating func advance(_ count: Int) throws(MalformedBytes) {
        guard count <= remaining else { throw malformed("\(count) more bytes") }
        offset += count
    }

    private mutating func byte(_ what: @autoclosure () -> String) throws(MalformedBytes) -> UInt8 {
        guard offset < end else { throw malformed("\(what()), but the bytes end") }
        defer { offset += 1 }
        return bytes[offset]
    }

    private mutating func zigzag(_ what: @autoclosure () -> String) throws(MalformedBytes) -> Int64 {
        let value = try varint(what())
        return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
    }

    private mutating func varint(_ what: @autoclosure () -> String) throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < end {
            let byte = bytes[offset]
            if shift == 63 && byte > 1 { break }
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { break }
        }
        throw malformed("\(what()) as a varint of at most 64 bits")
    }
}
