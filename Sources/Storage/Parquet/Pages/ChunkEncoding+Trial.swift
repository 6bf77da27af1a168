public import Columnar

/// Chunks whose encoding the data chooses: the first pages are encoded and compressed in every way that suits the type,
/// and the smallest wins, for the whole chunk (a chunk with pages in several encodings stops some readers).
extension EncodedChunk {
    /// Rows that are tried; a fraction of a row group, so that the choice costs little beside the encoding.
    private static let trialRows = 8_192

    /// - Parameter column: one value a row, a placeholder where it is null.
    /// - Throws: `.misuse` where the column's values are not of the leaf's type.
    public static func chosen(
        _ column: Column, of leaf: ParquetLeaf, pageRows: Int, compression: PageCompression
    ) throws(ParquetError) -> EncodedChunk {
        let validity = leaf.maximumDefinition > 0 ? column.validity : nil
        let values = column.values.present(validity)
        let trialEnd = min(column.count, trialRows)
        let head = validity.map { Array($0[..<trialEnd]) }
        let present = head.map { flags in flags.count { $0 } } ?? trialEnd
        let trial = values[0..<present]
        var best: (encoding: PageEncoding, size: Int)?
        for encoding in leaf.candidates {
            let chunk = try EncodedChunk(
                trial, of: leaf, as: encoding, validity: head, pageRows: pageRows, compression: compression)
            let size = try chunk.storedSize()
            if size < best?.size ?? .max { best = (encoding, size) }
        }
        return try EncodedChunk(
            values, of: leaf, as: best?.encoding ?? .plain, validity: validity, pageRows: pageRows,
            compression: compression)
    }

    private func storedSize() throws(ParquetError) -> Int {
        var size = 0
        if let dictionary { size += try compression.stored(dictionary.values)?.count ?? dictionary.values.count }
        for page in pages { size += try compression.stored(page.encoded)?.count ?? page.encoded.count }
        return size
    }
}

extension ParquetLeaf {
    /// What is tried, the fastest to read first: of equals it wins.
    fileprivate var candidates: [PageEncoding] {
        switch physical {
        case .boolean: [.plain, .rle]
        case .int32, .int64: [.deltaBinaryPacked, .rleDictionary]
        case .float, .double: [.byteStreamSplit, .plain, .rleDictionary]
        case .byteArray: [.rleDictionary, .deltaLengthByteArray, .deltaByteArray]
        case .fixedLengthByteArray: [.plain, .rleDictionary]  // polars 2.1 reads no other
        case .int96: []
        }
    }
}

extension ColumnValues {
    fileprivate func present(_ validity: [Bool]?) -> ParquetValues {
        func kept<T>(_ values: [T]) -> [T] {
            guard let validity else { return values }
            return values.indices.filter { validity[$0] }.map { values[$0] }
        }
        switch self {
        case .int64(let values): return .int64(kept(values))
        case .float64(let values): return .double(kept(values))
        case .bool(let values): return .boolean(kept(values))
        case .bytes(let values):
            guard let validity else { return .bytes(values) }
            var present = BytesColumn()
            for row in 0..<values.count where validity[row] { present.append(values[row]) }
            return .bytes(present)
        }
    }
}
