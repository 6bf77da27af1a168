/// Writes Thrift's compact protocol: the counterpart of `CompactReader`.
///
/// Fields of one structure are written in ascending order of their numbers.
struct CompactWriter {
    private(set) var bytes: [UInt8] = []
    /// The last field number of each open structure.
    private var lastIDs: [Int] = []

    init() {}

    // MARK: structures

    /// A structure that stands by itself or as an element of a list.
    mutating func structure(_ body: (inout CompactWriter) -> Void) {
        lastIDs.append(0)
        body(&self)
        lastIDs.removeLast()
        bytes.append(0)
    }

    mutating func structure(_ id: Int, _ body: (inout CompactWriter) -> Void) {
        field(id, .structure)
        structure(body)
    }

    private mutating func field(_ id: Int, _ type: CompactType) {
        let last = lastIDs[lastIDs.count - 1]
        precondition(id > last, "fields are written in ascending order")
        if id - last <= 15 {
            bytes.append(UInt8(id - last) << 4 | type.rawValue)
        } else {
            bytes.append(type.rawValue)
            append(zigzag: Int64(id))
        }
        lastIDs[lastIDs.count - 1] = id
    }

    // MARK: fields

    mutating func bool(_ id: Int, _ value: Bool) { field(id, value ? .yes : .no) }

    mutating func int32(_ id: Int, _ value: Int32) {
        field(id, .int32)
        append(zigzag: Int64(value))
    }

    mutating func int8(_ id: Int, _ value: Int8) {
        field(id, .byte)
        bytes.append(UInt8(bitPattern: value))
    }

    mutating func int16(_ id: Int, _ value: Int16) {
        field(id, .int16)
        append(zigzag: Int64(value))
    }

    mutating func int64(_ id: Int, _ value: Int64) {
        field(id, .int64)
        append(zigzag: value)
    }

    mutating func binary(_ id: Int, _ value: some Collection<UInt8>) {
        field(id, .binary)
        append(binary: value)
    }

    mutating func text(_ id: Int, _ value: String) { binary(id, Array(value.utf8)) }

    // MARK: lists

    mutating func list(_ id: Int, of type: CompactType, count: Int) {
        field(id, .list)
        if count < 15 {
            bytes.append(UInt8(count) << 4 | type.rawValue)
        } else {
            bytes.append(0xf0 | type.rawValue)
            append(varint: UInt64(count))
        }
    }

    mutating func element(_ value: Int32) { append(zigzag: Int64(value)) }
    mutating func element(_ value: Int64) { append(zigzag: value) }
    mutating func element(_ value: Bool) { bytes.append(value ? 1 : 2) }
    mutating func element(_ value: some Collection<UInt8>) { append(binary: value) }
    mutating func element(_ value: String) { append(binary: Array(value.utf8)) }

    // MARK: bytes

    private mutating func append(binary value: some Collection<UInt8>) {
        append(varint: UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func append(zigzag value: Int64) {
        append(varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    private mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
