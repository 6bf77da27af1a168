import Columnar
import ManifestLog
import MetricModel
import Parquet
import Platform
import Simulation
import Testing

@testable import MetricEngine
@testable import StorageEngine

/// Samples as a writer gives them, and what must come back.
struct SampleRows: Equatable {
    var ids: [Int64] = []
    var times: [Int64] = []
    var bits: [UInt64] = []

    mutating func append(_ id: Int64, _ time: Int64, _ value: Double) {
        ids.append(id)
        times.append(time)
        bits.append(value.bitPattern)
    }
    mutating func append(_ batch: RecordBatch) {
        ids += batch.columns[0].int64s
        times += batch.columns[1].int64s
        bits += batch.columns[2].float64s.map(\.bitPattern)
    }
    func filtered(_ isWanted: (Int64, Int64) -> Bool) -> SampleRows {
        var result = SampleRows()
        for i in ids.indices where isWanted(ids[i], times[i]) {
            result.append(ids[i], times[i], Double(bitPattern: bits[i]))
        }
        return result
    }
    func batch(_ range: Range<Int>) -> RecordBatch {
        RecordBatch(
            trusted: SamplesTable.schema,
            [
                .int64(Array(ids[range])), .int64(Array(times[range])),
                .float64(bits[range].map { Double(bitPattern: $0) }),
            ])
    }

    /// A file of them, as a flush writes it.
    func flushed(_ layout: SamplesLayout) throws -> Bytes { try file(self, layout, .flush) }

    /// Series of every kind of value and of many lengths.
    static func random(seed: UInt64, series: Int, most: Int) -> SampleRows {
        var random = SeededGenerator(seed: seed)
        var rows = SampleRows()
        var id = SeriesID(metric: 1, series: 0).rawValue
        for _ in 0..<series {
            id += Int64.random(in: 1...3, using: &random)
            if Int.random(in: 0..<5, using: &random) == 0 {
                id = SeriesID(metric: SeriesID(rawValue: id).metric + 1, series: 7).rawValue
            }
            let kind = Int.random(in: 0..<7, using: &random)
            let divisor = [1.0, 10, 100, 1_000][Int.random(in: 0..<4, using: &random)]
            var time = 1_700_000_000_000 + Int64.random(in: 0..<15_000, using: &random)
            var value: Int64 = Int64.random(in: 0..<1_000_000, using: &random)
            for row in 0..<Int.random(in: 1...most, using: &random) {
                time += kind % 2 == 0 ? 15_000 : Int64.random(in: 1...30_000, using: &random)
                value += Int64.random(in: 0...500, using: &random)
                switch kind {
                case 0: rows.append(id, time, 42)
                case 1: rows.append(id, time, Double.random(in: -1...1, using: &random))
                case 2: rows.append(id, time, Double(value * 4_096))
                case 3 where row % 50 == 49: rows.append(id, time, StaleMarker.value)
                case 4 where row % 30 == 0: rows.append(id, time, [.infinity, -.infinity, -0.0, 1 / 3][row % 4])
                default: rows.append(id, time, Double(value) / divisor)
                }
            }
        }
        return rows
    }
}

private func context(_ purpose: FileContext.Purpose) -> FileContext {
    FileContext(
        table: "samples", schema: SamplesTable.schema, updateMode: .overwrite,
        segment: 1_699_920_000_000..<1_700_006_400_000, sequences: SequenceNumber(5)...SequenceNumber(99),
        replaces: [SSTID(claim: .init(1), counter: 2), SSTID(claim: .init(1), counter: 3)], purpose: purpose)
}

private func layout(rowGroupRows: Int = 1 << 20, plainValues: Bool = false) -> SamplesLayout {
    var options = SamplesLayout.Options()
    options.rowGroupRows = rowGroupRows
    options.plainValues = plainValues
    return SamplesLayout(metricName: { "metric_\($0)" }, options: options)
}

private func file(_ rows: SampleRows, _ layout: SamplesLayout, _ purpose: FileContext.Purpose) throws -> Bytes {
    var writer = try layout.makeWriter(context(purpose))
    var start = 0
    while start < rows.ids.count {
        let end = min(start + 7_777, rows.ids.count)
        try writer.append(rows.batch(start..<end))
        start = end
    }
    return try writer.finish()
}

private func open(_ bytes: Bytes, _ layout: SamplesLayout) async throws -> any TableFileReader {
    try await layout.open(MemoryByteSource(bytes), name: "samples.parquet", schema: SamplesTable.schema)
}

