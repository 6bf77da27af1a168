public import Columnar

/// Values of a file, whatever writer made it, as a column of a batch: by what they mean, not only by how they lie.
///
///     int64       integers of any width and sign; decimals without a fraction; dates (days) and times (their own unit)
///     timestamp   times of any unit, int96 too, as milliseconds, rounded down; dates; plain integers as they are
///     float64     doubles, floats and half floats; decimals
///     bytes       byte strings of any length, and of a fixed one
///     text        the same
///     bool        booleans
///
/// - A value that the type cannot hold (an unsigned one beyond Int64, a decimal with a fraction as int64) is an error,
///   never another value.
extension ColumnPages {
    /// One value a row, a placeholder where it is null.
    ///
    /// - Throws: `.misuse` where the leaf holds another type or many values a row, `.unsupported` where a value does not
    ///   fit.
    public func column(_ type: ColumnType) throws(ParquetError) -> Column {
        guard leaf.maximumRepetition == 0 else { throw misuse("it does not hold one value a row") }
        let validity = try validity()
        let values: ColumnValues
        switch type {
        case .int64: values = .int64(Self.spread(try integers(), validity, 0))
        case .timestamp: values = .int64(Self.spread(try milliseconds(), validity, 0))
        case .float64: values = .float64(Self.spread(try numbers(), validity, 0))
        case .bool: values = .bool(Self.spread(try booleans(), validity, false))
        case .bytes, .text: values = .bytes(Self.spread(try byteStrings(), validity))
        }
        return Column(values, validity: validity)
    }

    // MARK: by meaning

    private func integers() throws(ParquetError) -> [Int64] {
        switch leaf.logical {
        case .unsigned(bits: 64):
            let values = try int64s()
            guard values.allSatisfy({ $0 >= 0 }) else { throw unsupported("an unsigned value above Int64's largest") }
            return values
        case .decimal(_, let scale):
            guard scale == 0 else { throw unsupported("decimals with \(scale) digits of fraction as integers") }
            return try unscaled()
        default: return try int64s()
        }
    }

    private func milliseconds() throws(ParquetError) -> [Int64] {
        switch leaf.logical {
        case .timestampMicros: return try int64s().map { Self.floored($0, by: 1_000) }
        case .timestampNanos: return try int64s().map { Self.floored($0, by: 1_000_000) }
        case .date: return try int64s().map { $0 * 86_400_000 }  // 32 bits of days
        case .decimal, .unsigned, .float16: throw misuse("it holds no times")
        case .none, .string, .timestampMillis, .signed, .map, .list, .other:
            guard leaf.physical == .int96 else { return try int64s() }
            return try int96Milliseconds(try byteStrings())
        }
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> Int64 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Nanoseconds of the day (8 bytes), then the Julian day (4): what Hive and Impala write.
    private func int96Milliseconds(_ values: BytesColumn) throws(ParquetError) -> [Int64] {
        let epoch: Int64 = 2_440_588  // the Julian day of 1970-01-01
        var found: [Int64] = []
        found.reserveCapacity(values.count)
        for i in 0..<values.count {
            let bytes = values[i]
            guard let nanoseconds = Int64(plain: bytes.prefix(8)), let day = Int32(plain: Array(bytes.suffix(4))),
                bytes.count == 12
            else { throw damaged("an int96 of \(bytes.count) bytes") }
            // 32 bits of days and 63 of nanoseconds: neither product nor sum overflows.
            found.append((Int64(day) - epoch) * 86_400_000 + Self.floored(nanoseconds, by: 1_000_000))
        }
        return found
    }

    private func numbers() throws(ParquetError) -> [Double] {
        switch leaf.logical {
        case .decimal(_, let scale):
            guard (0...22).contains(scale) else { throw unsupported("decimals of scale \(scale)") }
            var divisor = 1.0
            for _ in 0..<scale { divisor *= 10 }  // exact up to 10^22
            return try unscaled().map { value in
                // Below 2^53 both are exact, so the quotient is the nearest double; else the text decides.
                value.magnitude < 1 << 53
                    ? Double(value) / divisor : Double("\(value)e-\(scale)") ?? Double(value) / divisor
            }
        case .float16:
            let values = try byteStrings()
            guard leaf.fixedLength == 2 else { throw damaged("half floats of \(leaf.fixedLength) bytes") }
            return (0..<values.count).map { i in
                Self.half(UInt16(values.bytes[2 * i]) | UInt16(values.bytes[2 * i + 1]) << 8)
            }
        default: return try doubles()
        }
    }

    /// IEEE binary16; a NaN's payload is not kept.
    private static func half(_ bits: UInt16) -> Double {
        let fraction = Double(bits & 0x3ff)
        let magnitude: Double =
            switch (bits >> 10) & 0x1f {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? .infinity : .nan
            case let exponent:
                (1 + fraction * 0x1p-10) * Double(sign: .plus, exponent: Int(exponent) - 15, significand: 1)
            }
        return bits >> 15 == 0 ? magnitude : -magnitude
    }

    /// A decimal's integers; those of bytes are big-endian two's complement.
    private func unscaled() throws(ParquetError) -> [Int64] {
        guard leaf.physical == .byteArray || leaf.physical == .fixedLengthByteArray else { return try int64s() }
        let values = try byteStrings()
        var found: [Int64] = []
        found.reserveCapacity(values.count)
        for i in 0..<values.count {
            let bytes = values[i]
            let isNegative = (bytes.first ?? 0) >= 0x80
            let padding: UInt8 = isNegative ? 0xff : 0
            let digits = bytes.drop { $0 == padding }
            var value: UInt64 = isNegative ? .max : 0
            for byte in digits.prefix(8) { value = value << 8 | UInt64(byte) }
            let number = Int64(bitPattern: value)
            guard digits.count <= 8, (number < 0) == isNegative else {
                throw unsupported("a decimal of more than 64 bits")
            }
            found.append(number)
        }
        return found
    }

    // MARK: nulls

    /// `present` moved to where `validity` has them. Their number was checked against it.
    private static func spread<T>(_ present: [T], _ validity: [Bool]?, _ placeholder: T) -> [T] {
        guard let validity else { return present }
        var next = 0
        return validity.map { isThere in
            guard isThere, next < present.count else { return placeholder }
            defer { next += 1 }
            return present[next]
        }
    }

    private static func spread(_ present: BytesColumn, _ validity: [Bool]?) -> BytesColumn {
        guard let validity else { return present }
        var offsets = [0]
        offsets.reserveCapacity(validity.count + 1)
        var next = 0
        for isThere in validity {
            if isThere, next < present.count { next += 1 }
            offsets.append(present.offsets[next])
        }
        return BytesColumn(offsets: offsets, bytes: present.bytes)
    }
}
