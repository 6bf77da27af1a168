public import Columnar
import Encodings

/// Chunks for layouts that have no wishes of their own about encodings.
extension EncodedChunk {
    /// Values as codes into a dictionary, whatever its size; pages of `pageRows` rows.
    ///
    /// - Parameter values: one per row, a placeholder where `validity` is false.
    public static func dictionary(
        _ values: BytesColumn, validity: [Bool]?, isOptional: Bool, pageRows: Int, compression: PageCompression
    ) -> EncodedChunk {
        guard let validity else {
            return dictionary(
                present: values, validity: nil, rows: values.count, isOptional: isOptional, pageRows: pageRows,
                compression: compression)
        }
        var present = BytesColumn()
        for row in 0..<values.count where validity[row] { present.append(values[row]) }
        return dictionary(
            present: present, validity: validity, rows: values.count, isOptional: isOptional, pageRows: pageRows,
            compression: compression)
    }

    /// The same from the values that are there, one for each true flag of `validity`.
    public static func dictionary(
        present values: BytesColumn, validity: [Bool]?, rows: Int, isOptional: Bool, pageRows: Int,
        compression: PageCompression
    ) -> EncodedChunk {
        let (dictionary, codes) = Self.codes(of: values)
        return Self.dictionary(
            dictionary, codes: codes, validity: validity, rows: rows, isOptional: isOptional, pageRows: pageRows,
            compression: compression)
    }

    /// The same from codes into a dictionary that is made already.
    ///
    /// - Parameters:
    ///   - dictionary: distinct values, each of which is used.
    ///   - codes: one for each true flag of `validity`.
    public static func dictionary(
        _ dictionary: BytesColumn, codes: [UInt32], validity: [Bool]?, rows: Int, isOptional: Bool, pageRows: Int,
        compression: PageCompression
    ) -> EncodedChunk {
        let present = PresentRows(validity, count: rows)
        let pages = present.pages(of: pageRows).map { rows, range in
            let part = Array(codes[range])
            return EncodedPage(
                rows: rows.count, nulls: rows.count - range.count, encoding: .rleDictionary,
                definitionLevels: isOptional ? present.levels(rows) : [],
                encoded: codeBytes(part, dictionary.count), bounds: bounds(of: dictionary, used: part))
        }
        return EncodedChunk(dictionary: encoded(dictionary), pages: pages, compression: compression)
    }

    private static func codes(of values: BytesColumn) -> (dictionary: BytesColumn, codes: [UInt32]) {
        // Without a limit there always is a result.
        DictionaryEncoding.encode(values) ?? (BytesColumn(), [])
    }

    private static func encoded(_ dictionary: BytesColumn) -> EncodedDictionary {
        var plain: [UInt8] = []
        PlainEncoding.encode(dictionary, into: &plain)
        return EncodedDictionary(count: dictionary.count, values: plain)
    }

    static func codeBytes(_ codes: [UInt32], _ entries: Int) -> [UInt8] {
        let width = RunLengthHybrid.width(forLargest: UInt32(max(entries, 1) - 1))
        var bytes = [UInt8(width)]
        RunLengthHybrid.encode(codes, width: width, into: &bytes)
        return bytes
    }

    /// Bounds of the entries that a page uses: fewer comparisons than of its values.
    private static func bounds(of dictionary: BytesColumn, used codes: [UInt32]) -> PageBounds? {
        guard let first = codes.first else { return nil }
        var low = Int(first)
        var high = low
        var isSeen = [Bool](repeating: false, count: dictionary.count)
        for code in codes where !isSeen[Int(code)] {
            isSeen[Int(code)] = true
            if dictionary.compare(Int(code), with: dictionary, low) < 0 { low = Int(code) }
            if dictionary.compare(Int(code), with: dictionary, high) > 0 { high = Int(code) }
        }
        return PageBounds(dictionary[low], dictionary[high])
    }

    /// Integers as differences.
    public static func deltas(
        _ values: [Int64], validity: [Bool]?, isOptional: Bool, pageRows: Int, compression: PageCompression
    ) -> EncodedChunk {
        let present = PresentRows(validity, count: values.count)
        let dense = present.isSparse ? values.indices.filter(present.isThere).map { values[$0] } : values
        let pages = present.pages(of: pageRows).map { rows, range in
            var bytes: [UInt8] = []
            DeltaBinaryPacked.encode(Array(dense[range]), form: .byte, into: &bytes)
            return EncodedPage(
                rows: rows.count, nulls: rows.count - range.count, encoding: .deltaBinaryPacked,
                definitionLevels: isOptional ? present.levels(rows) : [], encoded: bytes,
                bounds: PageBounds(of: dense[range]))
        }
        return EncodedChunk(pages: pages, compression: compression)
    }

    /// One integer for all rows: a dictionary of one and a single run a page.
    ///
    /// - Parameter pageRows: nil: one page.
    public static func constant(
        _ value: Int64, rows: Int, pageRows: Int? = nil, compression: PageCompression
    ) -> EncodedChunk {
        constant(plain: value.plainBytes, PageBounds(value, value), rows, pageRows, compression)
    }

