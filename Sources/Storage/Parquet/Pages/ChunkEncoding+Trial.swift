public import Columnar
import Compression
import Encodings

/// Chunks whose encoding the data choose, one for the whole chunk: pages in several encodings stop some readers.
///
/// - A sample, from everywhere in the chunk, is encoded and compressed in every way that suits the type; the smallest wins.
/// - A dictionary looks worse in a sample than it is: the whole shares it. So byte strings get one without a trial where at
///   most three quarters of the sample are distinct. Of numbers it is tried then, and else not even made.
extension EncodedChunk {
    /// Values that are tried; a fraction of a row group, so that the choice costs little beside the encoding.
    private static let trialValues = 2_048
    private static let stretches = 4

    /// - Parameter column: one value a row, a placeholder where it is null.
    /// - Throws: `.misuse` where the column's values are not of the leaf's type.
    public static func chosen(
        _ column: Column, of leaf: ParquetLeaf, pageRows: Int, compression: PageCompression
    ) throws(ParquetError) -> EncodedChunk {
        let validity = leaf.maximumDefinition > 0 ? column.validity : nil
        let values = column.values.present(validity)
        let encoding = try encoding(of: values, leaf, compression)
        let isOptional = leaf.maximumDefinition > 0
        switch (encoding, column.values, values) {
        case (.deltaBinaryPacked, .int64(let all), _) where compression.codec == .zstd:
            // Whole bytes compress better than bits: see `DeltaBinaryPacked.Form`.
            return .deltas(
                all, validity: validity, isOptional: isOptional, pageRows: pageRows, compression: compression)
        case (.rleDictionary, _, .bytes(let present)):
            // The same as below; bounds are found among the entries, which are fewer.
            return .dictionary(
                present: present, validity: validity, rows: column.count, isOptional: isOptional, pageRows: pageRows,
                compression: compression)
        default: break
        }
        return try EncodedChunk(
            values, of: leaf, as: encoding, validity: validity, pageRows: pageRows, compression: compression)
    }

    private static func encoding(
        of values: ParquetValues, _ leaf: ParquetLeaf, _ compression: PageCompression
    ) throws(ParquetError) -> PageEncoding {
        let sample = values.sample(of: trialValues, in: stretches)
        let repeats = sample.repeatsOften
        if repeats, leaf.physical == .byteArray { return .rleDictionary }
        var best: (encoding: PageEncoding, size: Int)?
        for encoding in leaf.candidates where repeats || encoding != .rleDictionary || leaf.physical == .byteArray {
            let chunk: EncodedChunk
            if encoding == .deltaBinaryPacked, compression.codec == .zstd, case .int64(let part) = sample {
                chunk = .deltas(
                    part, validity: nil, isOptional: false, pageRows: trialValues, compression: compression)
            } else {
                chunk = try EncodedChunk(
                    sample, of: leaf, as: encoding, pageRows: trialValues, compression: compression)
            }
            let size = try chunk.storedSize()
            if size < best?.size ?? .max { best = (encoding, size) }
        }
        return best?.encoding ?? .plain
    }

    private func storedSize() throws(ParquetError) -> Int {
        var size = 0
        if let dictionary { size += try compression.stored(dictionary.values)?.count ?? dictionary.values.count }
        for page in pages { size += try compression.stored(page.encoded)?.count ?? page.encoded.count }
        return size
    }
}

extension ParquetValues {
    /// About `most` of the values: stretches from everywhere; all where there are no more.
    fileprivate func sample(of most: Int, in stretches: Int) -> ParquetValues {
        guard count > most else { return self }
        let length = most / stretches
        let starts = (0..<stretches).map { $0 * (count - length) / (stretches - 1) }
        func taken<T>(_ values: [T]) -> [T] { starts.flatMap { values[$0..<$0 + length] } }
        switch self {
        case .boolean(let values): return .boolean(taken(values))
        case .int32(let values): return .int32(taken(values))
        case .int64(let values): return .int64(taken(values))
        case .float(let values): return .float(taken(values))
        case .double(let values): return .double(taken(values))
        case .bytes(let values):
            var part = BytesColumn()
            for start in starts { part.append(contentsOf: values, in: start..<start + length) }
            return .bytes(part)
        }
    }

    /// At most three quarters of the values are distinct.
    fileprivate var repeatsOften: Bool {
        let limit = count - count / 4
        return switch self {
        case .boolean: false
        case .int32(let values): DictionaryEncoding.encode(values.map(Int64.init), limit: limit) != nil
        case .int64(let values): DictionaryEncoding.encode(values, limit: limit) != nil
        case .float(let values):
            DictionaryEncoding.encode(values.map { Int64($0.bitPattern) }, limit: limit) != nil
        case .double(let values): DictionaryEncoding.encode(values, limit: limit) != nil
        case .bytes(let values): DictionaryEncoding.encode(values, limit: limit) != nil
        }
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
