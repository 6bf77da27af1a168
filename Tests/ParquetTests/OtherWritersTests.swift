import Columnar
import Parquet
import Testing

@Suite struct OtherWritersTests {
    @Test(arguments: OtherWriters.files.map(\.name))
    func aFileOfAnotherWriterIsRead(name: String) async throws {
        let bytes = try #require(OtherWriters.files.first { $0.name == name }).bytes
        let file = try await ParquetFile.open(name: name, source: MemoryByteSource(bytes))
        #expect(!file.isSealed)
        #expect(file.rowCount == 8)
        func pages(_ column: String) async throws -> ColumnPages {
            try await file.read(PageRequest(rowGroup: 0, column: try #require(file.column(column))))
        }
        func column(_ name: String, _ type: ColumnType) async throws -> Column { try await pages(name).column(type) }

        #expect(try await column("i", .int64).int64s == [5, -3, 9_007_199_254_740_993, 0, 0, 0, 7, 8])
        let n = try await column("n", .int64)
        #expect(n.int64s == [1, 0, 3, 0, 0, 6, 7, 0])
        #expect(n.validity == [true, false, true, false, false, true, true, false])
        let s = try await column("s", .text)
        #expect(s.byteStrings == BytesColumn(["a", "bb", "", "", "a", "ümlaut", "bb", "a"].map { Array($0.utf8) }))
        #expect(s.validity == [true, true, false, true, true, true, true, true])
        let d = try await column("d", .float64)
        let doubles = [1.5, 0, -0.0, .nan, 2.5, 2.5, 0, 1e300]
        #expect(d.float64s.map { $0.isNaN ? 1 : $0.bitPattern } == doubles.map { $0.isNaN ? 1 : $0.bitPattern })
        #expect(d.validity == [true, false, true, true, true, true, false, true])
        #expect(try await column("b", .bool).values == .bool([true, false, false, true, true, false, true, false]))
        #expect(try await column("w", .int64).int64s == [1, 2, 3, 4, 5, 6, 7, -8])
        // DuckDB keeps microseconds.
        #expect(
            file.leaves[try #require(file.column("t"))].logical
                == (name == "duckDB" ? .timestampMicros : .timestampMillis))
        #expect(try await column("t", .timestamp).int64s == (1...8).map { $0 * 1000 })
        #expect(file.leaves[try #require(file.column("s"))].logical == .string)

        if let keys = file.leaves.firstIndex(where: { $0.path.first == "m" }) {
            let leaves = try await file.read([
                PageRequest(rowGroup: 0, column: keys), PageRequest(rowGroup: 0, column: keys + 1),
            ])
            let maps = try StringMaps(keys: leaves[0], values: leaves[1])
            #expect(maps.offsets == [0, 1, 1, 3, 4, 4, 5, 6, 7])
            #expect(maps.keys == BytesColumn(["k", "a", "b", "x", "p", "z", "e"].map { Array($0.utf8) }))
            #expect(maps.values == BytesColumn(["v", "1", "2", "y", "q", "z", "f"].map { Array($0.utf8) }))
        }
        #expect(try await ParquetVerify.verify(name: name, source: MemoryByteSource(bytes)).problems == [])
    }

    /// Without checksums flips may pass, but nothing traps.
    @Test(arguments: OtherWriters.files.map(\.name))
    func damageInAFileOfAnotherWriterNeverTraps(name: String) async throws {
        let bytes = try #require(OtherWriters.files.first { $0.name == name }).bytes
        for i in bytes.indices {
            var damaged = bytes
            damaged[i] ^= 0x41
            _ = try await ParquetVerify.verify(name: name, source: MemoryByteSource(damaged))
        }
    }
}