private func read(_ reader: any TableFileReader, _ scan: FileScan) async throws -> SampleRows {
    let cursor = reader.cursor(scan)
    var rows = SampleRows()
    while let batch = try await cursor.next() {
        #expect(!batch.isEmpty && batch.rowCount <= 131_072)
        rows.append(batch)
    }
    return rows
}

/// The same by runs, as queries read.
private func readRuns(_ reader: any TableFileReader, _ scan: FileScan) async throws -> SampleRows {
    let cursor = try #require(reader.cursor(scan) as? SamplesCursor)
    var rows = SampleRows()
    while let runs = try await cursor.nextRuns() {
        #expect(!runs.isEmpty)
        for run in runs {
            #expect(run.times.count == run.values.count && !run.times.isEmpty)
            for (time, value) in zip(run.times, run.values.decoded) { rows.append(run.id, time, value) }
            // Any part of it is the part of the whole.
            let some = run.times.count / 3..<run.times.count - run.times.count / 4
            #expect(run.values.decoded(some).map(\.bitPattern) == run.values.decoded[some].map(\.bitPattern))
        }
    }
    return rows
}

@Suite struct SamplesLayoutTests {
    @Test(arguments: UInt64(0)..<6) func allRowsComeBackBitForBit(seed: UInt64) async throws {
        let rows = SampleRows.random(seed: seed, series: seed % 2 == 0 ? 30 : 800, most: seed % 2 == 0 ? 3_000 : 40)
        for purpose in [FileContext.Purpose.flush, .compaction] {
            let layout = layout(rowGroupRows: seed < 3 ? 1 << 20 : 9_000, plainValues: seed == 5)
            let reader = try await open(try file(rows, layout, purpose), layout)
            #expect(reader.rowCount == UInt64(rows.ids.count))
            #expect(try await read(reader, FileScan()) == rows, "seed \(seed)")
            for _ in 0..<2 { #expect(try await readRuns(reader, FileScan()) == rows, "seed \(seed)") }
        }
    }

    @Test(arguments: UInt64(10)..<14) func scansGiveExactlyWhatWasAskedFor(seed: UInt64) async throws {
        let rows = SampleRows.random(seed: seed, series: 60, most: 1_500)
        let layout = layout(rowGroupRows: seed % 2 == 0 ? 12_000 : 1 << 20)
        let reader = try await open(try file(rows, layout, .compaction), layout)
        var random = SeededGenerator(seed: seed)
        let ids = Array(Set(rows.ids)).sorted()
        let first = rows.times.min() ?? 0
        let last = rows.times.max() ?? 0
        for _ in 0..<25 {
            var keys: [Int64]?
            if Bool.random(using: &random) {
                let count = Int.random(in: 0...12, using: &random)
                var chosen = Set((0..<count).map { _ in ids[Int.random(in: ids.indices, using: &random)] })
                chosen.insert(Int64.random(in: 0...(ids[0] + 100), using: &random))
                keys = chosen.sorted()
                if count == 12 { keys = Array(ids[0] - 3...ids[0] + 500) }
            }
            var times: ClosedRange<Int64>?
            if Bool.random(using: &random) {
                let from = Int64.random(in: first - 1_000...last + 1_000, using: &random)
                times = from...from + Int64.random(in: 0...(last - first) / 3, using: &random)
            }
            let found = try await read(reader, FileScan(keys: keys, selectionColumn: 0, times: times))
            let wanted = keys.map(Set.init)
            let expected = rows.filtered { id, time in
                (wanted?.contains(id) ?? true) && (times?.contains(time) ?? true)
            }
            try #require(
                found == expected, "seed \(seed), keys \(keys?.count ?? -1), times \(String(describing: times))")
            let runs = try await readRuns(reader, FileScan(keys: keys, selectionColumn: 0, times: times))
            try #require(
                runs == expected, "seed \(seed), keys \(keys?.count ?? -1), times \(String(describing: times))")
        }
    }

    @Test func aSeriesLongerThanARowGroupIsWhole() async throws {
        var rows = SampleRows()
        for i in 0..<50_000 { rows.append(5 << 39, 1_700_000_000_000 + Int64(i) * 1_000, Double(i) / 10) }
        rows.append(5 << 39 | 1, 1_700_000_000_000, 1)
        let layout = layout(rowGroupRows: 20_000)
        let bytes = try file(rows, layout, .flush)
        let reader = try await open(bytes, layout)
        #expect(try await read(reader, FileScan()) == rows)
        let parquet = try await ParquetFile.open(name: "f", source: MemoryByteSource(bytes))
        #expect(parquet.metadata.rowGroups.map(\.rowCount) == [20_000, 20_000, 10_001])
    }

    @Test func theFileSaysEnoughToMakeTheManifestAgain() async throws {
        var rows = SampleRows()
        for i in 0..<10 { rows.append(3 << 39 | Int64(i), 1_700_000_000_000 + Int64(i), 0.25) }
        let bytes = try file(rows, layout(), .flush)
        let parquet = try await ParquetFile.open(name: "f", source: MemoryByteSource(bytes))
        let said = [
            "varve.table": "samples", "varve.format": "1", "varve.segment_start": "1699920000000",
            "varve.segment_end": "1700006400000", "varve.min_time": "1700000000000",
            "varve.max_time": "1700000000009", "varve.min_id": String(3 << 39), "varve.max_id": String(3 << 39 | 9),
            "varve.seq_min": "5", "varve.seq_max": "99", "varve.replaces": "1-2,1-3", "varve.update_mode": "overwrite",
            "varve.value": "coalesce(value_float, value_int / value_divisor)",
        ]
        for (key, value) in said { #expect(parquet.metadata.value(for: key) == value, "\(key)") }
        #expect(parquet.metadata.rowGroups[0].sortingColumns.map(\.column) == [1, 3])
        let metric = try await parquet.read(PageRequest(rowGroup: 0, column: 0))
        #expect(try metric.byteStrings()[9] == Array("metric_3".utf8)[...])
    }

    @Test func readingAWholeFileTeachesItsMetrics() async throws {
        let rows = SampleRows.random(seed: 3, series: 50, most: 20)
        let bytes = try file(rows, layout(rowGroupRows: 200), .flush)
        let names = MetricNames()
        let reading = SamplesLayout(metricName: { names.name(of: $0) }, learnMetricName: { names.learn($0, $1) })
        let reader = try await open(bytes, reading)
        // Before: the name is not known, so the file is not written.
        #expect(throws: StorageError.self) { try file(rows, reading, .compaction) }
        #expect(try await read(reader, FileScan()) == rows)
        for metric in Set(rows.ids.map { $0 >> 39 }) { #expect(names.name(of: metric) == "metric_\(metric)") }
        _ = try file(rows, reading, .compaction)
    }

    @Test func filesOfOthersAreRefused() async throws {
        var writer = ParquetFileWriter(
            schema: ParquetSchema([ParquetColumn("x", .int64)]), createdBy: "test", sortingColumns: [])
        let bytes = try writer.finish(keyValueMetadata: [])
        await #expect(throws: StorageError.self) { _ = try await open(bytes, layout()) }
        await #expect(throws: StorageError.self) { _ = try await open([1, 2, 3], layout()) }
        let wrong = Schema([.init("a", .text)], keyCount: 1, timeColumn: nil)
        await #expect(throws: StorageError.self) {
            _ = try await layout().open(MemoryByteSource(bytes), name: "f", schema: wrong)
        }
    }

    /// Every byte of a small file: refused with the file's name, or the answer is the same.
    @Test(arguments: [false, true]) func everyFlippedByteIsRefusedOrChangesNothing(plainValues: Bool) async throws {
        let rows = SampleRows.random(seed: 20, series: 6, most: 12)
        let layout = layout(rowGroupRows: 30, plainValues: plainValues)
        let good = try file(rows, layout, .compaction)
        let problems = await FlippedBytes.problems(of: good, name: "samples.parquet") { damaged in
            try await read(try await open(damaged, layout), FileScan()) == rows
        } refusal: { error in
            (error as? StorageError).flatMap { [.damaged, .foreign].contains($0.kind) ? $0.text : nil }
        }
        #expect(problems == [])
    }

    /// The same of larger files, at places from a seed.
    @Test(arguments: UInt64(20)..<24) func aFlippedByteIsAnErrorOrHarmless(seed: UInt64) async throws {
        let rows = SampleRows.random(seed: seed, series: 12, most: 60)
        let layout = layout(rowGroupRows: 300)
        let good = try file(rows, layout, .compaction)
        var random = SeededGenerator(seed: seed)
        var errors = 0
        for _ in 0..<150 {
            var bytes = good
            bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            do {
                let found = try await read(try await open(bytes, layout), FileScan())
                try #require(found == rows, "seed \(seed)")
            } catch let error as StorageError {
                #expect(error.kind == .damaged || error.kind == .foreign, "\(error)")
                errors += 1
            }
        }
        #expect(errors > 50)
    }
}
