public import Compression
import Platform

/// How the pages of a chunk are compressed.
public struct PageCompression: Sendable, Hashable {
    public var codec: Codec
    /// zstd 1…19, gzip 1…9.
    public var level: Int
    public init(_ codec: Codec, level: Int = 1) {
        self.codec = codec
        self.level = level
    }
    public static var none: Self { Self(.none) }
    public static func zstd(_ level: Int) -> Self { Self(.zstd, level: level) }

    /// The stored form of a page's values, or nil where compression saves less than 3 %: then they are stored as they
    /// are, which reads faster.
    public func stored(_ values: [UInt8]) throws(ParquetError) -> [UInt8]? {
        guard codec != .none, !values.isEmpty else { return nil }
        let packed = try packed(values)
        return PageCompression.isWorthwhile(packed.count, of: values.count) ? packed : nil
    }

    func packed(_ values: [UInt8]) throws(ParquetError) -> [UInt8] {
        do {
            return try compress(values, codec, level: level)
        } catch {
            throw ParquetError(.misuse, "\(values.count) bytes of a page were not compressed: \(error)")
        }
    }

    static func isWorthwhile(_ packed: Int, of plain: Int) -> Bool { packed <= plain - (plain * 3 + 99) / 100 }
}

/// The two kinds of data pages. Version 2 keeps levels apart from what is compressed, and stores a page as it is where
/// compression gains nothing; version 1 is what the oldest readers know.
public enum PageVersion: Sendable, Hashable {
    case v1, v2

    var pageType: PageType { self == .v1 ? .data : .dataV2 }
}

/// One column of one row group, ready to be written: its layout has decided on encodings and page boundaries.
public struct EncodedChunk: Sendable {
    public var dictionary: EncodedDictionary?
    public var pages: [EncodedPage]
    public var compression: PageCompression
    public var version = PageVersion.v2
    /// What the pages' bounds are, one page to the next; `.unordered` is always true enough.
    public var order: BoundaryOrder
    /// False: no bounds are written at all, neither per page nor for the chunk.
    public var hasStatistics: Bool

    public init(
        dictionary: EncodedDictionary? = nil, pages: [EncodedPage], compression: PageCompression,
        order: BoundaryOrder = .unordered, hasStatistics: Bool = true
    ) {
        self.dictionary = dictionary
        self.pages = pages
        self.compression = compression
        self.order = order
        self.hasStatistics = hasStatistics
    }
}

/// The distinct values of a chunk, PLAIN-encoded, in the order of their codes.
public struct EncodedDictionary: Sendable {
    public var count: Int
    public var values: [UInt8]
    public init(count: Int, values: [UInt8]) {
        self.count = count
        self.values = values
    }
}

/// One data page, encoded but not compressed.
public struct EncodedPage: Sendable {
    /// Rows, nulls included.
    public var rows: Int
    /// Values, nulls included: `rows`, but for lists and maps.
    public var values: Int
    /// Values that are not there. Of lists and maps also the empty ones.
    public var nulls: Int
    public var encoding: PageEncoding
    /// RLE without a length before it; empty where the column is required.
    public var definitionLevels: [UInt8]
    /// RLE without a length before it; empty but for lists and maps.
    public var repetitionLevels: [UInt8]
    /// The values that are there, encoded. For a dictionary encoding, the bit width in the first byte.
    public var encoded: [UInt8]
    /// `encoded` packed by the chunk's compression, where the layout has done that already; nil: not done yet. Pages of
    /// version 1 pass over it.
    public var packed: [UInt8]?
    /// Least and greatest value; nil where all are null or NaN, or where nothing is said.
    public var bounds: PageBounds?

    public init(
        rows: Int, nulls: Int = 0, encoding: PageEncoding, definitionLevels: [UInt8] = [],
        encoded: [UInt8], packed: [UInt8]? = nil, bounds: PageBounds?
    ) {
        self.rows = rows
        self.values = rows
        self.nulls = nulls
        self.encoding = encoding
        self.definitionLevels = definitionLevels
        self.repetitionLevels = []
        self.encoded = encoded
        self.packed = packed
        self.bounds = bounds
    }

    /// A page of a list or of a leaf of a map.
    public init(
        rows: Int, values: Int, nulls: Int, encoding: PageEncoding, definitionLevels: [UInt8],
        repetitionLevels: [UInt8], encoded: [UInt8], bounds: PageBounds?
    ) {
        self.init(
            rows: rows, nulls: nulls, encoding: encoding, definitionLevels: definitionLevels, encoded: encoded,
            bounds: bounds)
        self.values = values
        self.repetitionLevels = repetitionLevels
    }

    var isAllNull: Bool { nulls == values }
}
