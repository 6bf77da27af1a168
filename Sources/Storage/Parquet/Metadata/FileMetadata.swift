/// The footer of a Parquet file.
public struct FileMetadata: Sendable, Hashable {
    public var version: Int32
    public var schema: [SchemaElement]
    public var rowCount: Int
    public var rowGroups: [RowGroupMetadata]
    public var keyValues: [KeyValue]
    public var createdBy: String?
    /// How many columns say that their bounds follow the order of their type; nil: the file says nothing.
    public var typeDefinedOrders: Int?

    /// The value of a key of the key-value metadata; of several, the last.
    public func value(for key: String) -> String? { keyValues.last { $0.key == key }?.value }
}

public struct KeyValue: Sendable, Hashable {
    public var key: String
    public var value: String?
    public init(_ key: String, _ value: String?) {
        self.key = key
        self.value = value
    }
}

/// One node of the schema tree; the list holds the tree in depth-first order.
public struct SchemaElement: Sendable, Hashable {
    /// nil for groups.
    public var type: PhysicalType?
    /// Bytes of a fixed-length value.
    public var typeLength: Int32?
    /// nil for the root.
    public var repetition: Repetition?
    public var name: String
    public var childCount: Int?
    public var logicalType: LogicalType
}

public struct RowGroupMetadata: Sendable, Hashable {
    public var columns: [ColumnChunkMetadata]
    public var rowCount: Int
    /// Bytes of all pages with their headers, as if nothing were compressed.
    public var uncompressedSize: Int
    /// Bytes of all pages with their headers, as they lie in the file.
    public var compressedSize: Int?
    public var sortingColumns: [SortingColumn]
    public var fileOffset: Int?
    public var ordinal: Int16?
}

public struct SortingColumn: Sendable, Hashable {
    /// Number of the leaf.
    public var column: Int
    public var isDescending: Bool
    public var nullsFirst: Bool
}

/// One column of one row group: where its pages are and what is known of them.
public struct ColumnChunkMetadata: Sendable, Hashable {
    public var type: PhysicalType
    public var path: [String]
    public var encodings: [PageEncoding]
    public var encodingCounts: [EncodingCount]
    public var codec: ParquetCodec
    /// Values of all pages, nulls included.
    public var valueCount: Int
    public var uncompressedSize: Int
    /// Bytes of all pages with their headers, as they lie in the file.
    public var compressedSize: Int
    public var dataPageOffset: Int
    public var dictionaryPageOffset: Int?
    public var statistics: ChunkStatistics?
    /// Where the column index lies in the file.
    public var columnIndex: Range<Int>?
    public var offsetIndex: Range<Int>?

    /// The first byte of its first page.
    public var start: Int { dictionaryPageOffset ?? dataPageOffset }
    public var bytes: Range<Int> { start..<start + compressedSize }
}

/// How many pages of one type have one encoding.
public struct EncodingCount: Sendable, Hashable {
    public var page: PageType
    public var encoding: PageEncoding
    public var count: Int
    public init(_ page: PageType, _ encoding: PageEncoding, count: Int) {
        self.page = page
        self.encoding = encoding
        self.count = count
    }
}

/// Bounds of a column chunk, plain-encoded: 8 bytes little-endian, or the bytes themselves without a length.
public struct ChunkStatistics: Sendable, Hashable {
    public var minimum: [UInt8]?
    public var maximum: [UInt8]?
    public var nullCount: Int?
    /// False: a value below (above) the bound does not exist, but neither need the bound itself.
    public var isMinimumExact: Bool?
    public var isMaximumExact: Bool?
    public init(
        minimum: [UInt8]? = nil, maximum: [UInt8]? = nil, nullCount: Int? = nil, isMinimumExact: Bool? = nil,
        isMaximumExact: Bool? = nil
    ) {
        self.minimum = minimum
        self.maximum = maximum
        self.nullCount = nullCount
        self.isMinimumExact = isMinimumExact
        self.isMaximumExact = isMaximumExact
    }
}