    /// One text for all rows.
    public static func constant(
        _ value: [UInt8], rows: Int, pageRows: Int? = nil, compression: PageCompression
    ) -> EncodedChunk {
        constant(
            plain: encoded(BytesColumn([value])).values, PageBounds(value[...], value[...]), rows, pageRows, compression
        )
    }

    private static func constant(
        plain: [UInt8], _ bounds: PageBounds, _ rows: Int, _ pageRows: Int?, _ compression: PageCompression
    ) -> EncodedChunk {
        let pages = PresentRows(nil, count: rows).pages(of: pageRows ?? max(rows, 1)).map { rows, _ in
            var codes: [UInt8] = [0]
            RunLengthHybrid.encode(runs: [.init(value: 0, count: rows.count)], width: 0, into: &codes)
            return EncodedPage(rows: rows.count, encoding: .rleDictionary, encoded: codes, bounds: bounds)
        }
        return EncodedChunk(
            dictionary: EncodedDictionary(count: 1, values: plain), pages: pages, compression: compression)
    }

    /// Doubles bit for bit.
    public static func doubles(
        _ values: [Double], validity: [Bool]?, isOptional: Bool, pageRows: Int, compression: PageCompression
    ) -> EncodedChunk {
        let present = PresentRows(validity, count: values.count)
        let dense = present.isSparse ? values.indices.filter(present.isThere).map { values[$0] } : values
        let pages = present.pages(of: pageRows).map { rows, range in
            var bytes: [UInt8] = []
            ByteStreamSplit.encode(Array(dense[range]), into: &bytes)
            return EncodedPage(
                rows: rows.count, nulls: rows.count - range.count, encoding: .byteStreamSplit,
                definitionLevels: isOptional ? present.levels(rows) : [], encoded: bytes,
                bounds: PageBounds(of: dense[range]))
        }
        return EncodedChunk(pages: pages, compression: compression)
    }

    public static func booleans(
        _ values: [Bool], validity: [Bool]?, isOptional: Bool, pageRows: Int, compression: PageCompression
    ) -> EncodedChunk {
        let present = PresentRows(validity, count: values.count)
        let dense = present.isSparse ? values.indices.filter(present.isThere).map { values[$0] } : values
        let pages = present.pages(of: pageRows).map { rows, range in
            var bytes: [UInt8] = []
            let part = Array(dense[range])
            PlainEncoding.encode(part, into: &bytes)
            return EncodedPage(
                rows: rows.count, nulls: rows.count - range.count, encoding: .plain,
                definitionLevels: isOptional ? present.levels(rows) : [], encoded: bytes,
                bounds: part.isEmpty ? nil : PageBounds(part.allSatisfy { $0 }, part.contains(true)))
        }
        return EncodedChunk(pages: pages, compression: compression)
    }

    /// The two leaves of a map, keys first. Rows without entries are written as absent maps.
    public static func stringMap(_ maps: StringMaps, pageRows: Int, compression: PageCompression) -> [EncodedChunk] {
        let pages = PresentRows(nil, count: maps.rowCount).pages(of: pageRows).map(\.rows)
        let levels = pages.map { Levels.map(maps, $0) }
        return [maps.keys, maps.values].map { strings in
            let (dictionary, codes) = Self.codes(of: strings)
            return EncodedChunk(
                dictionary: encoded(dictionary),
                pages: zip(pages, levels).map { rows, levels in
                    let part = Array(codes[maps.offsets[rows.lowerBound]..<maps.offsets[rows.upperBound]])
                    return EncodedPage(
                        rows: rows.count, values: levels.values, nulls: levels.nulls, encoding: .rleDictionary,
                        definitionLevels: levels.definition, repetitionLevels: levels.repetition,
                        encoded: codeBytes(part, dictionary.count), bounds: bounds(of: dictionary, used: part))
                }, compression: compression)
        }
    }
}

/// Which rows hold a value, and where it stands among those that do.
struct PresentRows {
    private let validity: [Bool]?
    private let count: Int

    init(_ validity: [Bool]?, count: Int) {
        precondition(validity.map { $0.count == count } ?? true)
        self.validity = validity
        self.count = count
    }

    var isSparse: Bool { validity != nil }
    func isThere(_ row: Int) -> Bool { validity?[row] ?? true }

    /// Rows of each page, and which of the present values they are.
    func pages(of pageRows: Int) -> [(rows: Range<Int>, present: Range<Int>)] {
        precondition(pageRows > 0)
        var pages: [(rows: Range<Int>, present: Range<Int>)] = []
        var dense = 0
        for start in stride(from: 0, to: count, by: pageRows) {
            let rows = start..<min(start + pageRows, count)
            let present = validity.map { flags in flags[rows].count { $0 } } ?? rows.count
            pages.append((rows, dense..<dense + present))
            dense += present
        }
        return pages
    }

    func levels(_ rows: Range<Int>) -> [UInt8] {
        Levels.definition(validity.map { Array($0[rows]) }, rows: rows.count)
    }
}
