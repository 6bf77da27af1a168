public import Columnar
public import Parquet
import Platform

/// A table as it is: each column of the schema is a column of the file, and `seq` comes last.
///
///     column               type                                encoding
///     int64, timestamp     INT64 (TIMESTAMP(MILLIS))           DELTA_BINARY_PACKED, RLE_DICTIONARY
///     float64              DOUBLE                              BYTE_STREAM_SPLIT, PLAIN, RLE_DICTIONARY
///     bytes, text          BYTE_ARRAY (STRING)                 RLE_DICTIONARY, DELTA_(LENGTH_)BYTE_ARRAY
///     bool                 BOOLEAN                             PLAIN, RLE
///     seq                  INT64                               RLE_DICTIONARY, one run
///
/// - Of the encodings the smallest is taken, for each row group by itself (`EncodedChunk.chosen`).
/// - Rows are sorted by the key columns; nulls stand only in columns that allow them.
/// - All columns share their page boundaries.
/// - `seq` is the part's highest sequence number for all rows; it is for readers of the file and not read back.
public struct PlainLayout: FileLayout {
    public struct Options: Sendable, Equatable {
        /// A row group and a page have so many rows at most…
        public var rowGroupRows = 1 << 17
        public var pageRows = 1 << 13
        /// …and a row group about so many bytes of values as they are held, and no page of a column more than this, unless
        /// one row has.
        public var rowGroupBytes = 32 << 20
        public var pageBytes = 1 << 20
        public var compression = PageCompression.zstd(3)
        /// In a form that parquet-java takes apart.
        public var createdBy = "varve version 0.1.0 (build unknown)"
        public init() {}
    }

    public var rowGroupRows: Int { options.rowGroupRows }

    static let format = 1
    static let sequenceName = "seq"
    let options: Options

    public init(options: Options = Options()) { self.options = options }

    public func makeWriter(_ context: FileContext) throws(StorageError) -> any TableFileWriter {
        guard context.schema.index(of: Self.sequenceName) == nil else {
            throw StorageError(.refused, "table \(context.table) has a column seq, which files use themselves")
        }
        return PlainFileWriter(context, options)
    }

    public func open(
        _ source: any ByteSource, name: String, schema: Schema
    ) async throws(StorageError) -> any TableFileReader {
        let file: ParquetFile
        do {
            file = try await ParquetFile.open(name: name, source: source)
        } catch {
            throw StorageError(reading: error)
        }
        try FileDescription.check(file, format: Self.format, schema)
        guard file.leaves == Self.schema(of: schema).leaves else {
            throw StorageError(.damaged, "\(name): its columns are not those of the schema that it declares")
        }
        return PlainFileReader(file: file, schema: schema)
    }

    static func schema(of schema: Schema) -> ParquetSchema {
        ParquetSchema(
            schema.columns.map { column in
                let (physical, logical): (PhysicalType, LogicalType) =
                    switch column.type {
                    case .int64: (.int64, .none)
                    case .timestamp: (.int64, .timestampMillis)
                    case .float64: (.double, .none)
                    case .bytes: (.byteArray, .none)
                    case .text: (.byteArray, .string)
                    case .bool: (.boolean, .none)
                    }
                return ParquetColumn(column.name, physical, logical, isOptional: column.isNullable)
            } + [ParquetColumn(sequenceName, .int64)])
    }
}

/// Gathers rows until a row group is full.
private struct PlainFileWriter: TableFileWriter {
    private let context: FileContext
    private let options: PlainLayout.Options
    private var file: ParquetFileWriter
    private var pending: RecordBatchBuilder
    private var bounds = FileDescription.Bounds()

    init(_ context: FileContext, _ options: PlainLayout.Options) {
        self.context = context
        self.options = options
        pending = RecordBatchBuilder(context.schema)
        file = ParquetFileWriter(
            schema: PlainLayout.schema(of: context.schema), createdBy: options.createdBy,
            sortingColumns: Array(0..<context.schema.keyCount))
    }

    mutating func append(_ rows: RecordBatch) throws(StorageError) {
        if let time = context.schema.timeColumn { bounds.add(times: rows.columns[time].int64s) }
        if let key = context.selectionColumn ?? context.schema.columns.indices.first(where: { isKey($0) }) {
            bounds.add(keys: rows.columns[key].int64s)
        }
        var start = 0
        while start < rows.rowCount {
            let end = min(rows.rowCount, start + options.rowGroupRows - pending.rowCount)
            pending.append(rows, start..<end)
            start = end
            if pending.rowCount == options.rowGroupRows || pending.heldBytes > options.rowGroupBytes {
                try writeRowGroup()
            }
        }
    }

    /// What is taken for the selection column where there is none: the first integer of the key.
    private func isKey(_ column: Int) -> Bool {
        column < context.schema.keyCount && context.schema.columns[column].type == .int64
    }

    mutating func takeBytes() -> Bytes { file.takeBytes() }

    var size: Int { file.size + pending.heldBytes / 4 }

    mutating func finish(marks: [(String, String)]) throws(StorageError) -> Bytes {
        if pending.rowCount > 0 { try writeRowGroup() }
        do {
            return try file.finish(
                keyValueMetadata: FileDescription.keyValues(context, format: PlainLayout.format, bounds) + marks)
        } catch {
            throw StorageError(.unavailable, "a file of table \(context.table) was not written: \(error)")
        }
    }

    private mutating func writeRowGroup() throws(StorageError) {
        // All columns share their page boundaries, so the widest decides.
        let pageRows = max(1, min(options.pageRows, options.pageBytes / max(pending.widestRow, 1)))
        let rows = pending.finish()
        pending = RecordBatchBuilder(context.schema)
        do {
            file.beginRowGroup()
            for (i, column) in rows.columns.enumerated() {
                let chunk = try EncodedChunk.chosen(
                    column, of: file.schema.leaves[i], pageRows: pageRows, compression: options.compression)
                try file.write(chunk, column: i)
            }
            let sequence = Int64(bitPattern: context.sequences.upperBound.rawValue)
            try file.write(
                .constant(
                    sequence, rows: rows.rowCount, pageRows: pageRows, compression: options.compression),
                column: rows.columns.count)
            try file.endRowGroup(rows: rows.rowCount)
        } catch {
            throw StorageError(.unavailable, "a row group of table \(context.table) was not written: \(error)")
        }
    }
}
