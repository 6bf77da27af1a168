import Columnar
import Platform
import Testing

@testable import StorageEngine

/// What a flush writes of chunks in memory, against a sort of all their rows.
@Suite struct MemChunkMergeTests {
    private static let schema = Schema(
        [
            .init("id", .int64), .init("time", .timestamp), .init("value", .float64),
            .init("note", .text, isNullable: true), .init("name", .bytes), .init("flag", .bool),
        ],
        keyCount: 2, timeColumn: 1)

    private struct Row: Equatable {
        var id: Int64
        var time: Int64
        var value: Double
        var note: [UInt8]?
        var name: [UInt8] { Array("\(value)".utf8.prefix(Int(time % 7))) }
        var flag: Bool { Int(value) % 3 == 0 }
    }

    private static func chunk(_ rows: [Row], isPacked: Bool) -> MemPartView.Piece {
        let packing = isPacked ? IntegerPacking(base: 0, covering: 0xffff) : nil
        let chunk = MemChunk(
            schema: schema, capacity: max(rows.count, 1), arenaCapacity: 1 << 20,
            packings: [packing, packing, nil, nil, nil, nil])
        let batch = RecordBatch(
            trusted: schema,
            [
                Column(.int64(rows.map(\.id))), Column(.int64(rows.map(\.time))), Column(.float64(rows.map(\.value))),
                Column(.bytes(BytesColumn(rows.map { $0.note ?? [] })), validity: rows.map { $0.note != nil }),
                Column(.bytes(BytesColumn(rows.map(\.name)))), Column(.bool(rows.map(\.flag))),
            ])
        #expect(chunk.append(batch, 0..<rows.count) == rows.count)
        return .init(chunk: chunk, rows: rows.count)
    }

    private static func rows(of batch: RecordBatch) -> [Row] {
        guard case .bool(let flags) = batch.columns[5].values else { return [] }
        return (0..<batch.rowCount).map { i in
            let isNull = batch.columns[3].validity.map { !$0[i] } ?? false
            let row = Row(
                id: batch.columns[0].int64s[i], time: batch.columns[1].int64s[i], value: batch.columns[2].float64s[i],
                note: isNull ? nil : Array(batch.columns[3].byteStrings[i]))
            #expect(Array(batch.columns[4].byteStrings[i]) == row.name)
            #expect(flags[i] == row.flag)
            return row
        }
    }

    /// From chunks that follow one another to ones that overlap and repeat keys, within a chunk and across.
    @Test(arguments: UInt64(0)..<120) func aFlushIsAllRowsSortedTheNewestOfAKey(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let ids = Int64.random(in: 1...40, using: &random)
        let spread = Int64.random(in: 0...30, using: &random)
        var written: [[Row]] = []
        for c in 0..<Int.random(in: 1...12, using: &random) {
            written.append(
                (0..<Int.random(in: 0...300, using: &random)).map { i in
                    Row(
                        id: Int64.random(in: 0..<ids, using: &random),
                        time: max(0, Int64(c * 300 + i) / 4 + Int64.random(in: -spread...spread, using: &random)),
                        value: Double(c * 1_000 + i),
                        note: i % 3 == 0 ? nil : Array("\(c).\(i)".utf8))
                })
        }
        for mode in [UpdateMode.overwrite, .append] {
            let pieces = written.enumerated().map { Self.chunk($1, isPacked: ($0 + Int(seed)) % 3 > 0) }
            let merge = try #require(MemChunkMerge(pieces, schema: Self.schema, mode: mode))
            var found: [Row] = []
            while let batch = try await merge.next() { found += Self.rows(of: batch) }
            let all = written.joined().enumerated().sorted { a, b in
                (a.element.id, a.element.time, a.offset) < (b.element.id, b.element.time, b.offset)
            }.map(\.element)
            let expected =
                mode == .append
                ? all
                : all.indices.filter {
                    $0 + 1 == all.count || (all[$0].id, all[$0].time) != (all[$0 + 1].id, all[$0 + 1].time)
                }.map { all[$0] }
            #expect(found == expected, "seed \(seed), \(mode)")
            #expect(merge.duplicates == all.count - expected.count)
        }
    }

    @Test func aBatchHasFewRowsAndNeverHalfAKey() async throws {
        let rows = (0..<100_000).map { Row(id: 7, time: Int64($0 / 50_000), value: Double($0), note: nil) }
        let late = (0..<50_000).map { Row(id: 9, time: Int64($0), value: Double($0), note: nil) }
        let merge = try #require(
            MemChunkMerge(
                [Self.chunk(rows, isPacked: true), Self.chunk(late, isPacked: false)], schema: Self.schema,
                mode: .overwrite))
        var found: [Row] = []
        while let batch = try await merge.next() {
            #expect(batch.rowCount <= MemChunkMerge.targetRows * 2)
            found += Self.rows(of: batch)
        }
        #expect(found == [rows[49_999], rows[99_999]] + late)
    }

    @Test func otherKeysAndModesThatCombineGoTheGeneralWay() {
        let other = Schema([.init("name", .text), .init("time", .timestamp)], keyCount: 2, timeColumn: 1)
        #expect(MemChunkMerge([], schema: other, mode: .overwrite) == nil)
        #expect(MemChunkMerge([], schema: Self.schema, mode: .bytesAppend) == nil)
    }
}
