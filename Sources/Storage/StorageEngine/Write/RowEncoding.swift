public import Columnar
public import Platform

/// Rows in the log, version 1: what a crash must not lose, encoded in one pass.
///
///     u8  version (1)
///     varint rows
///     per column: u8 flags (bit 0: a validity byte per row follows), [validity], then
///       int64, timestamp: u8 width (0, 1, 2, 4: difference to the least, i64 first; 8: as they are), values
///       float64: 8 bytes each · bool: 1 byte each · bytes, text: varint length and bytes each
///
/// Little-endian. Every length is checked against what is left before anything is allocated.
public enum RowEncoding {
    static let version: UInt8 = 1
    /// Rows of one batch: more are refused at the door, because what is in the log must be readable.
    public static let largestBatch = 1 << 24

    public static func encode(_ batch: RecordBatch) -> Bytes {
        var writer = ByteWriter(capacity: usualSize(batch))
        writer.append(version)
        writer.append(varint: UInt64(batch.rowCount))
        for column in batch.columns {
            writer.append(UInt8(column.validity == nil ? 0 : 1))
            if let flags = column.validity { writer.append(bytes: flags.map { $0 ? 1 : 0 }) }
            switch column.values {
            case .int64(let values): encode(values, into: &writer)
            case .float64(let values): values.withUnsafeBytes { writer.append(bytes: $0) }
            case .bool(let values): writer.append(bytes: values.map { $0 ? 1 : 0 })
            case .bytes(let values):
                for i in 0..<values.count {
                    writer.append(varint: UInt64(values[i].count))
                    writer.append(bytes: values[i])
                }
            }
        }
        return writer.bytes
    }

    /// Bytes that suffice, unless byte strings are longer than 16 KiB.
    private static func usualSize(_ batch: RecordBatch) -> Int {
        batch.columns.reduce(64) { size, column in
            let flags = column.validity == nil ? 0 : batch.rowCount
            switch column.values {
            case .int64, .float64: return size + flags + batch.rowCount * 8 + 16
            case .bool: return size + flags + batch.rowCount + 1
            case .bytes(let values): return size + flags + values.bytes.count + batch.rowCount * 2 + 1
            }
        }
    }

    private static func encode(_ values: [Int64], into writer: inout ByteWriter) {
        guard let least = values.min(), let greatest = values.max() else {
            writer.append(UInt8(0))
            writer.append(Int64(0))
            return
        }
        let span = UInt64(bitPattern: greatest &- least)
        func narrow<T: FixedWidthInteger>(_ type: T.Type) {
            let differences = values.map { T(truncatingIfNeeded: $0 &- least) }
            differences.withUnsafeBytes { writer.append(bytes: $0) }
        }
        // A difference that wraps needs all 64 bits, and so has the raw form.
        switch span {
        case 0:
            writer.append(UInt8(0))
            writer.append(least)
        case ..<(1 << 8):
            writer.append(UInt8(1))
            writer.append(least)
            narrow(UInt8.self)
        case ..<(1 << 16):
            writer.append(UInt8(2))
            writer.append(least)
            narrow(UInt16.self)
        case ..<(1 << 32):
            writer.append(UInt8(4))
            writer.append(least)
            narrow(UInt32.self)
        default:
            writer.append(UInt8(8))
            values.withUnsafeBytes { writer.append(bytes: $0) }
        }
    }

    public static func decode(_ bytes: Bytes, as schema: Schema) throws(MalformedBytes) -> RecordBatch {
        var reader = ByteReader(bytes)
        guard try reader.integer(UInt8.self, "the version of a row encoding") == version else {
            throw MalformedBytes(offset: 0, expected: "row encoding version \(version)")
        }
        let declared = try reader.varint("the number of rows")
        // A row of constant columns takes no bytes at all, so the length says nothing of the number.
        guard declared <= UInt64(largestBatch) else {
            throw MalformedBytes(offset: 1, expected: "at most 16,777,216 rows")
        }
        let rows = Int(declared)
        var columns: [Column] = []
        for column in schema.columns {
            let flags = try reader.integer(UInt8.self, "column flags")
            var validity: [Bool]?
            if flags & 1 != 0 {
                guard column.isNullable else {
                    throw MalformedBytes(offset: reader.offset, expected: "no nulls in column \(column.name)")
                }
                validity = try reader.take(rows, "validity").map { $0 != 0 }
            }
            let values: ColumnValues
            switch column.type {
            case .int64, .timestamp: values = .int64(try decodeIntegers(&reader, rows))
            case .float64:
                let raw = try reader.take(rows * 8, "doubles")
                values = .float64(raw.withUnsafeBytes { load($0, rows, Double.self) })
            case .bool: values = .bool(try reader.take(rows, "booleans").map { $0 != 0 })
            case .bytes, .text:
                var strings = BytesColumn()
                for _ in 0..<rows { strings.append(try reader.lengthPrefixed("a byte string")) }
                values = .bytes(strings)
            }
            columns.append(Column(values, validity: validity))
        }
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset, expected: "the end of the rows") }
        return RecordBatch(trusted: schema, columns)
    }

    private static func decodeIntegers(_ reader: inout ByteReader, _ rows: Int) throws(MalformedBytes) -> [Int64] {
        let width = try reader.integer(UInt8.self, "a width of integers")
        if width == 8 { return try reader.take(rows * 8, "integers").withUnsafeBytes { load($0, rows, Int64.self) } }
        let least = try reader.integer(Int64.self, "the least integer")
        func widen<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) throws(MalformedBytes) -> [Int64] {
            let raw = try reader.take(rows * MemoryLayout<T>.size, "integers")
            return raw.withUnsafeBytes { load($0, rows, T.self) }.map { least &+ Int64(truncatingIfNeeded: $0) }
        }
        switch width {
        case 0: return [Int64](repeating: least, count: rows)
        case 1: return try widen(UInt8.self)
        case 2: return try widen(UInt16.self)
        case 4: return try widen(UInt32.self)
        default: throw MalformedBytes(offset: reader.offset, expected: "integers of 0, 1, 2, 4 or 8 bytes")
        }
    }

    /// `bytes` holds exactly `count` values.
    private static func load<T: BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ type: T.Type
    ) -> [T] {
        [T](unsafeUninitializedCapacity: count) { buffer, filled in
            if count > 0 { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes) }
            filled = count
        }
    }
}
