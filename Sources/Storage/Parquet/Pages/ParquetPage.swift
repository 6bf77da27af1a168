public import Columnar
public import Encodings

/// One data page, its checksum verified and its values unpacked; decoding them is up to the caller.
///
/// - `present` values are those that are not null: the decoders return these only, in order.
public struct ParquetPage: Sendable {
    public let leaf: ParquetLeaf
    /// Within its column chunk.
    public let number: Int
    /// Within its row group.
    public let firstRow: Int
    public let rowCount: Int
    /// Values, nulls included: `rowCount`, but for repeated columns.
    public let valueCount: Int
    public internal(set) var presentCount: Int
    public let encoding: PageEncoding
    let definitionLevels: [UInt8]
    let repetitionLevels: [UInt8]
    /// The present values, encoded.
    public let values: [UInt8]
    let place: Place
    let isStrict: Bool
    let limit: Int

    public var rows: Range<Int> { firstRow..<firstRow + rowCount }
    /// Bytes that it holds in memory, roughly.
    public var cost: Int { values.count + definitionLevels.count + repetitionLevels.count + 256 }

    // MARK: levels

    /// Which values are there, as runs of definition levels; empty where the column is required.
    public func definitionRuns() throws(ParquetError) -> [RunLengthHybrid.Run] {
        try runs(definitionLevels, maximum: leaf.maximumDefinition)
    }

    /// Where rows begin (level 0), as runs; empty where a row has one value at most.
    public func repetitionRuns() throws(ParquetError) -> [RunLengthHybrid.Run] {
        try runs(repetitionLevels, maximum: leaf.maximumRepetition)
    }

    private func runs(_ levels: [UInt8], maximum: Int) throws(ParquetError) -> [RunLengthHybrid.Run] {
        guard maximum > 0, let largest = UInt32(exactly: maximum) else { return [] }
        let found = try decode { (raw: UnsafeRawBufferPointer) throws(EncodingError) in
            try RunLengthHybrid.decodeRuns(
                raw, width: RunLengthHybrid.width(forLargest: largest), count: valueCount)
        } of: {
            levels
        }
        guard found.allSatisfy({ $0.value <= largest }) else { throw place.damaged("a level above \(maximum)") }
        return found
    }

    func countPresent() throws(ParquetError) -> Int {
        try definitionRuns().reduce(0) { $0 + ($1.value == UInt32(leaf.maximumDefinition) ? $1.count : 0) }
    }

    /// One flag per value; nil: all are there.
    public func validity() throws(ParquetError) -> [Bool]? {
        guard leaf.maximumDefinition > 0 else { return nil }
        let runs = try definitionRuns()
        let present = UInt32(leaf.maximumDefinition)
        let count = runs.reduce(0) { $0 + ($1.value == present ? $1.count : 0) }
        guard count == presentCount else {
            throw place.damaged("\(count) values are there by their levels, \(presentCount) by the header")
        }
        if count == valueCount { return nil }
        var flags: [Bool] = []
        flags.reserveCapacity(valueCount)
        for run in runs { flags.append(contentsOf: repeatElement(run.value == present, count: run.count)) }
        return flags
    }

    // MARK: codes

    /// Codes into the chunk's dictionary. Not checked against it: `DictionaryEncoding.gather` does that.
    public func codes() throws(ParquetError) -> [UInt32] {
        guard encoding.usesDictionary else { throw place.misuse("its values are \(encoding), not codes") }
        if presentCount == 0 { return [] }
        var codes: [UInt32] = []
        let consumed = try decode { (raw) throws(EncodingError) in
            try RunLengthHybrid.decode(try codeBytes(raw), width: Int(raw[0]), count: presentCount, into: &codes)
        }
        try checkEnd(consumed + 1)
        return codes
    }

    /// The same as runs, neighbours unequal: nothing is expanded.
    public func codeRuns() throws(ParquetError) -> [RunLengthHybrid.Run] {
        guard encoding.usesDictionary else { throw place.misuse("its values are \(encoding), not codes") }
        if presentCount == 0 { return [] }
        return try decode { (raw) throws(EncodingError) in
            try RunLengthHybrid.decodeRuns(try codeBytes(raw), width: Int(raw[0]), count: presentCount)
        }
    }

