import Columnar
import Encodings

/// Chunks in an encoding of the caller's choice: everything that the format allows for the type.
///
///     PLAIN                      all types
///     RLE_DICTIONARY             all but booleans
///     RLE                        booleans
///     DELTA_BINARY_PACKED        int32, int64
///     DELTA_LENGTH_BYTE_ARRAY    byte arrays
///     DELTA_BYTE_ARRAY           byte arrays, also of a fixed length
///     BYTE_STREAM_SPLIT          int32, int64, float, double, byte arrays of a fixed length
extension EncodedChunk {
    /// A flat column.
    ///
    /// - Parameters:
    ///   - values: those that are there, in the leaf's physical type; byte strings of a fixed length have it.
    ///   - validity: one flag per row, as many of them true as there are values; nil: all are there.
    ///   - pageRows: rows of a page, at least 1.
    /// - Throws: `.misuse` where the encoding does not suit the type, or values and leaf do not belong together.
    public init(
        _ values: ParquetValues, of leaf: ParquetLeaf, as encoding: PageEncoding, validity: [Bool]? = nil,
        pageRows: Int, compression: PageCompression, version: PageVersion = .v2
    ) throws(ParquetError) {
        guard leaf.isFlat, leaf.maximumDefinition > 0 || validity == nil,
            (validity.map { flags in flags.count { $0 } } ?? values.count) == values.count
        else { throw ParquetError(.misuse, column: leaf.name, "its values and their validity do not fit the column") }
        let present = PresentRows(validity, count: validity?.count ?? values.count)
        let pages = present.pages(of: pageRows).map { rows, range in
            PageShape(
                rows: rows.count, values: rows.count, nulls: rows.count - range.count,
                definition: leaf.maximumDefinition > 0 ? present.levels(rows) : [], repetition: [], present: range)
        }
        try self.init(values, leaf, encoding, pages, compression, version)
    }

    /// A column of lists.
    ///
    /// - Parameter values: of the elements that are there.
    /// - Throws: as above.
    public init(
        _ lists: ParquetLists, _ values: ParquetValues, of leaf: ParquetLeaf, as encoding: PageEncoding, pageRows: Int,
        compression: PageCompression, version: PageVersion = .v2
    ) throws(ParquetError) {
        let flags = lists.elementValidity
        guard leaf.maximumRepetition == 1, flags.map({ $0.count == lists.elementCount }) ?? true,
            (flags.map { flags in flags.count { $0 } } ?? lists.elementCount) == values.count
        else { throw ParquetError(.misuse, column: leaf.name, "its lists and values do not fit the column") }
        var start = 0
        let pages = PresentRows(nil, count: lists.rowCount).pages(of: pageRows).map { rows, _ in
            let elements = lists.offsets[rows.lowerBound]..<lists.offsets[rows.upperBound]
            let there = flags.map { flags in flags[elements].count { $0 } } ?? elements.count
            let levels = lists.levels(rows, of: leaf)
            defer { start += there }
            return PageShape(
                rows: rows.count, values: levels.values, nulls: levels.nulls, definition: levels.definition,
                repetition: levels.repetition, present: start..<start + there)
        }
        try self.init(values, leaf, encoding, pages, compression, version)
    }

    private struct PageShape {
        var rows: Int
        var values: Int
        var nulls: Int
        var definition: [UInt8]
        var repetition: [UInt8]
        var present: Range<Int>
    }

    private init(
        _ values: ParquetValues, _ leaf: ParquetLeaf, _ encoding: PageEncoding, _ shapes: [PageShape],
        _ compression: PageCompression, _ version: PageVersion
    ) throws(ParquetError) {
        var dictionary: EncodedDictionary?
        var codes: [UInt32] = []
        if encoding == .rleDictionary {
            guard let found = values.dictionary() else {
                throw ParquetError(.misuse, column: leaf.name, "booleans have no dictionary")
            }
            codes = found.codes
            dictionary = EncodedDictionary(
                count: found.entries.count, values: try found.entries.encoded(.plain, leaf))
        }
        var pages: [EncodedPage] = []
        for shape in shapes {
            let part = values[shape.present]
            let bytes: [UInt8]
            if let dictionary {
                bytes = Self.codeBytes(Array(codes[shape.present]), dictionary.count)
            } else {
                bytes = try part.encoded(encoding, leaf)
            }
            pages.append(
                EncodedPage(
                    rows: shape.rows, values: shape.values, nulls: shape.nulls, encoding: encoding,
                    definitionLevels: shape.definition, repetitionLevels: shape.repetition, encoded: bytes,
                    bounds: part.bounds(of: leaf)))
        }
        self.init(dictionary: dictionary, pages: pages, compression: compression)
        self.version = version
    }
}

