import Columnar
import Parquet
import Testing

/// Values as columns, by what they mean.
@Suite struct MeaningTests {
    private func column(
        _ column: ParquetColumn, _ values: ParquetValues, _ type: ColumnType
    ) async throws -> ColumnValues {
        let schema = ParquetSchema([column])
        var writer = ParquetFileWriter(schema: schema, createdBy: "x", sortingColumns: [])
        writer.beginRowGroup()
        try writer.write(
            try EncodedChunk(values, of: schema.leaves[0], as: .plain, pageRows: 100, compression: .none), column: 0)
        try writer.endRowGroup(rows: values.count)
        let source = MemoryByteSource(try writer.finish(keyValueMetadata: []))
        let file = try await ParquetFile.open(name: "a", source: source)
        #expect(file.leaves == schema.leaves)
        return try await file.read(PageRequest(rowGroup: 0, column: 0)).column(type).values
    }

    private func expect(_ kind: ParquetError.Kind, _ body: () async throws -> ColumnValues) async {
        do {
            let found = try await body()
            Issue.record("\(found)")
        } catch { #expect((error as? ParquetError)?.kind == kind) }
    }

    @Test func timesAreMillisecondsRoundedDown() async throws {
        let values = ParquetValues.int64([1_999, -1, -1_000, 0, .min, .max])
        #expect(
            try await column(ParquetColumn("t", .int64, .timestampMicros), values, .timestamp)
                == .int64([1, -1, -1, 0, .min / 1_000 - 1, .max / 1_000]))
        #expect(
            try await column(ParquetColumn("t", .int64, .timestampNanos), values, .timestamp)
                == .int64([0, -1, -1, 0, .min / 1_000_000 - 1, .max / 1_000_000]))
        #expect(
            try await column(ParquetColumn("t", .int32, .date), .int32([0, -1, .max]), .timestamp)
                == .int64([0, -86_400_000, 2_147_483_647 * 86_400_000]))
        // As they are, where integers were asked for.
        #expect(
            try await column(ParquetColumn("t", .int64, .timestampMicros), values, .int64)
                == .int64([1_999, -1, -1_000, 0, .min, .max]))
    }

    @Test func unsignedValuesKeepTheirSize() async throws {
        let narrow = ParquetColumn("u", .int32, .unsigned(bits: 32))
        #expect(try await column(narrow, .int32([-1, 1]), .int64) == .int64([4_294_967_295, 1]))
        let wide = ParquetColumn("u", .int64, .unsigned(bits: 64))
        #expect(try await column(wide, .int64([.max]), .int64) == .int64([.max]))
        await expect(.unsupported) { try await column(wide, .int64([-1]), .int64) }
    }

    @Test func decimalsAreTheNearestDoubles() async throws {
        let decimal = LogicalType.decimal(precision: 18, scale: 3)
        let numbers: [Int64] = [1_001, -1, 0, 999_999_999_999_999_999, -123_456_789_012_345_678]
        let doubles = [1.001, -0.001, 0, 999_999_999_999_999.999, -123_456_789_012_345.678]
        #expect(try await column(ParquetColumn("d", .int64, decimal), .int64(numbers), .float64) == .float64(doubles))
        let bytes = BytesColumn(
            numbers.map { n in (0..<9).reversed().map { UInt8(truncatingIfNeeded: n >> min($0 * 8, 63)) } })
        #expect(
            try await column(ParquetColumn("d", fixedLength: 9, decimal), .bytes(bytes), .float64) == .float64(doubles))
        let short = BytesColumn([[], [0xff], [0x7f], [0x80], [0x00, 0x80]])
        #expect(
            try await column(ParquetColumn("d", .byteArray, .decimal(precision: 5, scale: 0)), .bytes(short), .int64)
                == .int64([0, -1, 127, -128, 128]))
        await expect(.unsupported) { try await column(ParquetColumn("d", .int64, decimal), .int64(numbers), .int64) }
        let large = BytesColumn([[1, 0, 0, 0, 0, 0, 0, 0, 0]])
        await expect(.unsupported) {
            try await column(ParquetColumn("d", fixedLength: 9, decimal), .bytes(large), .float64)
        }
    }

    @Test func floatsAreDoubles() async throws {
        #expect(
            try await column(ParquetColumn("f", .float), .float([1.5, -0.1]), .float64)
                == .float64([1.5, Double(Float(-0.1))]))
        let halves = BytesColumn([
            [0x00, 0x3c], [0x00, 0xc0], [0x01, 0x00], [0xff, 0x7b], [0x00, 0x7c], [0x00, 0xfc],
        ])
        #expect(
            try await column(ParquetColumn("h", fixedLength: 2, .float16), .bytes(halves), .float64)
                == .float64([1, -2, 0x1p-24, 65504, .infinity, -.infinity]))
    }

    @Test func anotherTypeIsTheCallersMistake() async {
        await expect(.misuse) { try await column(ParquetColumn("f", .float), .float([1]), .int64) }
        await expect(.misuse) { try await column(ParquetColumn("f", .boolean), .boolean([true]), .float64) }
        await expect(.misuse) {
            try await column(ParquetColumn("d", .int64, .decimal(precision: 3, scale: 0)), .int64([1]), .timestamp)
        }
    }
}
