import Columnar
import ManifestLog
import MetricModel
import Parquet
import Platform
import Simulation
import Testing

@testable import MetricEngine
@testable import StorageEngine

@Suite struct SeriesLayoutTests {
    static let segment: Int64 = 86_400_000 * 3

    static func context() -> FileContext {
        FileContext(
            table: "series", schema: SeriesTable.schema, updateMode: .overwrite,
            segment: segment..<segment + 86_400_000,
            sequences: SequenceNumber(7)...SequenceNumber(90), replaces: [], purpose: .flush)
    }

    /// Rows of series with all kinds of labels: clashing, rare, long.
    static func rows(_ count: Int, _ random: inout SeededGenerator) throws -> RecordBatch {
        var ids: [Int64] = []
        var metrics = BytesColumn()
        var labels = BytesColumn()
        var id: Int64 = 1 << 39
        for row in 0..<count {
            id += Int64.random(in: 1...3, using: &random)
            ids.append(id)
            metrics.append(Array("metric_\(row / 50)".utf8))
            var set: [(String, String)] = [("instance", "host-\(row)"), ("job", "node")]
            if Bool.random(using: &random) { set.append(("Job", "é")) }
            if Bool.random(using: &random) { set.append(("metric", "clash")) }
            if Bool.random(using: &random) { set.append(("labels_other", "clash")) }
            if Bool.random(using: &random) { set.append(("zone", "z\(row % 3)")) }
            if Int.random(in: 0..<10, using: &random) == 0 {
                set.append(("rare_\(row % 40)", String(repeating: "x", count: 200)))
            }
            if Int.random(in: 0..<10, using: &random) == 0 { set = [] }
            let sorted = set.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
            var bytes: [UInt8] = []
            for (name, value) in sorted {
                LabelEncoding.append(name: Array(name.utf8)[...], value: Array(value.utf8)[...], to: &bytes)
            }
            labels.append(bytes)
        }
        return try RecordBatch(
            SeriesTable.schema,
            [.int64(Array(repeating: segment, count: count)), .int64(ids), .bytes(metrics), .bytes(labels)])
    }

    static func file(_ batches: [RecordBatch], _ options: SeriesLayout.Options) throws -> [UInt8] {
        var writer = try SeriesLayout(options: options).makeWriter(context())
        for batch in batches { try writer.append(batch) }
        return try writer.finish()
    }

    static func read(_ bytes: [UInt8], _ scan: FileScan) async throws -> RecordBatch {
        let reader = try await SeriesLayout().open(
            MemoryByteSource(bytes), name: "series/1", schema: SeriesTable.schema)
        let cursor = reader.cursor(scan)
        var builder = RecordBatchBuilder(SeriesTable.schema)
        while let batch = try await cursor.next() { builder.append(batch, 0..<batch.rowCount) }
        return builder.finish()
    }

    @Test(arguments: UInt64(0)..<6)
    func labelsComeBackByteForByte(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var options = SeriesLayout.Options()
        options.rowGroupRows = Int.random(in: 50...700, using: &random)
        options.pageRows = Int.random(in: 10...200, using: &random)
        options.labelColumns = Int.random(in: 0...20, using: &random)
        let all = try Self.rows(Int.random(in: 1...1500, using: &random), &random)
        let bytes = try Self.file([all], options)
        #expect(try await Self.read(bytes, FileScan()) == all, "seed \(seed)")
        #expect(try await ParquetVerify.verify(name: "series/1", source: MemoryByteSource(bytes)).problems == [])

        let ids = all.columns[1].int64s
        let some = ids.filter { _ in Int.random(in: 0..<40, using: &random) == 0 }
        var expected = RecordBatchBuilder(SeriesTable.schema)
        for row in 0..<all.rowCount where some.contains(ids[row]) { expected.append(all, row..<row + 1) }
        let found = try await Self.read(bytes, FileScan(keys: [0] + some, selectionColumn: 1, times: 0...Self.segment))
        #expect(found == expected.finish(), "seed \(seed)")
        #expect(try await Self.read(bytes, FileScan(times: 0...Self.segment - 1)).isEmpty)
    }

    @Test func theCommonestKeysThatDoNotClashBecomeColumns() {
        func key(_ text: String) -> [UInt8] { Array(text.utf8) }
        let counts = [
            key("job"): 9, key("Job"): 10, key("seq"): 50, key("SERIES_ID"): 50, key("b"): 3, key("a"): 3, key("c"): 2,
            [0xff]: 99, key("labels_other"): 99,
        ]
        #expect(SeriesLabelColumns(choosingFrom: counts, most: 3).texts == ["Job", "a", "b"])
        #expect(SeriesLabelColumns(choosingFrom: counts, most: 200).texts == ["Job", "a", "b", "c"])
        #expect(SeriesLabelColumns(choosingFrom: [:], most: 3).texts == [])
    }

    /// Every byte of a small file: refused with the file's name, or the answer is the same.
    @Test func everyFlippedByteIsRefusedOrChangesNothing() async throws {
        var random = SeededGenerator(seed: 3)
        var options = SeriesLayout.Options()
        options.rowGroupRows = 10
        options.labelColumns = 4
        let rows = try Self.rows(16, &random)
        let bytes = try Self.file([rows], options)
        // The column seq is not read.
        let problems = await FlippedBytes.problems(of: bytes, name: "series/1") { damaged in
            try await Self.read(damaged, FileScan()) == rows
        } refusal: { error in
            (error as? StorageError).flatMap { [.damaged, .foreign].contains($0.kind) ? $0.text : nil }
        }
        #expect(problems == [])
    }
}
