import Columnar
import Platform
import StorageEngine
import Testing

/// Rows in the log: golden bytes, round trips, and bytes that lie.
@Suite struct RowEncodingTests {
    static let schema = Schema(
        [
            .init("id", .int64), .init("time", .timestamp), .init("value", .float64), .init("name", .text),
            .init("flag", .bool), .init("note", .bytes, isNullable: true),
        ], keyCount: 2, timeColumn: 1)

    static func batch(_ count: Int, _ random: inout SeededGenerator) -> RecordBatch {
        let spread = [Int64(0), 200, 60_000, 1 << 31, .max].randomElement(using: &random) ?? 0
        let base = Int64.random(in: -1_000...1_000, using: &random)
        let ids = (0..<count).map { _ in
            spread == .max
                ? Int64.random(in: .min ... .max, using: &random) : base + .random(in: 0...spread, using: &random)
        }
        return RecordBatch(
            trusted: schema,
            [
                .int64(ids), .int64(ids.map { $0 &* 3 }),
                .float64(ids.map { Double(bitPattern: UInt64(bitPattern: $0)) }),
                .bytes(BytesColumn(ids.map { Array("n\($0)".utf8) })),
                Column(.bool(ids.map { $0 % 2 == 0 })),
                Column(
                    .bytes(BytesColumn(ids.map { $0 % 3 == 0 ? [] : [UInt8(truncatingIfNeeded: $0)] })),
                    validity: ids.map { $0 % 3 != 0 }),
            ])
    }

    @Test func goldenBytes() {
        let schema = Schema([.init("id", .int64), .init("value", .float64)], keyCount: 1, timeColumn: nil)
        let batch = RecordBatch(trusted: schema, [.int64([5, 6, 5]), .float64([1, 2, 0])])
        let expected: Bytes =
            [1, 3, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0] + [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
            + [0, 0, 0, 0, 0, 0, 0, 0x40] + [0, 0, 0, 0, 0, 0, 0, 0]
        #expect(RowEncoding.encode(batch) == expected)
    }

    @Test(arguments: UInt64(0)..<40)
    func whatGoesInComesOut(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let batch = Self.batch(Int.random(in: 0..<60, using: &random), &random)
        let back = try RowEncoding.decode(RowEncoding.encode(batch), as: Self.schema)
        // Compared through the bytes: NaN values are equal when their bits are.
        #expect(RowEncoding.encode(back) == RowEncoding.encode(batch))
        #expect(back.rowCount == batch.rowCount)
    }

    @Test(arguments: UInt64(0)..<40)
    func liesAreErrorsAndNeverTraps(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = RowEncoding.encode(Self.batch(20, &random))
        for cut in 0..<bytes.count {
            #expect(throws: MalformedBytes.self) {
                try RowEncoding.decode(Array(bytes[..<cut]), as: Self.schema)
            }
        }
        for _ in 0..<500 {
            var changed = bytes
            for _ in 0..<3 {
                changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? RowEncoding.decode(changed, as: Self.schema)
        }
    }
}
