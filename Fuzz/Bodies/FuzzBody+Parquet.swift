import Columnar
import Platform

@testable import Parquet

extension FuzzBody {
    /// A footer, and the same bytes as a page index.
    @Sendable public static func footer(_ bytes: [UInt8]) {
        if let metadata = try? FooterDecoder.metadata(bytes) {
            let again = FooterEncoder.bytes(metadata)
            let reread = try? FooterDecoder.metadata(again)
            precondition(reread.map { FooterEncoder.bytes($0) == again } ?? false, "written, and not read again")
            if let leaves = try? SchemaTree.leaves(of: metadata.schema) {
                try? FooterCheck.check(metadata, leaves, footerStart: 1 << 20, Place(file: "fuzz"))
            }
            _ = FooterSeal.isIntact(bytes, metadata)
            _ = FooterSeal.indexChecksums(metadata)
        }
        if let index = try? ColumnIndex(decoding: bytes) {
            precondition((try? ColumnIndex(decoding: index.encoded())) == index)
            for page in 0..<index.pageCount {
                _ = index.int64Bounds(page)
                _ = index.doubleBounds(page)
            }
        }
        if let pages = try? OffsetIndex.decode(bytes, rows: 1000, chunk: 4..<100_000) {
            precondition(pages.reduce(0) { $0 + $1.rowCount } == 1000)
        }
    }

    /// Type, levels, codec, rows (two bytes), then a page with its header.
    @Sendable public static func pages(_ bytes: [UInt8]) {
        guard bytes.count > 5 else { return }
        let type = PhysicalType.allCases[Int(bytes[0]) % PhysicalType.allCases.count]
        let levels = Int(bytes[1])
        let codec = ParquetCodec.allCases[Int(bytes[2]) % ParquetCodec.allCases.count]
        let rows = Int(bytes[3]) << 8 | Int(bytes[4])
        let page = Array(bytes[5...])
        let leaf = ParquetLeaf(
            path: ["c"], physical: type,
            logical: levels & 0x40 == 0 ? .none : type == .int64 ? .timestampMicros : .decimal(precision: 9, scale: 2),
            fixedLength: type == .int96 ? 12 : type == .fixedLengthByteArray ? 5 : 0,
            maximumDefinition: levels & 3, maximumRepetition: levels >> 2 & 1,
            repeatedDefinition: min(levels & 3, levels >> 3 & 3))
        let chunk = ColumnChunkMetadata(
            type: type, path: ["c"], encodings: [], encodingCounts: [], codec: codec, valueCount: rows,
            uncompressedSize: 0, compressedSize: page.count, dataPageOffset: 4, dictionaryPageOffset: nil,
            statistics: nil, columnIndex: nil, offsetIndex: nil)
        var limits = ParquetLimits()
        limits.pageBytes = 1 << 20
        limits.pageValues = 1 << 16
        let unpacker = PageUnpacker(leaf: leaf, chunk: chunk, file: "fuzz", limits: limits, isStrict: false)
        let dictionary = try? unpacker.dictionary(page, page.indices, offset: 4)
        let location = PageLocation(offset: 4, size: page.count, firstRow: 0, rowCount: rows)
        guard let read = try? unpacker.page(page, page.indices, 0, location) else { return }
        let entries =
            dictionary
            ?? [.int64([1, 2, 3]), .double([1, 2]), .bytes(BytesColumn([[1], []]))][Int(bytes[1] >> 6) % 3]
        let column = ColumnPages(leaf: leaf, file: "fuzz", dictionary: entries, pages: [read])
        if let values = try? column.values() {
            precondition(values.count == read.presentCount)
            _ = values.bounds(of: leaf)
        }
        _ = try? read.codes()
        _ = try? read.codeRuns()
        if let flags = try? column.validity() { precondition(flags.count == read.valueCount) }
        if let lists = try? column.lists() { precondition(lists.rowCount == rows) }
        _ = try? StringMaps(keys: column, values: column)
        for type in ColumnType.allCases {
            if let found = try? column.column(type) { precondition(found.count == read.valueCount) }
        }
    }

    /// A whole file.
    @Sendable public static func parquet(_ bytes: [UInt8]) {
        waiting {
            var limits = ParquetLimits()
            limits.pageBytes = 1 << 20
            limits.pageValues = 1 << 16
            _ = try? await ParquetVerify.verify(name: "fuzz", source: MemoryByteSource(bytes), limits: limits)
        }
    }
}
