#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Byte strings end to end: value i is `bytes[offsets[i] ..< offsets[i + 1]]`.
public struct BytesColumn: Sendable, Hashable {
    public private(set) var offsets: [Int]
    public private(set) var bytes: [UInt8]

    public init() {
        offsets = [0]
        bytes = []
    }

    /// Empty, with room for so many values and their bytes together.
    public init(capacity: Int, bytes size: Int) {
        self.init()
        offsets.reserveCapacity(capacity + 1)
        bytes.reserveCapacity(size)
    }

    public init(_ values: [[UInt8]]) {
        self.init()
        for value in values { append(value) }
    }
    /// - Precondition: offsets start at 0, never fall and end at `bytes.count`.
    public init(offsets: [Int], bytes: [UInt8]) {
        precondition(offsets.first == 0 && offsets.last == bytes.count)
        self.offsets = offsets
        self.bytes = bytes
    }

    public var count: Int { offsets.count - 1 }
    public subscript(_ i: Int) -> ArraySlice<UInt8> { bytes[offsets[i]..<offsets[i + 1]] }

    public mutating func append(_ value: [UInt8]) {
        bytes.append(contentsOf: value)
        offsets.append(bytes.count)
    }
    public mutating func append(_ value: ArraySlice<UInt8>) {
        bytes.append(contentsOf: value)
        offsets.append(bytes.count)
    }
    public mutating func append(_ value: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: value)
        offsets.append(bytes.count)
    }
    /// Appends the value that `build` puts behind the bytes it is given, which it must not touch.
    public mutating func append(building build: (inout [UInt8]) -> Void) {
        build(&bytes)
        precondition(bytes.count >= offsets[offsets.count - 1])
        offsets.append(bytes.count)
    }
    public mutating func append(contentsOf other: BytesColumn, in range: Range<Int>) {
        let start = other.offsets[range.lowerBound]
        let shift = bytes.count - start
        bytes.append(contentsOf: other.bytes[start..<other.offsets[range.upperBound]])
        for i in range { offsets.append(other.offsets[i + 1] + shift) }
    }

    /// Byte order of value i and value j of `other`: negative, zero, positive.
    public func compare(_ i: Int, with other: BytesColumn, _ j: Int) -> Int {
        let mine = offsets[i]..<offsets[i + 1]
        let theirs = other.offsets[j]..<other.offsets[j + 1]
        let shared = min(mine.count, theirs.count)
        let order = bytes.withUnsafeBytes { a in
            other.bytes.withUnsafeBytes { b -> Int32 in
                guard shared > 0, let x = a.baseAddress, let y = b.baseAddress else { return 0 }
                return memcmp(x + mine.lowerBound, y + theirs.lowerBound, shared)
            }
        }
        return order == 0 ? mine.count - theirs.count : Int(order)
    }
}

/// The values of one column, whole and of one concrete type.
public enum ColumnValues: Sendable, Hashable {
    /// `int64` and `timestamp`.
    case int64([Int64])
    case float64([Double])
    /// `bytes` and `text`.
    case bytes(BytesColumn)
    case bool([Bool])

    public var count: Int {
        switch self {
        case .int64(let values): values.count
        case .float64(let values): values.count
        case .bytes(let values): values.count
        case .bool(let values): values.count
        }
    }

    /// Bytes that the values take.
    public var heldBytes: Int {
        switch self {
        case .int64(let values): values.count * 8
        case .float64(let values): values.count * 8
        case .bytes(let values): values.bytes.count + values.count * 8
        case .bool(let values): values.count
        }
    }

    public init(emptyOf type: ColumnType) {
        switch type {
        case .int64, .timestamp: self = .int64([])
        case .float64: self = .float64([])
        case .bytes, .text: self = .bytes(BytesColumn())
        case .bool: self = .bool([])
        }
    }
}

/// A column: values, and where the schema allows nulls, which of them are there.
public struct Column: Sendable, Hashable {
    /// Where a value is null, a placeholder stands here.
    public var values: ColumnValues
    /// One flag per row; nil: all are there.
    public var validity: [Bool]?

    public init(_ values: ColumnValues, validity: [Bool]? = nil) {
        precondition(validity.map { $0.count == values.count } ?? true)
        self.values = values
        self.validity = validity
    }
    public static func int64(_ values: [Int64]) -> Column { Column(.int64(values)) }
    public static func float64(_ values: [Double]) -> Column { Column(.float64(values)) }
    public static func bytes(_ values: BytesColumn) -> Column { Column(.bytes(values)) }

    public var count: Int { values.count }

    /// The integers (or times) of a column that holds them; empty otherwise: a mistake of ours that tests find.
    public var int64s: [Int64] {
        if case .int64(let values) = values { return values }
        assertionFailure("not a column of integers")
        return []
    }
    public var float64s: [Double] {
        if case .float64(let values) = values { return values }
        assertionFailure("not a column of doubles")
        return []
    }
    public var byteStrings: BytesColumn {
        if case .bytes(let values) = values { return values }
        assertionFailure("not a column of bytes")
        return BytesColumn()
    }
}
