/// The order in which a column's statistics name their least and greatest value: that of its logical type.
enum BoundOrder {
    case signed32, signed64, unsigned32, unsigned64, float, double
    /// Byte by byte, unsigned; booleans too.
    case bytes
    /// The specification gives none, or one that is not worth knowing here: bounds say nothing.
    case unknown

    init(_ leaf: ParquetLeaf) {
        let isUnsigned = if case .unsigned = leaf.logical { true } else { false }
        switch leaf.physical {
        case .int32: self = isUnsigned ? .unsigned32 : .signed32
        case .int64: self = isUnsigned ? .unsigned64 : .signed64
        case .float: self = .float
        case .double: self = .double
        case .boolean: self = .bytes
        case .byteArray, .fixedLengthByteArray:
            switch leaf.logical {
            case .decimal, .float16, .other: self = .unknown
            default: self = .bytes
            }
        case .int96: self = .unknown
        }
    }

    /// Whether plain-encoded `a` comes before `b`. Bounds of a wrong size count as zero.
    func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        switch self {
        case .signed64: (Int64(plain: a[...]) ?? 0) < (Int64(plain: b[...]) ?? 0)
        case .unsigned64:
            UInt64(bitPattern: Int64(plain: a[...]) ?? 0) < UInt64(bitPattern: Int64(plain: b[...]) ?? 0)
        case .signed32: (Int32(plain: a) ?? 0) < (Int32(plain: b) ?? 0)
        case .unsigned32: UInt32(bitPattern: Int32(plain: a) ?? 0) < UInt32(bitPattern: Int32(plain: b) ?? 0)
        case .float: Float(plain: a) < Float(plain: b)
        case .double: Double(plain: a) < Double(plain: b)
        case .bytes: a.lexicographicallyPrecedes(b)
        case .unknown: false
        }
    }
}

extension ParquetLeaf {
    /// Whether plain-encoded `a` comes before `b` in the order that statistics follow.
    func precedes(_ a: [UInt8], _ b: [UInt8]) -> Bool { BoundOrder(self).precedes(a, b) }
}

// MARK: plain-encoded numbers

extension Int64 {
    var plainBytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }

    /// Eight plain-encoded bytes; nil for any other number of them.
    init?(plain bytes: ArraySlice<UInt8>) {
        guard bytes.count == 8 else { return nil }
        var value: UInt64 = 0
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        self.init(bitPattern: value)
    }
}

extension Int32 {
    var plainBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }

    /// Four plain-encoded bytes; nil for any other number of them.
    init?(plain bytes: [UInt8]) {
        guard bytes.count == 4 else { return nil }
        var value: UInt32 = 0
        for byte in bytes.reversed() { value = value << 8 | UInt32(byte) }
        self.init(bitPattern: value)
    }
}

extension Float {
    init(plain bytes: [UInt8]) { self.init(bitPattern: UInt32(bitPattern: Int32(plain: bytes) ?? 0)) }
}

extension Double {
    init(plain bytes: [UInt8]) { self.init(bitPattern: UInt64(bitPattern: Int64(plain: bytes[...]) ?? 0)) }
}
