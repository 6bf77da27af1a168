import Platform
import Testing

@testable import Parquet

@Suite struct CompactProtocolTests {
    @Test func numbersAreThoseOfTheProtocol() throws {
        var writer = CompactWriter()
        writer.structure {
            $0.int32(1, -1)
            $0.int64(3, 300)
            $0.bool(4, true)
            $0.text(40, "é")
            $0.list(41, of: .int32, count: 2)
            $0.element(Int32(5))
            $0.element(Int32.min)
            $0.structure(42) { $0.bool(1, false) }
        }
        #expect(
            writer.bytes == [
                0x15, 0x01, 0x26, 0xd8, 0x04, 0x11, 0x08, 0x50, 0x02, 0xc3, 0xa9, 0x19, 0x25, 0x0a, 0xff, 0xff, 0xff,
                0xff, 0x0f, 0x1c, 0x12, 0x00, 0x00,
            ])
        var reader = CompactReader(writer.bytes)
        var fields = try reader.enter("test")
        var seen: [Int] = []
        while let field = try reader.next(&fields) {
            seen.append(field.id)
            switch field.id {
            case 1: #expect(try reader.int32(field) == -1)
            case 3: #expect(try reader.int64(field) == 300)
            case 4: #expect(try reader.bool(field))
            case 40: #expect(try reader.text(field) == "é")
            default: try reader.skip(field)
            }
        }
        #expect(seen == [1, 3, 4, 40, 41, 42])
        #expect(reader.remaining == 0)
    }

    /// Structures in structures, lists in lists, a hundred thousand deep: an error, not a full stack.
    @Test(arguments: [UInt8(0x1c), 0x19])
    func depthIsBounded(byte: UInt8) throws {
        var reader = CompactReader(Array(repeating: byte, count: 100_000))
        var fields = try reader.enter("test")
        let field = try #require(try reader.next(&fields))
        #expect(throws: MalformedBytes.self) { try reader.skip(field) }
    }

    /// 2^31 - 1 elements or bytes in a few.
    @Test(
        arguments: [
            [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07], [0x18, 0xff, 0xff, 0xff, 0xff, 0x07, 0x41],
            [0x1b, 0xff, 0xff, 0xff, 0xff, 0x07, 0x88],
            [0x19, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            [0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], [0x10], [0x1e], [0x1d, 0x00],
        ] as [[UInt8]])
    func declaredSizesAreNotBelieved(bytes: [UInt8]) throws {
        var reader = CompactReader(bytes)
        var fields = try reader.enter("test")
        #expect(throws: MalformedBytes.self) {
            while let field = try reader.next(&fields) { try reader.skip(field) }
        }
    }

    @Test func footersComeBackAsTheyWere() throws {
        let chunk = ColumnChunkMetadata(
            type: .int64, path: ["a", "b"], encodings: [.plain, .rle],
            encodingCounts: [.init(.dataV2, .plain, count: 3)],
            codec: .zstd, valueCount: 70, uncompressedSize: 900, compressedSize: 400, dataPageOffset: 1000,
            dictionaryPageOffset: 600,
            statistics: ChunkStatistics(
                minimum: [1], maximum: [], nullCount: 3, isMinimumExact: true, isMaximumExact: false),
            columnIndex: 5000..<5100, offsetIndex: 5100..<5130)
        let group = RowGroupMetadata(
            columns: [chunk], rowCount: 70, uncompressedSize: 900, compressedSize: 400,
            sortingColumns: [SortingColumn(column: 0, isDescending: true, nullsFirst: true)], fileOffset: 4, ordinal: 0)
        func element(_ name: String, _ type: PhysicalType?, _ children: Int?, _ logical: LogicalType) -> SchemaElement {
            SchemaElement(
                type: type, typeLength: nil, repetition: name == "root" ? nil : .optional, name: name,
                childCount: children, logicalType: logical)
        }
        let metadata = FileMetadata(
            version: 2,
            schema: [
                element("root", nil, 1, .none), element("a", nil, 1, .map), element("b", .int64, nil, .timestampMillis),
            ], rowCount: 70, rowGroups: [group], keyValues: [KeyValue("k", "v"), KeyValue("n", nil)], createdBy: "me",
            typeDefinedOrders: 1)
        let bytes = FooterEncoder.bytes(metadata)
        #expect(try FooterDecoder.metadata(bytes) == metadata)
        let leaves = try SchemaTree.leaves(of: metadata.schema)
        #expect(leaves.map(\.name) == ["a.b"] && leaves[0].maximumDefinition == 2)
        for length in 0..<bytes.count {
            #expect(throws: MalformedBytes.self) { try FooterDecoder.metadata(Array(bytes[..<length])) }
        }
    }

    @Test func aSchemaThatIsNoTreeIsRefused() {
        func element(_ type: PhysicalType?, _ children: Int?) -> SchemaElement {
            SchemaElement(
                type: type, typeLength: nil, repetition: .required, name: "x", childCount: children, logicalType: .none)
        }
        let leaf = element(.int64, nil)
        for elements in [
            [], [leaf], [element(nil, 2), leaf], [element(nil, 1), leaf, leaf], [element(nil, 1), element(nil, 0)],
            [element(nil, 1), element(.int64, 1), leaf], Array(repeating: element(nil, 1), count: 1000) + [leaf],
            [element(nil, .max), leaf],
        ] {
            #expect(throws: ParquetError.self) { try SchemaTree.leaves(of: elements) }
        }
    }

    @Test func neighboursAreReadAsOne() {
        #expect(ReadPlan([20..<30, 0..<10, 12..<15, 5..<5], gap: 2).reads == [0..<15, 20..<30])
        #expect(ReadPlan([0..<10, 3..<5, 10..<12], gap: 0).reads == [0..<12])
        #expect(ReadPlan([], gap: 5).reads == [])
        let fetched = FetchedBytes([0..<4, 10..<13], [[0, 1, 2, 3], [10, 11, 12]])
        #expect(Array(fetched.locate(11..<13).bytes[fetched.locate(11..<13).range]) == [11, 12])
        #expect(fetched.locate(3..<6).range.isEmpty)
    }
}
