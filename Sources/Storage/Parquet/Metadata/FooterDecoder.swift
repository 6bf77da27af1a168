import Platform

/// Footer bytes to `FileMetadata`: shape only; `FooterCheck` decides whether it makes sense for the file.
///
/// The numbers of the fields are those of parquet.thrift; unknown fields are skipped.
enum FooterDecoder {
    static func metadata(_ bytes: [UInt8]) throws(MalformedBytes) -> FileMetadata {
        var reader = CompactReader(bytes)
        let metadata = try fileMetadata(&reader)
        guard reader.remaining == 0 else { throw reader.malformed("the end of the footer") }
        return metadata
    }

    private static func fileMetadata(_ reader: inout CompactReader) throws(MalformedBytes) -> FileMetadata {
        var version: Int32?
        var schema: [SchemaElement] = []
        var rows: Int?
        var groups: [RowGroupMetadata]?
        var keyValues: [KeyValue] = []
        var createdBy: String?
        var orders: Int?
        var fields = try reader.enter("the file's metadata")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: version = try reader.int32(field)
            case 2:
                for _ in 0..<(try reader.list(field, of: .structure)) { schema.append(try schemaElement(&reader)) }
            case 3: rows = try reader.natural(field)
            case 4:
                var found: [RowGroupMetadata] = []
                for _ in 0..<(try reader.list(field, of: .structure)) { found.append(try rowGroup(&reader)) }
                groups = found
            case 5:
                for _ in 0..<(try reader.list(field, of: .structure)) { keyValues.append(try keyValue(&reader)) }
            case 6: createdBy = try reader.text(field)
            case 7: orders = try columnOrders(field, &reader)
            case 8: throw reader.malformed("a file that is not encrypted")
            default: try reader.skip(field)
            }
        }
        guard let version, let rows, let groups, !schema.isEmpty else {
            throw reader.malformed("version, schema, row count and row groups")
        }
        return FileMetadata(
            version: version, schema: schema, rowCount: rows, rowGroups: groups, keyValues: keyValues,
            createdBy: createdBy, typeDefinedOrders: orders)
    }

    private static func columnOrders(
        _ field: CompactReader.Field, _ reader: inout CompactReader
    ) throws(MalformedBytes) -> Int {
        var defined = 0
        for _ in 0..<(try reader.list(field, of: .structure)) {
            var fields = try reader.enter("a column order")
            while let field = try reader.next(&fields) {
                if field.id == 1 { defined += 1 }
                try reader.skip(field)
            }
        }
        return defined
    }

    private static func keyValue(_ reader: inout CompactReader) throws(MalformedBytes) -> KeyValue {
        var key: String?
        var value: String?
        var fields = try reader.enter("a key with its value")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: key = try reader.text(field)
            case 2: value = try reader.text(field)
            default: try reader.skip(field)
            }
        }
        guard let key else { throw reader.malformed("a key before its value") }
        return KeyValue(key, value)
    }

    private static func schemaElement(_ reader: inout CompactReader) throws(MalformedBytes) -> SchemaElement {
        var element = SchemaElement(
            type: nil, typeLength: nil, repetition: nil, name: "", childCount: nil, logicalType: .none)
        var name: String?
        var converted: Int32?
        var scale: Int?
        var precision: Int?
        var logical: LogicalType?
        var fields = try reader.enter("a schema element")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: element.type = try known(PhysicalType(rawValue: try reader.int32(field)), "a physical type", reader)
            case 2: element.typeLength = try reader.int32(field)
            case 3:
                element.repetition = try known(Repetition(rawValue: try reader.int32(field)), "a repetition", reader)
            case 4: name = try reader.text(field)
            case 5: element.childCount = try reader.natural32(field)
            case 6: converted = try reader.int32(field)
            case 7: scale = Int(try reader.int32(field))
            case 8: precision = Int(try reader.int32(field))
            case 10:
                try reader.expectStructure(field)
                logical = try reader.logicalType()
            default: try reader.skip(field)
            }
        }
        guard let name else { throw reader.malformed("the name of a schema element") }
        element.name = name
        element.logicalType =
            logical ?? converted.map { LogicalType(converted: $0, scale: scale, precision: precision) } ?? .none
        return element
    }

    private static func rowGroup(_ reader: inout CompactReader) throws(MalformedBytes) -> RowGroupMetadata {
        var group = RowGroupMetadata(
            columns: [], rowCount: 0, uncompressedSize: 0, compressedSize: nil, sortingColumns: [], fileOffset: nil,
            ordinal: nil)
        var rows: Int?
        var fields = try reader.enter("a row group")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1:
                for _ in 0..<(try reader.list(field, of: .structure)) { group.columns.append(try columnChunk(&reader)) }
            case 2: group.uncompressedSize = try reader.natural(field)
            case 3: rows = try reader.natural(field)
            case 4:
                for _ in 0..<(try reader.list(field, of: .structure)) {
                    group.sortingColumns.append(try sortingColumn(&reader))
                }
            case 5: group.fileOffset = Int(try reader.int64(field))
            case 6: group.compressedSize = Int(try reader.int64(field))
            case 7: group.ordinal = try reader.int16(field)
            default: try reader.skip(field)
            }
        }
        guard let rows, !group.columns.isEmpty else { throw reader.malformed("columns and row count of a row group") }
        group.rowCount = rows
        return group
    }

    private static func sortingColumn(_ reader: inout CompactReader) throws(MalformedBytes) -> SortingColumn {
        var sorting = SortingColumn(column: 0, isDescending: false, nullsFirst: false)
        var column: Int?
        var fields = try reader.enter("a sorting column")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: column = try reader.natural32(field)
            case 2: sorting.isDescending = try reader.bool(field)
            case 3: sorting.nullsFirst = try reader.bool(field)
            default: try reader.skip(field)
            }
        }
        guard let column else { throw reader.malformed("the number of a sorting column") }
        sorting.column = column
        return sorting
    }

    private static func columnChunk(_ reader: inout CompactReader) throws(MalformedBytes) -> ColumnChunkMetadata {
        var chunk: ColumnChunkMetadata?
        var columnOffset: Int?
        var columnLength: Int?
        var offsetOffset: Int?
        var offsetLength: Int?
        var fields = try reader.enter("a column chunk")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: throw reader.malformed("a column chunk in this file, not in another one")
            case 3:
                try reader.expectStructure(field)
                chunk = try columnMetadata(&reader)
            case 4: offsetOffset = try reader.natural(field)
            case 5: offsetLength = try reader.natural32(field)
            case 6: columnOffset = try reader.natural(field)
            case 7: columnLength = try reader.natural32(field)
            case 8, 9: throw reader.malformed("a column chunk that is not encrypted")
            default: try reader.skip(field)
            }
        }
        guard var chunk else { throw reader.malformed("the metadata of a column chunk") }
        chunk.columnIndex = try range(columnOffset, columnLength, reader)
        chunk.offsetIndex = try range(offsetOffset, offsetLength, reader)
        return chunk
    }

    private static func range(
        _ offset: Int?, _ length: Int?, _ reader: CompactReader
    ) throws(MalformedBytes) -> Range<Int>? {
        guard let offset, let length, length > 0 else { return nil }
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow else { throw reader.malformed("an index within the file") }
        return offset..<end
    }

    private static func columnMetadata(_ reader: inout CompactReader) throws(MalformedBytes) -> ColumnChunkMetadata {
        var type: PhysicalType?
        var codec: ParquetCodec?
        var path: [String] = []
        var encodings: [PageEncoding] = []
        var counts: [EncodingCount] = []
        var values: Int?
        var uncompressed: Int?
        var compressed: Int?
        var dataOffset: Int?
        var dictionaryOffset: Int?
        var statistics: ChunkStatistics?
        var fields = try reader.enter("a column's metadata")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: type = try known(PhysicalType(rawValue: try reader.int32(field)), "a physical type", reader)
            case 2:
                for _ in 0..<(try reader.list(field, of: .int32)) {
                    if let known = PageEncoding(rawValue: try reader.int32Element("an encoding")) {
                        encodings.append(known)
                    }
                }
            case 3:
                for _ in 0..<(try reader.list(field, of: .binary)) {
                    path.append(String(decoding: try reader.binaryElement("a path"), as: UTF8.self))
                }
            case 4: codec = try known(ParquetCodec(rawValue: try reader.int32(field)), "a codec", reader)
            case 5: values = try reader.natural(field)
            case 6: uncompressed = try reader.natural(field)
            case 7: compressed = try reader.natural(field)
            case 9: dataOffset = try reader.natural(field)
            case 11: dictionaryOffset = try reader.natural(field)
            case 12:
                try reader.expectStructure(field)
                statistics = try chunkStatistics(&reader)
            case 13:
                for _ in 0..<(try reader.list(field, of: .structure)) {
                    if let count = try encodingCount(&reader) { counts.append(count) }
                }
            default: try reader.skip(field)
            }
        }
        guard let type, let codec, let values, let uncompressed, let compressed, let dataOffset else {
            throw reader.malformed("type, codec, sizes and page offset of a column")
        }
        // Some writers put 0, or an offset after the data, where there is no dictionary; and where there are no data, a
        // dictionary before 0.
        if let offset = dictionaryOffset, offset == 0 || (offset >= dataOffset && dataOffset > 0) {
            dictionaryOffset = nil
        }
        return ColumnChunkMetadata(
            type: type, path: path, encodings: encodings, encodingCounts: counts, codec: codec, valueCount: values,
            uncompressedSize: uncompressed, compressedSize: compressed, dataPageOffset: dataOffset,
            dictionaryPageOffset: dictionaryOffset, statistics: statistics, columnIndex: nil, offsetIndex: nil)
    }

    private static func encodingCount(_ reader: inout CompactReader) throws(MalformedBytes) -> EncodingCount? {
        var page: PageType?
        var encoding: PageEncoding?
        var count = 0
        var fields = try reader.enter("the count of an encoding")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 1: page = PageType(rawValue: try reader.int32(field))
            case 2: encoding = PageEncoding(rawValue: try reader.int32(field))
            case 3: count = try reader.natural32(field)
            default: try reader.skip(field)
            }
        }
        guard let page, let encoding else { return nil }
        return EncodingCount(page, encoding, count: count)
    }

    /// The old `min` and `max` are left alone: writers did not agree on their order.
    private static func chunkStatistics(_ reader: inout CompactReader) throws(MalformedBytes) -> ChunkStatistics {
        var statistics = ChunkStatistics()
        var fields = try reader.enter("the statistics of a column")
        while let field = try reader.next(&fields) {
            switch field.id {
            case 3: statistics.nullCount = try reader.natural(field)
            case 5: statistics.maximum = Array(try reader.binary(field))
            case 6: statistics.minimum = Array(try reader.binary(field))
            case 7: statistics.isMaximumExact = try reader.bool(field)
            case 8: statistics.isMinimumExact = try reader.bool(field)
            default: try reader.skip(field)
            }
        }
        return statistics
    }

    private static func known<T>(_ value: T?, _ what: String, _ reader: CompactReader) throws(MalformedBytes) -> T {
        guard let value else { throw reader.malformed("\(what) of the specification") }
        return value
    }
}