    private func codeBytes(_ raw: UnsafeRawBufferPointer) throws(EncodingError) -> UnsafeRawBufferPointer {
        guard let width = raw.first, width <= 32 else { throw EncodingError("RLE_DICTIONARY", "no bit width up to 32") }
        return UnsafeRawBufferPointer(rebasing: raw[1...])
    }

    // MARK: values

    public func int64s(_ dictionary: ParquetDictionary?) throws(ParquetError) -> [Int64] {
        if leaf.physical == .int32 { return try int32s(dictionary).map(Int64.init) }
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
        case .byteStreamSplit, .rle, .bitPacked, .deltaLengthByteArray, .deltaByteArray: throw unexpectedEncoding
        }
        return found
    }

    public func doubles(_ dictionary: ParquetDictionary?) throws(ParquetError) -> [Double] {
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

    public func byteStrings(_ dictionary: ParquetDictionary?) throws(ParquetError) -> BytesColumn {
        guard leaf.physical == .byteArray else { throw place.misuse("its values are \(leaf.physical), not byteArray") }
        var found = BytesColumn()
        switch encoding {
        case .plain:
            try whole { (raw) throws(EncodingError) in try PlainEncoding.decode(raw, count: presentCount, into: &found)
            }
        case .deltaLengthByteArray:
            try whole { (raw) throws(EncodingError) in
                try DeltaByteArrays.decodeLengths(raw, count: presentCount, into: &found)
            }
        case .deltaByteArray:
            _ = try decode { (raw) throws(EncodingError) in
                try DeltaByteArrays.decode(raw, count: presentCount, limit: limit, into: &found)
            }
        case .rleDictionary, .plainDictionary:
            guard case .bytes(let entries)? = dictionary else { throw noDictionary }
            let codes = try codes()
            try gathering { () throws(EncodingError) in
                try DictionaryEncoding.gather(entries, by: codes, limit: limit, into: &found)
            }
        case .deltaBinaryPacked, .byteStreamSplit, .rle, .bitPacked: throw unexpectedEncoding
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
            _ = try decode { (raw) throws(EncodingError) in
                guard raw.count >= 4 else { throw EncodingError("RLE", "no length before the flags") }
                return try RunLengthHybrid.decode(
                    UnsafeRawBufferPointer(rebasing: raw[4...]), width: 1, count: presentCount, into: &codes)
            }
            return codes.map { $0 == 1 }
        default: throw unexpectedEncoding
        }
    }

    // MARK: errors

    private var noDictionary: ParquetError {
        place.damaged("its values are codes, but the chunk has no such dictionary")
    }
    private var unexpectedEncoding: ParquetError {
        place.unsupported("values of type \(leaf.physical) in \(encoding)")
    }

    private func decode<T>(
        _ body: (UnsafeRawBufferPointer) throws(EncodingError) -> T, of bytes: () -> [UInt8]
    ) throws(ParquetError) -> T {
        do throws(EncodingError) { return try bytes().decoding(body) } catch { throw place.damaged("\(error)") }
    }

    private func decode<T>(_ body: (UnsafeRawBufferPointer) throws(EncodingError) -> T) throws(ParquetError) -> T {
        do throws(EncodingError) { return try values.decoding(body) } catch { throw place.damaged("\(error)") }
    }

    private func gathering(_ body: () throws(EncodingError) -> Void) throws(ParquetError) {
        do throws(EncodingError) { try body() } catch { throw place.damaged("\(error)") }
    }

    /// Decoding must use the page up.
    private func whole(_ body: (UnsafeRawBufferPointer) throws(EncodingError) -> Int) throws(ParquetError) {
        let consumed = try decode(body)
        guard consumed == values.count else {
            throw place.damaged("\(values.count - consumed) bytes behind its \(presentCount) values")
        }
    }

    private func checkEnd(_ consumed: Int) throws(ParquetError) {
        guard !isStrict || consumed == values.count else {
            throw place.damaged("\(values.count - consumed) bytes behind its \(presentCount) codes")
        }
    }
}
