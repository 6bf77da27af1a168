public import Columnar
public import Parquet
public import Platform
public import StorageEngine

/// How samples lie in a Parquet file: one row per sample, sorted by (series_id, timestamp).
///
///     column         type                     encoding                                    pages
///     metric         STRING                   RLE_DICTIONARY, runs only                   one per row group
///     series_id      INT64                    the same, or deltas for short series        one per row group
///     segment        TIMESTAMP(MILLIS)        RLE_DICTIONARY, one run                     one per row group
///     timestamp      TIMESTAMP(MILLIS)        DELTA_BINARY_PACKED                         at a series end, ≥ 131,072 rows
///     value_float    DOUBLE, optional         BYTE_STREAM_SPLIT or PLAIN                  at an end of value_int's
///     value_int      INT64, optional          DELTA_BINARY_PACKED                         at a series end, ≥ 4,096 rows
///     value_divisor  DOUBLE                   RLE_DICTIONARY, runs only                   one per row group
///     seq            INT64                    RLE_DICTIONARY, one run                     one per row group
///
/// - Exactly one of `value_float`, `value_int` is there, and `coalesce(value_float, value_int / value_divisor)` is the
///   sample's value bit for bit.
/// - `seq` is the part's highest sequence number for all rows: flush takes all mem parts up to a cut and compaction
///   neighbours in sequence order, so no other part's range overlaps.
/// - Of a row, `series_id`, `timestamp` and the value are logical; the other columns are for readers of the file.
public struct SamplesLayout: FileLayout {
    public struct Options: Sendable, Equatable {
        /// Rows of a row group, at most.
        public var rowGroupRows = 1 << 20
        /// All values in `value_float`: twice the bytes, for readers who want one column.
        public var plainValues = false
        /// In a form that parquet-java takes apart.
        public var createdBy = "varve version 0.1.0 (build unknown)"
        /// Unpacked pages kept in memory, of all files together: about a byte a sample.
        public var pageCacheSize = ByteCount.mebibytes(64)
        /// What finds rows in files, kept in memory, of all files together: 24 bytes and more a series and day.
        public var indexCacheSize = ByteCount.mebibytes(64)
        public init() {}
    }

    /// The name of a metric number (`SeriesID.metric`), for the column `metric`.
    let metricName: @Sendable (Int64) -> String?
    /// Told of the names in a file that is read whole: compaction writes them again.
    let learnMetricName: @Sendable (Int64, String) -> Void
    let options: Options
    let cache: PageCache

    /// Bytes of unpacked pages that are kept.
    public var cachedBytes: Int { cache.memory }

    private let indexes: RowIndexCache

    /// Bytes of what finds rows in files, of at most `Options.indexCacheSize`.
    public var indexBytes: Int { indexes.memory }

    public init(
        metricName: @escaping @Sendable (Int64) -> String?,
        learnMetricName: @escaping @Sendable (Int64, String) -> Void = { _, _ in }, options: Options = Options()
    ) {
        self.metricName = metricName
        self.learnMetricName = learnMetricName
        self.options = options
        cache = PageCache(limit: options.pageCacheSize)
        indexes = RowIndexCache(limit: options.indexCacheSize)
    }

    public func makeWriter(_ context: FileContext) throws(StorageError) -> any TableFileWriter {
        try SamplesFormat.check(context.schema, name: context.table)
        return SamplesFileWriter(context, options: options, metricName: metricName)
    }

    public func open(
        _ source: any ByteSource, name: String, schema: Schema
    ) async throws(StorageError) -> any TableFileReader {
        try SamplesFormat.check(schema, name: name)
        let file: ParquetFile
        do {
            file = try await ParquetFile.open(name: name, source: source)
        } catch {
            throw SamplesFormat.storageError(error)
        }
        let expected = SamplesFormat.schema.leaves
        guard file.leaves == expected, file.metadata.value(for: "varve.format") == SamplesFormat.version else {
            throw StorageError(
                .foreign, "\(name) is not a file of samples in format \(SamplesFormat.version); it was not read")
        }
        return SamplesFileReader(
            file, schema: schema, cache: cache, indexes: indexes, learnMetricName: learnMetricName)
    }
}