extension ParquetValues {
    /// The distinct values and a code per value; nil of booleans.
    fileprivate func dictionary() -> (entries: ParquetValues, codes: [UInt32])? {
        switch self {
        case .boolean: return nil
        case .int32(let values):
            let found = DictionaryEncoding.encode(values.map(Int64.init)) ?? ([], [])
            return (.int32(found.dictionary.map { Int32(truncatingIfNeeded: $0) }), found.codes)
        case .int64(let values):
            let found = DictionaryEncoding.encode(values) ?? ([], [])
            return (.int64(found.dictionary), found.codes)
        case .float(let values):
            let found = DictionaryEncoding.encode(values.map { Int64($0.bitPattern) }) ?? ([], [])
            return (.float(found.dictionary.map { Float(bitPattern: UInt32(truncatingIfNeeded: $0)) }), found.codes)
        case .double(let values):
            let found = DictionaryEncoding.encode(values) ?? ([], [])
            return (.double(found.dictionary), found.codes)
        case .bytes(let values):
            let found = DictionaryEncoding.encode(values) ?? (BytesColumn(), [])
            return (.bytes(found.dictionary), found.codes)
        }
    }

    fileprivate func encoded(_ encoding: PageEncoding, _ leaf: ParquetLeaf) throws(ParquetError) -> [UInt8] {
        var bytes: [UInt8] = []
        switch (leaf.physical, self, encoding) {
        case (.boolean, .boolean(let values), .plain): PlainEncoding.encode(values, into: &bytes)
        case (.boolean, .boolean(let values), .rle):
            var runs: [UInt8] = []
            RunLengthHybrid.encode(values.map { $0 ? 1 : 0 }, width: 1, into: &runs)
            bytes = Int32(clamping: runs.count).plainBytes + runs
        case (.int32, .int32(let values), .plain): PlainEncoding.encode(values, into: &bytes)
        case (.int32, .int32(let values), .byteStreamSplit): ByteStreamSplit.encode(values, into: &bytes)
        case (.int32, .int32(let values), .deltaBinaryPacked):
            DeltaBinaryPacked.encode(values, into: &bytes)
        case (.int64, .int64(let values), .plain): PlainEncoding.encode(values, into: &bytes)
        case (.int64, .int64(let values), .byteStreamSplit): ByteStreamSplit.encode(values, into: &bytes)
        case (.int64, .int64(let values), .deltaBinaryPacked):
            DeltaBinaryPacked.encode(values, form: .tight, into: &bytes)
        case (.float, .float(let values), .plain): PlainEncoding.encode(values, into: &bytes)
        case (.float, .float(let values), .byteStreamSplit): ByteStreamSplit.encode(values, into: &bytes)
        case (.double, .double(let values), .plain): PlainEncoding.encode(values, into: &bytes)
        case (.double, .double(let values), .byteStreamSplit): ByteStreamSplit.encode(values, into: &bytes)
        case (.byteArray, .bytes(let values), .plain): PlainEncoding.encode(values, into: &bytes)
        case (.byteArray, .bytes(let values), .deltaLengthByteArray):
            DeltaByteArrays.encodeLengths(values, into: &bytes)
        case (.byteArray, .bytes(let values), .deltaByteArray): DeltaByteArrays.encode(values, into: &bytes)
        case (.fixedLengthByteArray, .bytes(let values), _)
        where (0..<values.count).allSatisfy({ values[$0].count == leaf.fixedLength }):
            switch encoding {
            case .plain: bytes = values.bytes
            case .deltaByteArray: DeltaByteArrays.encode(values, into: &bytes)
            case .byteStreamSplit: ByteStreamSplit.encode(values, width: leaf.fixedLength, into: &bytes)
            default: throw ParquetError(.misuse, column: leaf.name, "fixed lengths are not written in \(encoding)")
            }
        default:
            throw ParquetError(.misuse, column: leaf.name, "such values of \(leaf.physical) do not go into \(encoding)")
        }
        return bytes
    }

    /// nil where there are none, or their order says nothing.
    func bounds(of leaf: ParquetLeaf) -> PageBounds? {
        let isUnsigned = if case .unsigned = leaf.logical { true } else { false }
        switch self {
        case .boolean(let values):
            return values.isEmpty ? nil : PageBounds(values.allSatisfy { $0 }, values.contains(true))
        case .int32(let values):
            guard isUnsigned else { return PageBounds(of: values[...]) }
            let bits = values.map { UInt32(bitPattern: $0) }
            guard let low = bits.min(), let high = bits.max() else { return nil }
            return PageBounds(
                minimum: Int32(bitPattern: low).plainBytes, maximum: Int32(bitPattern: high).plainBytes)
        case .int64(let values):
            guard isUnsigned else { return PageBounds(of: values[...]) }
            let bits = values.map { UInt64(bitPattern: $0) }
            guard let low = bits.min(), let high = bits.max() else { return nil }
            return PageBounds(Int64(bitPattern: low), Int64(bitPattern: high))
        case .float(let values): return PageBounds(of: values[...])
        case .double(let values): return PageBounds(of: values[...])
        case .bytes(let values): return PageBounds(of: values, in: 0..<values.count)
        }
    }
}
