public import Columnar
public import Parquet
public import StorageEngine

/// How series lie in a Parquet file: one row per series alive in the segment, sorted by (segment, series_id), the labels
/// spread over columns.
///
///     column         type                 encoding
///     metric         STRING               RLE_DICTIONARY
///     series_id      INT64                DELTA_BINARY_PACKED
///     segment        TIMESTAMP(MILLIS)    RLE_DICTIONARY, one run: the same in all rows of a file
///     seq            INT64                RLE_DICTIONARY, one run
///     a label key    STRING, optional     RLE_DICTIONARY; null: the label is absent. One column per key, in byte order
///     labels_other   MAP<STRING, STRING>  keys that clash with another column or come after the 200 commonest
///
/// - A row is (segment, series_id, metric, labels), the labels in their canonical encoding (`LabelEncoding`).
/// - All columns share their page boundaries.
/// - `seq` is the part's highest sequence number for all rows; it is for readers of the file and not read back.
public struct SeriesLayout: FileLayout {
    public struct Options: Sendable, Equatable {
        public var rowGroupRows = 1 << 17
        public var pageRows = 1 << 14
        /// Label keys that get a column of their own, at most.
        public var labelColumns = 200
        public var compression = PageCompression.zstd(3)
        /// In a form that parquet-java takes apart.
        public var createdBy = "varve version 0.1.0 (build unknown)"
        public init() {}
    }

    let options: Options

    public init(options: Options = Options()) { self.options = options }

    public func makeWriter(_ context: FileContext) throws(StorageError) -> any TableFileWriter {
        try SeriesFormat.check(context.schema, name: context.table)
        return SeriesFileWriter(context, options)
    }

    public func open(
        _ source: any ByteSource, name: String, schema: Schema
    ) async throws(StorageError) -> any TableFileReader {
        try SeriesFormat.check(schema, name: name)
        let file: ParquetFile
        do {
            file = try await ParquetFile.open(name: name, source: source)
        } catch {
            throw StorageError(reading: error)
        }
        try FileDescription.check(file, format: SeriesFormat.version, schema)
        return SeriesFileReader(file: file, schema: schema, labels: try SeriesFormat.labelLeaves(of: file))
    }
}
