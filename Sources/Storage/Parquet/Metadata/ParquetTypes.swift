/// How a value lies in a file. Raw values are Parquet's.
public enum PhysicalType: Int32, Sendable, Hashable, CaseIterable {
    case boolean = 0
    case int32 = 1
    case int64 = 2
    case int96 = 3
    case float = 4
    case double = 5
    case byteArray = 6
    case fixedLengthByteArray = 7
}

/// Whether a field may be absent or stand many times. Raw values are Parquet's.
public enum Repetition: Int32, Sendable, Hashable {
    case required = 0
    case optional = 1
    case repeated = 2
}

/// How the values of a page became bytes. Raw values are Parquet's.
public enum PageEncoding: Int32, Sendable, Hashable, CaseIterable {
    case plain = 0
    case plainDictionary = 2
    /// Levels and booleans.
    case rle = 3
    case bitPacked = 4
    case deltaBinaryPacked = 5
    case deltaLengthByteArray = 6
    case deltaByteArray = 7
    case rleDictionary = 8
    case byteStreamSplit = 9

    /// The values are codes into the chunk's dictionary.
    public var usesDictionary: Bool { self == .rleDictionary || self == .plainDictionary }
}

/// How pages are compressed. Raw values are Parquet's.
public enum ParquetCodec: Int32, Sendable, Hashable, CaseIterable {
    case uncompressed = 0
    case snappy = 1
    case gzip = 2
    case lzo = 3
    case brotli = 4
    case lz4 = 5
    case zstd = 6
    case lz4Raw = 7
}

/// Raw values are Parquet's.
public enum PageType: Int32, Sendable, Hashable {
    case data = 0
    case index = 1
    case dictionary = 2
    case dataV2 = 3
}

/// The order of a chunk's pages by their bounds. Raw values are Parquet's.
public enum BoundaryOrder: Int32, Sendable, Hashable {
    case unordered = 0
    case ascending = 1
    case descending = 2
}
