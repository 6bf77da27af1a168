import Columnar
import Compression
import Glibc
import Parquet
import Platform
import Testing

/// `VARVE_PARQUET_DIR=dir swift test --filter OtherReadersTests` leaves files there, to be opened by pyarrow, DuckDB and
/// others by hand. Not run otherwise.
@Suite struct OtherReadersTests {
    static var directory: String? { getenv("VARVE_PARQUET_DIR").map { String(cString: $0) } }

    @Test(.enabled(if: directory != nil))
    func filesForOtherReaders() throws {
        let directory = try #require(Self.directory)
        var random = SeededGenerator(seed: 11)
        let groups = (0..<3).map { _ in SampleRows(count: 2000, random: &random) }
        for (name, compression) in [
            ("plain", PageCompression.none), ("zstd", .zstd(3)), ("snappy", .init(.snappy)), ("gzip", .init(.gzip)),
        ] {
            let bytes = try SampleRows.file(groups, pageRows: 300, compression)
            let file = try #require(fopen("\(directory)/\(name).parquet", "w"))
            _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
        }
        // All null: an empty dictionary.
        var writer = ParquetFileWriter(
            schema: ParquetSchema([
                ParquetColumn("t", .byteArray, .string, isOptional: true),
                ParquetColumn("d", .double, isOptional: true),
                ParquetColumn("i", .int64, isOptional: true), ParquetColumn(stringMap: "m"),
            ]), createdBy: "varve version 0.0.1 (build abc)", sortingColumns: [])
        let none = Array(repeating: false, count: 5)
        writer.beginRowGroup()
        try writer.write(
            .dictionary(
                BytesColumn(none.map { _ in [] }), validity: none, isOptional: true, pageRows: 3, compression: .zstd(1)),
            column: 0)
        try writer.write(
            .doubles(none.map { _ in 0 }, validity: none, isOptional: true, pageRows: 3, compression: .zstd(1)),
            column: 1)
        try writer.write(
            .deltas(none.map { _ in 0 }, validity: none, isOptional: true, pageRows: 3, compression: .zstd(1)),
            column: 2)
        var maps = StringMaps()
        for _ in 0..<5 { maps.appendRow([]) }
        for (i, chunk) in EncodedChunk.stringMap(maps, pageRows: 8, compression: .zstd(1)).enumerated() {
            try writer.write(chunk, column: 3 + i)
        }
        try writer.endRowGroup(rows: 5)
        let bytes = try writer.finish(keyValueMetadata: [])
        let file = try #require(fopen("\(directory)/nulls.parquet", "w"))
        _ = bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
    }
}
