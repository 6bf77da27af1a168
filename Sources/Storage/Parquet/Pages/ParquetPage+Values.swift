public import Columnar
public import Encodings

/// The present values of a page, decoded: those that are not null, in order.
///
/// - A type that differs from the leaf's is the caller's mistake; int32 reads as int64 and float as double.
/// - Values mean what their physical type says; `ColumnPages.column` looks at what they stand for.
extension ParquetPage {
    public func int64s(_ dictionary: ParquetDictionary?) throws(ParquetError) -> [Int64] {
        if leaf.physical == .int32 {
            let narrow = try int32s(dictionary)
            guard case .unsigned = leaf.logical else { return narrow.map(Int64.init) }
            return narrow.map { Int64(UInt32(bitPattern: $0)) }
        }
        guard leaf.physical == .int64 else { throw place.misuse("its values are \(leaf.physical), not int64") }
        var found: [Int64] = []
        switch encoding {
        case .plain:
            try whole { (raw) throws(EncodingError) in try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
        case .byteStreamSplit:
            try whole { (raw) throws(EncodingError) in
                try ByteStreamSplit.decode(raw, count: presentCount, into: &found)
            }
        case .deltaBinaryPacked:
            _ = try decode { (raw) throws(EncodingError) in
                try DeltaBinaryPacked.decode(raw, count: presentCount, into: &found)
            }
        case .rleDictionary, .plainDictionary:
            guard case .int64(let entries)? = dictionary else { throw noDictionary }
            let codes = try codes()
            try gathering { () throws(EncodingError) in try DictionaryEncoding.gather(entries, by: codes, into: &found)
            }
        case .rle, .bitPacked, .deltaLengthByteArray, .deltaByteArray: throw unexpectedEncoding
        }
        return found
    }

    public func int32s(_ dictionary: ParquetDictionary?) throws(ParquetError) -> [Int32] {
        guard leaf.physical == .int32 else { throw place.misuse("its values are \(leaf.physical), not int32") }
        var found: [Int32] = []
        switch encoding {
        case .plain:
            try whole { (raw) throws(EncodingError) in try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
        case .byteStreamSplit:
            try whole { (raw) throws(EncodingError) in
                try ByteStreamSplit.decode(raw, count: presentCount, into: &found)
            }
        case .deltaBinaryPacked:
            // The same bytes as for INT64, but all arithmetic is modulo 2^32.
            var wide: [Int64] = []
            _ = try decode { (raw) throws(EncodingError) in
                try DeltaBinaryPacked.decode(raw, count: presentCount, into: &wide)
            }
            found = wide.map { Int32(truncatingIfNeeded: $0) }
        case .rleDictionary, .plainDictionary:
            guard case .int32(let entries)? = dictionary else { throw noDictionary }
            let codes = try codes()
            try gathering { () throws(EncodingError) in try DictionaryEncoding.gather(entries, by: codes, into: &found)
            }
        case .rle, .bitPacked, .deltaLengthByteArray, .deltaByteArray: throw unexpectedEncoding
        }
        return found
    }

    public func floats(_ dictionary: ParquetDictionary?) throws(ParquetError) -> [Float] {
        guard leaf.physical == .float else { throw place.misuse("its values are \(leaf.physical), not float") }
        var found: [Float] = []
        switch encoding {
        case .plain:
            try whole { (raw) throws(EncodingError) in try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
        case .byteStreamSplit:
            try whole { (raw) throws(EncodingError) in
                try ByteStreamSplit.decode(raw, count: presentCount, into: &found)
            }
        case .rleDictionary, .plainDictionary:
            guard case .float(let entries)? = dictionary else { throw noDictionary }
            let codes = try codes()
            try gathering { () throws(EncodingError) in try DictionaryEncoding.gather(entries, by: codes, into: &found)
            }
        case .deltaBinaryPacked, .rle, .bitPacked, .deltaLengthByteArray, .deltaByteArray: throw unexpectedEncoding
        }
        return found
    }

    public func doubles(_ dictionary: ParquetDictionary?) throws(ParquetError) -> [Double] {
        if leaf.physical == .float { return try floats(dictionary).map(Double.init) }
        guard leaf.physical == .double else { throw place.misuse("its values are \(leaf.physical), not double") }
        var found: [Double] = []
        switch encoding {
        case .plain:
            try whole { (raw) throws(EncodingError) in try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
        case .byteStreamSplit:
            try whole { (raw) throws(EncodingError) in
                try ByteStreamSplit.decode(raw, count: presentCount, into: &found)
            }
        case .rleDictionary, .plainDictionary:
            guard case .double(let entries)? = dictionary else { throw noDictionary }
            let codes = try codes()
            try gathering { () throws(EncodingError) in try DictionaryEncoding.gather(entries, by: codes, into: &found)
            }
        case .deltaBinaryPacked, .rle, .bitPacked, .deltaLengthByteArray, .deltaByteArray: throw unexpectedEncoding
        }
        return found
    }

    /// Byte strings of any length, or of one; an int96 as its 12 bytes.
    public func byteStrings(_ dictionary: ParquetDictionary?) throws(ParquetError) -> BytesColumn {
        let width = leaf.fixedLength
        guard leaf.physical == .byteArray || width > 0 else {
            throw place.misuse("its values are \(leaf.physical), not byteArray")
        }
        var found = BytesColumn()
        switch encoding {
        case .plain:
            try whole { (raw) throws(EncodingError) in
                width > 0
                    ? try PlainEncoding.decode(raw, count: presentCount, width: width, into: &found)
                    : try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
        case .byteStreamSplit:
            guard width > 0 else { throw unexpectedEncoding }
            try whole { (raw) throws(EncodingError) in
                try ByteStreamSplit.decode(raw, count: presentCount, width: width, into: &found)
            }
        case .deltaLengthByteArray:
            guard width == 0 else { throw unexpectedEncoding }
            try whole { (raw) throws(EncodingError) in
                try DeltaByteArrays.decodeLengths(raw, count: presentCount, into: &found)
            }
        case .deltaByteArray:
            try checkEnd(
                try decode { (raw) throws(EncodingError) in
                    try DeltaByteArrays.decode(raw, count: presentCount, limit: limit, into: &found)
                })
            guard width == 0 || (0..<found.count).allSatisfy({ found[$0].count == width }) else {
                throw place.damaged("a value that does not have \(width) bytes")
            }
        case .rleDictionary, .plainDictionary:
            guard case .bytes(let entries)? = dictionary else { throw noDictionary }
            let codes = try codes()
            try gathering { () throws(EncodingError) in
                try DictionaryEncoding.gather(entries, by: codes, limit: limit, into: &found)
            }
        case .deltaBinaryPacked, .rle, .bitPacked: throw unexpectedEncoding
        }
        return found
    }

    public func booleans() throws(ParquetError) -> [Bool] {
        guard leaf.physical == .boolean else { throw place.misuse("its values are \(leaf.physical), not boolean") }
        switch encoding {
        case .plain:
            var found: [Bool] = []
            try whole { (raw) throws(EncodingError) in try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
            return found
        case .rle:
            if presentCount == 0 { return [] }
            var codes: [UInt32] = []
            let size = try decode { (raw) throws(EncodingError) in
                guard raw.count >= 4,
                    case let length = raw.loadUnaligned(as: UInt32.self).littleEndian, length <= raw.count - 4
                else { throw EncodingError("RLE", "no length before the flags that fits the page") }
                return try RunLengthHybrid.decode(
                    UnsafeRawBufferPointer(rebasing: raw[4..<4 + Int(length)]), width: 1, count: presentCount,
                    into: &codes)
            }
            try checkEnd(size + 4)
            return codes.map { $0 == 1 }
        default: throw unexpectedEncoding
        }
    }
}

extension ParquetPage {
    /// Where its integers may be decoded from, when there is one for each row.
    /// - Returns: nil where some are null, or the encoding or its shape has no such places.
    public func integerMarks() throws(ParquetError) -> DeltaBinaryPacked.Marks? {
        guard leaf.physical == .int64, encoding == .deltaBinaryPacked, presentCount == valueCount else { return nil }
        return try decode { (raw) throws(EncodingError) in try DeltaBinaryPacked.Marks(raw, count: valueCount) }
    }
}
