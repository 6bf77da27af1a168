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

    /// The present values of all pages, one after the other. Also of a column of int32.
    public func int64s() throws(ParquetError) -> [Int64] {
        if pages.count == 1 { return try pages[0].int64s(dictionary) }
        var found: [Int64] = []
        for page in pages { found.append(contentsOf: try page.int64s(dictionary)) }
        return found
    }
    /// Also of a column of floats.
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
}
