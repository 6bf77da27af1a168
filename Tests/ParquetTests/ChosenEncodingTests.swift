import Columnar
import Parquet
import Platform
import Testing

/// The data choose the encoding, and whatever they choose is read back.
@Suite struct ChosenEncodingTests {
    private func encoding(_ column: Column, _ leaf: ParquetColumn) async throws -> PageEncoding {
        let schema = ParquetSchema([leaf])
        var writer = ParquetFileWriter(schema: schema, createdBy: "x", sortingColumns: [])
        let chunk = try EncodedChunk.chosen(
            column, of: schema.leaves[0], pageRows: 1_000, compression: .zstd(1))
        writer.beginRowGroup()
        try writer.write(chunk, column: 0)
        try writer.endRowGroup(rows: column.count)
        let source = MemoryByteSource(try writer.finish(keyValueMetadata: []))
        let file = try await ParquetFile.open(name: "a", source: source)
        let pages = try await file.read(PageRequest(rowGroup: 0, column: 0))
        let type: ColumnType =
            switch column.values {
            case .int64: .int64
            case .float64: .float64
            case .bytes: .bytes
            case .bool: .bool
            }
        #expect(try pages.column(type) == column)
        #expect(Set(pages.pages.map(\.encoding)).count == 1)
        return pages.pages[0].encoding
    }

    @Test func fewValuesGetADictionaryAndManyDoNot() async throws {
        var random = SeededGenerator(seed: 1)
        let text = ParquetColumn("t", .byteArray, .string)
        func texts(_ make: (Int) -> String) -> Column { .bytes(BytesColumn((0..<20_000).map { Array(make($0).utf8) })) }
        let few = texts { "host-\($0 % 7)" }
        #expect(try await encoding(few, text) == .rleDictionary)
        let paths = texts { "/a/long/common/prefix/\(1_000_000 + $0)" }
        #expect(try await encoding(paths, text) == .deltaByteArray)
        let long = texts { _ in (0..<20).map { _ in "\(UInt8.random(in: 0 ... .max, using: &random)) " }.joined() }
        #expect(try await encoding(long, text) != .rleDictionary)

        let double = ParquetColumn("d", .double)
        let levels = (0..<20_000).map { _ in Double(Int.random(in: 0..<5, using: &random)) * 0.1 }
        #expect(try await encoding(.float64(levels), double) == .rleDictionary)
        let noise = (0..<20_000).map { _ in Double.random(in: 0...1, using: &random) }
        #expect(try await encoding(.float64(noise), double) == .byteStreamSplit)

        let integer = ParquetColumn("i", .int64)
        let large = [Int64.min, .max, 123_456_789_012_345]
        let codes = (0..<20_000).map { _ in large[Int.random(in: 0..<3, using: &random)] }
        #expect(try await encoding(.int64(codes), integer) == .rleDictionary)
        #expect(try await encoding(.int64((0..<20_000).map { Int64($0) * 15_000 }), integer) == .deltaBinaryPacked)
    }

    @Test func nullsAndNothingAtAll() async throws {
        let validity = (0..<10_000).map { $0 % 5 != 0 }
        let values = validity.indices.map { validity[$0] ? Int64($0) : 0 }
        let column = Column(.int64(values), validity: validity)
        _ = try await encoding(column, ParquetColumn("i", .int64, isOptional: true))
        let none = Column(.float64([0, 0, 0]), validity: [false, false, false])
        _ = try await encoding(none, ParquetColumn("d", .double, isOptional: true))
        let flags = Column(.bool((0..<5_000).map { $0 > 3 }))
        _ = try await encoding(flags, ParquetColumn("b", .boolean))
    }
}
