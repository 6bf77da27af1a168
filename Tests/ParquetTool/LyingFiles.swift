import Columnar
import Compression
import Platform

@testable import Encodings
@testable import Parquet

/// Small files that declare what they do not hold: each must be refused, and without taking memory for the claim.
enum LyingFiles {
    static func all() throws -> [(name: String, bytes: [UInt8])] {
        let numbers = plain((0..<8).map { Int64($0) })
        var files: [(name: String, bytes: [UInt8])] = []
        func add(
            _ name: String, _ type: PhysicalType, _ page: Page, optional: Bool = false,
            codec: ParquetCodec = .uncompressed,
            dictionary: Page? = nil, _ change: (inout FileMetadata) -> Void = { _ in }
        ) {
            files.append((name, file(type, page, optional: optional, codec: codec, dictionary: dictionary, change)))
        }

        for count in [1_000_000_000, 1 << 24] {
            add("\(count) plain values in 64 bytes", .int64, Page(count, .plain, numbers))
            add("\(count) flags in 64 bytes", .boolean, Page(count, .plain, numbers))
            add("\(count) differences in few bytes", .int64, Page(count, .deltaBinaryPacked, delta(count, blocks: 30)))
            add("\(count) byte strings in 64 bytes", .byteArray, Page(count, .plain, numbers))
            add(
                "\(count) lengths in few bytes", .byteArray,
                Page(count, .deltaLengthByteArray, delta(count, blocks: 30)))
            add("\(count) split doubles in 64 bytes", .double, Page(count, .byteStreamSplit, numbers))
            add(
                "\(count) entries in a dictionary of 64 bytes", .int64, Page(8, .rleDictionary, [1, 16, 0]),
                dictionary: Page(count, .plain, numbers))
        }
        for (codec, parquet) in [
            (Codec.snappy, ParquetCodec.snappy), (.zstd, .zstd), (.gzip, .gzip), (.lz4raw, .lz4Raw),
        ] {
            let packed = try compress(numbers, codec)
            for size in [200 << 20, 1 << 20, 65, 63, 0] {
                var page = Page(8, .plain, packed)
                page.uncompressed = size
                page.isCompressed = true
                add("64 bytes of \(codec) that declare \(size)", .int64, page, codec: parquet)
            }
        }
        var window = Page(8, .plain, [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00])
        window.isCompressed = true
        window.uncompressed = 64
        add("a ZSTD window of 2 TiB", .int64, window, codec: .zstd)

        let two = Page(2, .plain, plain([7, 8]))
        add("a code beyond the dictionary", .int64, Page(8, .rleDictionary, [3, 16, 5]), dictionary: two)
        add("a code wider than its width", .int64, Page(8, .rleDictionary, [1, 16, 5]), dictionary: two)
        add("codes of 33 bits", .int64, Page(8, .rleDictionary, [33, 16, 0, 0, 0, 0, 0]), dictionary: two)
        add(
            "packed codes beyond the page", .int64, Page(8, .rleDictionary, [1, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            dictionary: two)
        add("codes without a dictionary", .int64, Page(8, .rleDictionary, [1, 16, 0]))
        add("a delta of 65 bits", .int64, Page(8, .deltaBinaryPacked, [0x80, 1, 4, 8, 0, 0, 65, 0, 0, 0] + numbers))
        add("no miniblocks", .int64, Page(8, .deltaBinaryPacked, [0x80, 1, 0, 8, 0, 0, 0, 0, 0, 0]))
        add("a byte string of 2 GiB", .byteArray, Page(1, .plain, [0xff, 0xff, 0xff, 0x7f, 1]))
        add("prefixes that double", .byteArray, Page(20_000, .deltaByteArray, prefixes(20_000, of: 60_000)))
        add("more nulls than values", .int64, Page(8, .plain, numbers, nulls: 9), optional: true)
        add("levels of other counts", .int64, Page(8, .plain, numbers, nulls: 0, levels: [16, 0]), optional: true)
        add("levels longer than the page", .int64, Page(8, .plain, numbers, nulls: 0, levels: [16, 1]), optional: true)
        {
            $0.rowGroups[0].columns[0].compressedSize -= 60
        }

        let honest = Page(8, .plain, numbers)
        add("more rows than pages hold", .int64, honest) {
            $0.rowCount = 9
            $0.rowGroups[0].rowCount = 9
        }
        add("fewer rows than the row groups", .int64, honest) { $0.rowCount = 7 }
        add("pages outside the file", .int64, honest) { $0.rowGroups[0].columns[0].dataPageOffset = 1 << 40 }
        add("a chunk longer than the file", .int64, honest) { $0.rowGroups[0].columns[0].compressedSize = 1 << 40 }
        add("a page index outside the file", .int64, honest) {
            $0.rowGroups[0].columns[0].columnIndex = 1 << 40..<(1 << 40) + 100
        }
        add("a chunk of another type", .int64, honest) { $0.rowGroups[0].columns[0].type = .double }
        add("bounds that leave values out", .int64, honest) {
            $0.rowGroups[0].columns[0].statistics = ChunkStatistics(
                minimum: Int64(0).plainBytes, maximum: Int64(3).plainBytes, nullCount: 0)
        }
        add("nulls that are not there", .int64, honest) {
            $0.rowGroups[0].columns[0].statistics = ChunkStatistics(nullCount: 3)
        }
        add("a fixed length of none", .fixedLengthByteArray, honest)
        add("forty groups in groups", .int64, honest) {
            let group = SchemaElement(
                type: nil, typeLength: nil, repetition: .optional, name: "g", childCount: 1, logicalType: .none)
            $0.schema.insert(contentsOf: Array(repeating: group, count: 40), at: 1)
        }
        for (offset, size) in [(4, 5), (0, 90), (80, 4000), (1 << 40, 90)] {
            files.append(("an offset index to \(offset), \(size) bytes", indexed([(offset, size, 0)])))
        }
        files.append(("pages that overlap", indexed([(4, 60, 0), (30, 60, 4)])))
        files.append(("pages in the wrong order", indexed([(4, 40, 4), (44, 40, 0)])))
        for length: UInt32 in [0, 1 << 20, 0x7fff_ffff, .max] {
            var bytes = file(.int64, honest) { _ in }
            bytes.replaceSubrange(bytes.count - 8..<bytes.count - 4, with: Int32(bitPattern: length).plainBytes)
            files.append(("a footer of \(length) bytes", bytes))
        }
        return files
    }

    /// That `file` makes files which are read when nothing lies.
    static func honest() -> [UInt8] { file(.int64, Page(8, .plain, plain((0..<8).map { Int64($0) }))) { _ in } }

    private struct Page {
        var values: Int
        var encoding: PageEncoding
        var body: [UInt8]
        var nulls = 0
        var levels: [UInt8] = []
        var isCompressed = false
        /// As declared; nil: what is there.
        var uncompressed: Int?

        init(_ values: Int, _ encoding: PageEncoding, _ body: [UInt8], nulls: Int = 0, levels: [UInt8] = []) {
            self.values = values
            self.encoding = encoding
            self.body = body
            self.nulls = nulls
            self.levels = levels
        }

        func bytes(asDictionary: Bool) -> [UInt8] {
            let stored = levels + body
            let kind: PageHeader.Kind =
                asDictionary
                ? .dictionary(values: values, encoding: .plain)
                : .dataV2(
                    values: values, nulls: nulls, rows: values, encoding: encoding, definitionBytes: levels.count,
                    repetitionBytes: 0, isCompressed: isCompressed)
            return PageHeader(
                uncompressedSize: uncompressed ?? stored.count, storedSize: stored.count, crc: nil, kind: kind
            ).encoded() + stored
        }
    }

    private static func plain(_ values: [Int64]) -> [UInt8] { values.flatMap(\.plainBytes) }

    /// A header that promises `count` values, then blocks whose fields take no bits.
    private static func delta(_ count: Int, blocks: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendVarint(128)
        bytes.appendVarint(4)
        bytes.appendVarint(UInt64(count))
        bytes.appendZigzag(1)
        for _ in 0..<blocks { bytes += [0, 0, 0, 0, 0] }
        return bytes
    }

    /// A long value, and many that repeat all of it.
    private static func prefixes(_ count: Int, of length: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        DeltaBinaryPacked.encode([0] + Array(repeating: Int64(length), count: count - 1), form: .tight, into: &bytes)
        DeltaBinaryPacked.encode([Int64(length)] + Array(repeating: 0, count: count - 1), form: .tight, into: &bytes)
        return bytes + Array(repeating: 0x61, count: length)
    }

    private static func file(
        _ type: PhysicalType, _ page: Page, optional: Bool = false, codec: ParquetCodec = .uncompressed,
        dictionary: Page? = nil, _ change: (inout FileMetadata) -> Void
    ) -> [UInt8] {
        let first = dictionary?.bytes(asDictionary: true) ?? []
        let body = first + page.bytes(asDictionary: false)
        var metadata = FileMetadata(
            version: 2,
            schema: [
                SchemaElement(
                    type: nil, typeLength: nil, repetition: nil, name: "schema", childCount: 1, logicalType: .none),
                SchemaElement(
                    type: type, typeLength: nil, repetition: optional ? .optional : .required, name: "c",
                    childCount: nil, logicalType: .none),
            ], rowCount: page.values,
            rowGroups: [
                RowGroupMetadata(
                    columns: [
                        ColumnChunkMetadata(
                            type: type, path: ["c"], encodings: [page.encoding], encodingCounts: [], codec: codec,
                            valueCount: page.values, uncompressedSize: body.count, compressedSize: body.count,
                            dataPageOffset: 4 + first.count, dictionaryPageOffset: dictionary == nil ? nil : 4,
                            statistics: nil, columnIndex: nil, offsetIndex: nil)
                    ], rowCount: page.values, uncompressedSize: body.count, compressedSize: body.count,
                    sortingColumns: [], fileOffset: 4, ordinal: 0)
            ], keyValues: [], createdBy: "a liar", typeDefinedOrders: 1)
        change(&metadata)
        return framed(body, metadata)
    }

    private static func framed(_ body: [UInt8], _ metadata: FileMetadata) -> [UInt8] {
        let footer = FooterEncoder.bytes(metadata)
        return FileFrame.magic + body + footer + Int32(footer.count).plainBytes + FileFrame.magic
    }

    private static func indexed(_ pages: [(offset: Int, size: Int, row: Int)]) -> [UInt8] {
        let page = Page(8, .plain, plain((0..<8).map { Int64($0) })).bytes(asDictionary: false)
        let index = OffsetIndex.encode(
            pages.map { PageLocation(offset: $0.offset, size: $0.size, firstRow: $0.row, rowCount: 0) })
        let body = page + index
        return file(.int64, Page(8, .plain, plain((0..<8).map { Int64($0) }))) { metadata in
            metadata.rowGroups[0].columns[0].offsetIndex = 4 + page.count..<4 + body.count
        }.replacingBody(page.count, with: index)
    }
}

extension [UInt8] {
    /// The same file with `index` behind the page; nothing before the footer moves.
    fileprivate func replacingBody(_ pageSize: Int, with index: [UInt8]) -> [UInt8] {
        Array(self[..<(4 + pageSize)]) + index + self[(4 + pageSize)...]
    }
}
