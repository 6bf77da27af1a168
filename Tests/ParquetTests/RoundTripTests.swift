import Columnar
import Compression
import Parquet
import Platform
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: UInt64(0)..<12)
    func whatWasWrittenIsRead(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let groups = (0..<Int.random(in: 1...3, using: &random)).map { _ in
            SampleRows(count: Int.random(in: 1...3000, using: &random), random: &random)
        }
        let compression: PageCompression = [.none, .zstd(1), .zstd(3), .init(.snappy), .init(.gzip)][Int(seed % 5)]
        let bytes = try SampleRows.file(groups, pageRows: Int.random(in: 1...900, using: &random), compression)
        let file = try await ParquetFile.open(name: "a.parquet", source: MemoryByteSource(bytes))
        #expect(file.isSealed)
        #expect(file.metadata.value(for: "varve.table") == "sample")
        #expect(file.rowCount == groups.reduce(0) { $0 + $1.count })
        for (i, group) in groups.enumerated() {
            #expect(try await SampleRows.read(file, rowGroup: i) == group, "seed \(seed)")
        }
        let verification = try await ParquetVerify.verify(name: "a.parquet", source: MemoryByteSource(bytes))
        #expect(verification.problems == [], "seed \(seed)")
        #expect(verification.rows == file.rowCount)
    }

    @Test func singlePagesAreReadByNumber() async throws {
        var random = SeededGenerator(seed: 5)
        let rows = SampleRows(count: 1000, random: &random)
        let bytes = try SampleRows.file([rows], pageRows: 64, .zstd(1))
        let source = CountingSource(bytes)
        let file = try await ParquetFile.open(name: "a", source: source)
        let locations = try await file.pageLocations(rowGroup: 0, column: 0)
        #expect(locations.count == 16)
        #expect(locations.last?.rows == 960..<1000)
        let some = try await file.read(PageRequest(rowGroup: 0, column: 0, pages: [3, 4, 9]))
        #expect(some.pages.map(\.firstRow) == [192, 256, 576])
        #expect(try some.int64s() == Array(rows.ids[192..<320] + rows.ids[576..<640]))
        let codes = try await file.read(PageRequest(rowGroup: 0, column: 1, pages: [0]))
        guard case .bytes(let entries)? = codes.dictionary else { throw SampleRows.Different() }
        let first = try #require(try codes.codes().first)
        let row = try #require((0..<64).first { rows.textValidity?[$0] ?? true })
        #expect(entries[Int(first)] == rows.texts[row])
        // Footer and page index came with the first read; then one read for the dictionary and the pages beside it.
        #expect(source.reads == 3)
    }

    @Test func boundsFollowTheSpecification() async throws {
        var writer = ParquetFileWriter(
            schema: ParquetSchema([
                ParquetColumn("d", .double, isOptional: true), ParquetColumn("t", .byteArray, .string),
            ]),
            createdBy: "varve version 0.0.1 (build test)", sortingColumns: [])
        let doubles: [Double] = [0, .nan, 5, 3, -0.0, 1, 0, 0]
        let validity = [true, true, true, true, true, true, false, false]
        let texts = BytesColumn((0..<8).map { Array("\(String(repeating: "x", count: 100))\($0)".utf8) })
        writer.beginRowGroup()
        try writer.write(
            .doubles(doubles, validity: validity, isOptional: true, pageRows: 2, compression: .none), column: 0)
        try writer.write(
            .dictionary(texts, validity: nil, isOptional: false, pageRows: 4, compression: .none), column: 1)
        try writer.endRowGroup(rows: 8)
        let bytes = try writer.finish(keyValueMetadata: [])
        let file = try await ParquetFile.open(name: "a", source: MemoryByteSource(bytes))
        let index = try #require(try await file.columnIndex(rowGroup: 0, column: 0))
        #expect(index.nullPages == [false, false, false, true])
        #expect(index.nullCounts == [0, 0, 0, 2])
        let first = try #require(index.doubleBounds(0))
        #expect(first.lowerBound.sign == .minus && first.upperBound.sign == .plus && first == -0.0...0.0)
        #expect(index.doubleBounds(1) == 3...5)
        #expect(index.doubleBounds(3) == nil)
        let text = try #require(file.metadata.rowGroups[0].columns[1].statistics)
        #expect(text.minimum == Array(String(repeating: "x", count: 64).utf8))
        #expect(text.maximum == Array((String(repeating: "x", count: 63) + "y").utf8))
        #expect(text.isMinimumExact == false && text.isMaximumExact == false)
    }

    @Test func aPageOfNothingButNaNHasNoColumnIndex() async throws {
        var writer = ParquetFileWriter(
            schema: ParquetSchema([ParquetColumn("d", .double)]), createdBy: "varve version 0.0.1 (build test)",
            sortingColumns: [])
        writer.beginRowGroup()
        try writer.write(
            .doubles([1, 2, .nan, .nan], validity: nil, isOptional: false, pageRows: 2, compression: .none), column: 0)
        try writer.endRowGroup(rows: 4)
        let bytes = try writer.finish(keyValueMetadata: [])
        let file = try await ParquetFile.open(name: "a", source: MemoryByteSource(bytes))
        #expect(try await file.columnIndex(rowGroup: 0, column: 0) == nil)
        #expect(file.metadata.rowGroups[0].columns[0].statistics?.maximum == PageBounds(1.0, 2.0).maximum)
        #expect(try await file.read(PageRequest(rowGroup: 0, column: 0)).doubles().count == 4)
    }

    @Test func aFileWithoutRowsIsAFile() async throws {
        let empty = try SampleRows.file([], pageRows: 10, .zstd(1))
        #expect(try await ParquetFile.open(name: "a", source: MemoryByteSource(empty)).rowCount == 0)
        let emptyGroup = try SampleRows.file([SampleRows()], pageRows: 10, .zstd(1))
        let verification = try await ParquetVerify.verify(name: "a", source: MemoryByteSource(emptyGroup))
        #expect(verification.problems == [])
    }

    @Test func mistakesOfALayoutAreRefused() throws {
        var writer = ParquetFileWriter(
            schema: ParquetSchema([ParquetColumn("a", .int64)]), createdBy: "x", sortingColumns: [])
        let chunk = EncodedChunk.deltas(
            [1, 2], validity: nil, isOptional: false, pageRows: 10, compression: .none)
        #expect(throws: ParquetError.self) { try writer.write(chunk, column: 0) }
        writer.beginRowGroup()
        #expect(throws: ParquetError.self) { try writer.write(chunk, column: 1) }
        let optional = EncodedChunk.deltas(
            [1, 2], validity: nil, isOptional: true, pageRows: 10, compression: .none)
        #expect(throws: ParquetError.self) { try writer.write(optional, column: 0) }
        try writer.write(chunk, column: 0)
        #expect(throws: ParquetError.self) { try writer.endRowGroup(rows: 3) }
        #expect(throws: ParquetError.self) { try writer.finish(keyValueMetadata: []) }
        try writer.endRowGroup(rows: 2)
    }
}
