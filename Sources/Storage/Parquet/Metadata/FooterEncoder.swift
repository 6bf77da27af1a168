/// `FileMetadata` to footer bytes, field by field as in parquet.thrift.
enum FooterEncoder {
    static func bytes(_ metadata: FileMetadata) -> [UInt8] {
        var writer = CompactWriter()
        writer.structure { file in
            file.int32(1, metadata.version)
            file.list(2, of: .structure, count: metadata.schema.count)
            for element in metadata.schema { write(element, to: &file) }
            file.int64(3, Int64(metadata.rowCount))
            file.list(4, of: .structure, count: metadata.rowGroups.count)
            for group in metadata.rowGroups { write(group, to: &file) }
            file.list(5, of: .structure, count: metadata.keyValues.count)
            for pair in metadata.keyValues {
                file.structure {
                    $0.text(1, pair.key)
                    if let value = pair.value { $0.text(2, value) }
                }
            }
            if let createdBy = metadata.createdBy { file.text(6, createdBy) }
            if let orders = metadata.typeDefinedOrders {
                file.list(7, of: .structure, count: orders)
                for _ in 0..<orders { file.structure { $0.structure(1) { _ in } } }
            }
        }
        return writer.bytes
    }

    private static func write(_ element: SchemaElement, to file: inout CompactWriter) {
        file.structure { schema in
            if let type = element.type { schema.int32(1, type.rawValue) }
            if let length = element.typeLength { schema.int32(2, length) }
            if let repetition = element.repetition { schema.int32(3, repetition.rawValue) }
            schema.text(4, element.name)
            if let count = element.childCount { schema.int32(5, Int32(count)) }
            if let converted = element.logicalType.converted { schema.int32(6, converted) }
            if case .decimal(let precision, let scale) = element.logicalType {
                schema.int32(7, Int32(clamping: scale))
                schema.int32(8, Int32(clamping: precision))
            }
            element.logicalType.write(to: &schema)
        }
    }

    private static func write(_ group: RowGroupMetadata, to file: inout CompactWriter) {
        file.structure { writer in
            writer.list(1, of: .structure, count: group.columns.count)
            for column in group.columns { write(column, to: &writer) }
            writer.int64(2, Int64(group.uncompressedSize))
            writer.int64(3, Int64(group.rowCount))
            if !group.sortingColumns.isEmpty {
                writer.list(4, of: .structure, count: group.sortingColumns.count)
                for sorting in group.sortingColumns {
                    writer.structure {
                        $0.int32(1, Int32(sorting.column))
                        $0.bool(2, sorting.isDescending)
                        $0.bool(3, sorting.nullsFirst)
                    }
                }
            }
            if let offset = group.fileOffset { writer.int64(5, Int64(offset)) }
            if let size = group.compressedSize { writer.int64(6, Int64(size)) }
            if let ordinal = group.ordinal { writer.int16(7, ordinal) }
        }
    }

    private static func write(_ chunk: ColumnChunkMetadata, to group: inout CompactWriter) {
        group.structure { writer in
            // The offset of a copy of the metadata outside the footer: there is none.
            writer.int64(2, 0)
            writer.structure(3) { write(metadata: chunk, to: &$0) }
            if let index = chunk.offsetIndex {
                writer.int64(4, Int64(index.lowerBound))
                writer.int32(5, Int32(index.count))
            }
            if let index = chunk.columnIndex {
                writer.int64(6, Int64(index.lowerBound))
                writer.int32(7, Int32(index.count))
            }
        }
    }

    private static func write(metadata chunk: ColumnChunkMetadata, to writer: inout CompactWriter) {
        writer.int32(1, chunk.type.rawValue)
        writer.list(2, of: .int32, count: chunk.encodings.count)
        for encoding in chunk.encodings { writer.element(encoding.rawValue) }
        writer.list(3, of: .binary, count: chunk.path.count)
        for name in chunk.path { writer.element(name) }
        writer.int32(4, chunk.codec.rawValue)
        writer.int64(5, Int64(chunk.valueCount))
        writer.int64(6, Int64(chunk.uncompressedSize))
        writer.int64(7, Int64(chunk.compressedSize))
        writer.int64(9, Int64(chunk.dataPageOffset))
        if let offset = chunk.dictionaryPageOffset { writer.int64(11, Int64(offset)) }
        if let statistics = chunk.statistics {
            writer.structure(12) { write(statistics, to: &$0) }
        }
        writer.list(13, of: .structure, count: chunk.encodingCounts.count)
        for count in chunk.encodingCounts {
            writer.structure {
                $0.int32(1, count.page.rawValue)
                $0.int32(2, count.encoding.rawValue)
                $0.int32(3, Int32(count.count))
            }
        }
    }

    private static func write(_ statistics: ChunkStatistics, to writer: inout CompactWriter) {
        if let nulls = statistics.nullCount { writer.int64(3, Int64(nulls)) }
        if let maximum = statistics.maximum { writer.binary(5, maximum) }
        if let minimum = statistics.minimum { writer.binary(6, minimum) }
        if let exact = statistics.isMaximumExact { writer.bool(7, exact) }
        if let exact = statistics.isMinimumExact { writer.bool(8, exact) }
    }
}
