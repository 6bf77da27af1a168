public import Columnar

/// Some pages of one column chunk, with its dictionary.
public struct ColumnPages: Sendable {
    public let leaf: ParquetLeaf
    let file: String
    /// nil: there is none, or it was not asked for; then the caller may put in the one that it has kept.
    public var dictionary: ParquetDictionary?
    /// In the order asked for.
    public internal(set) var pages: [ParquetPage]

    /// Says that the column's values make no sense to the caller.
    public func damaged(_ problem: String) -> ParquetError {
        ParquetError(.damaged, file: file, column: leaf.name, problem)
    }

    /// The present values of all pages, one after the other.
    public func int64s() throws(ParquetError) -> [Int64] {
        if pages.count == 1 { return try pages[0].int64s(dictionary) }
        var found: [Int64] = []
        for page in pages { found.append(contentsOf: try page.int64s(dictionary)) }
        return found
    }
    public func doubles() throws(ParquetError) -> [Double] {
        if pages.count == 1 { return try pages[0].doubles(dictionary) }
        var found: [Double] = []
        for page in pages { found.append(contentsOf: try page.doubles(dictionary)) }
        return found
    }
    public func byteStrings() throws(ParquetError) -> BytesColumn {
        var found = BytesColumn()
        for page in pages {
            let values = try page.byteStrings(dictionary)
            if found.count == 0 { found = values } else { found.append(contentsOf: values, in: 0..<values.count) }
        }
        return found
    }
    public func booleans() throws(ParquetError) -> [Bool] {
        var found: [Bool] = []
        for page in pages { found.append(contentsOf: try page.booleans()) }
        return found
    }
    public func codes() throws(ParquetError) -> [UInt32] {
        var found: [UInt32] = []
        for page in pages { found.append(contentsOf: try page.codes()) }
        return found
    }

    /// One flag per value of all pages; nil: all are there.
    public func validity() throws(ParquetError) -> [Bool]? {
        var flags: [Bool]?
        var count = 0
        for page in pages {
            let more = try page.validity()
            if flags == nil, more != nil { flags = Array(repeating: true, count: count) }
            flags?.append(contentsOf: more ?? Array(repeating: true, count: page.valueCount))
            count += page.valueCount
        }
        return flags
    }

    /// The pages as a column of a batch: one value a row, a placeholder where it is null.
    ///
    /// - Throws: `.misuse` where the leaf holds another type or many values a row.
    public func column(_ type: ColumnType) throws(ParquetError) -> Column {
        guard leaf.isFlat else {
            throw ParquetError(.misuse, file: file, column: leaf.name, "it does not hold one value a row")
        }
        let validity = try validity()
        let values: ColumnValues
        switch type {
        case .int64, .timestamp: values = .int64(Self.spread(try int64s(), validity, 0))
        case .float64: values = .float64(Self.spread(try doubles(), validity, 0))
        case .bool: values = .bool(Self.spread(try booleans(), validity, false))
        case .bytes, .text: values = .bytes(Self.spread(try byteStrings(), validity))
        }
        return Column(values, validity: validity)
    }

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
