import Columnar
import Platform
import Testing

@testable import StorageEngine

/// Rows of a chunk handed on key by key: as the rows that the same scan copies, time and again, and while the chunk grows.
@Suite struct MemChunkKeysTests {
    private static let schema = Schema(
        [.init("id", .int64), .init("time", .timestamp), .init("value", .float64)], keyCount: 2,
        timeColumn: 1)

    @Test(arguments: UInt64(0)..<30) func keysHaveTheirRowsInOrderOfTime(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let packings =
            seed % 2 == 0
            ? nil
            : [IntegerPacking(base: 0, covering: 0xffff), IntegerPacking(base: 0, covering: 0xffff), nil]
        let chunk = MemChunk(schema: Self.schema, capacity: 600, arenaCapacity: 0, packings: packings)
        var rows: [(id: Int64, time: Int64, value: Double)] = []
        for round in 0..<6 {
            let count = Int.random(in: 20...100, using: &random)
            // Every third seed repeats keys and times.
            let times: Int64 = seed % 3 == 0 ? 40 : 60_000
            let new = (0..<count).map { i in
                (
                    id: Int64.random(in: 1...9, using: &random) * 10,
                    time: Int64.random(in: 0..<times, using: &random),
                    value: Double(rows.count + i)
                )
            }
            let batch = RecordBatch(
                trusted: Self.schema,
                [.int64(new.map(\.id)), .int64(new.map(\.time)), .float64(new.map(\.value))])
            #expect(chunk.append(batch, 0..<count) == count)
            rows += new
            for again in 0..<4 {
                let wanted: [Int64]? =
                    again == 0
                    ? nil : (0..<Int.random(in: 0...6, using: &random)).map { Int64($0) * Int64(again) * 5 }
                let first = Int64.random(in: 0..<times, using: &random)
                let bounds = again % 2 == 0 ? nil : first...first + times / 2
                let scan = FileScan(keys: wanted, selectionColumn: 0, times: bounds)
                var newest: [Int64: [Int64: Double]] = [:]
                for row in rows where wanted?.contains(row.id) ?? true && bounds?.contains(row.time) ?? true {
                    newest[row.id, default: [:]][row.time] = row.value
                }
                var found: [Int64] = []
                let looked = chunk.forEachKey(rows.count, scan) { id, times, values in
                    found.append(id)
                    #expect(times.count == values.count)
                    let expected = (newest[id] ?? [:]).sorted { $0.key < $1.key }
                    #expect(Array(times) == expected.map(\.key), "seed \(seed), round \(round)")
                    #expect(Array(values) == expected.map(\.value), "seed \(seed), round \(round)")
                }
                // With few rows a key it does not know where they stand.
                if looked != nil {
                    #expect(found == newest.keys.sorted())
                } else {
                    #expect(rows.count < 36)
                }
            }
        }
    }
}
