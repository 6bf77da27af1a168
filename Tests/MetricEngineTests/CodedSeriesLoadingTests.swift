import Columnar
import MetricModel
import Parquet
import Platform
import StorageEngine
import Testing

@testable import MetricEngine

/// A start reads series by the codes of their file: what is known afterwards is what the rows say, one by one.
@Suite struct CodedSeriesLoadingTests {
    /// Series one in twenty of which has a label that can have no column.
    private static func rows(_ count: Int, firstID: Int64, _ random: inout SeededGenerator) throws -> RecordBatch {
        var (metrics, labels) = (BytesColumn(), BytesColumn())
        let ids = (0..<Int64(count)).map { firstID + $0 * 2 }
        for row in 0..<count {
            metrics.append(Array("metric_\(row / 50)".utf8))
            var pairs = [("instance", "host-\(row)"), ("job", "node\(row % 2)")]
            if Bool.random(using: &random) { pairs.append(("zone", "z\(row % 3)")) }
            if Int.random(in: 0..<20, using: &random) == 0 { pairs.append(("labels_other", "clash")) }
            labels.append(LabelEncoding.encode(Labels(pairs)))
        }
        return try RecordBatch(
            SeriesTable.schema,
            [
                .int64(Array(repeating: SeriesLayoutTests.segment, count: count)), .int64(ids), .bytes(metrics),
                .bytes(labels),
            ])
    }

    @Test(arguments: UInt64(0)..<12) func codesSayWhatTheRowsSay(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var options = SeriesLayout.Options()
        options.rowGroupRows = Int.random(in: 100...900, using: &random)
        options.pageRows = Int.random(in: 5...40, using: &random)
        options.labelColumns = Int.random(in: 0...30, using: &random)
        let hash = KeyedHash128(random: SeededRandomSource(seed: seed))
        var coded = RegistryState(hash: hash)
        var plain = RegistryState(hash: hash)
        let names = MetricNames()
        // Two files: the second finds much of the first.
        for file in 0..<2 {
            let count = Int.random(in: 500...1_500, using: &random)
            let first = Int64(1) << 39 + Int64.random(in: 0...1, using: &random) + Int64(file)
            let all =
                seed % 2 == 0
                ? try SeriesLayoutTests.rows(count, &random) : try Self.rows(count, firstID: first, &random)
            let bytes = try SeriesLayoutTests.file([all], options)
            let opened = try await SeriesLayout().open(
                MemoryByteSource(bytes), name: "series/1", schema: SeriesTable.schema)
            let reader = try #require(opened as? SeriesFileReader)
            coded.reserve(all.rowCount)
            // Small steps: a row group has some with labels that have no column, and some without.
            var scan = FileScan()
            scan.stepRows = 5
            let cursor = SeriesCursor(reader, scan)
            var loading = CodedSeriesLoading()
            var ordinals: [UInt32] = []
            var kinds: Set<Bool> = []
            while let rows = try await cursor.nextCoded() {
                kinds.insert(rows.hasOtherLabels)
                ordinals += try loading.insert(rows, into: &coded, names: names)
            }
            let rows = try SeriesRows(all)
            #expect(ordinals.count == rows.count)
            for row in 0..<rows.count {
                let expected = rows.metrics[row].withUnsafeBytes { metric in
                    rows.labels[row].withUnsafeBytes {
                        plain.insert(metric: metric, labels: $0, id: rows.ids[row], names: names)
                    }
                }
                #expect(ordinals[row] == expected, "seed \(seed), row \(row)")
                #expect(coded.ordinal(of: rows.ids[row]) == plain.ordinal(of: rows.ids[row]))
            }
            if seed % 2 == 1 && options.labelColumns > 3 { #expect(kinds.count == 2, "seed \(seed)") }
        }
        #expect(coded.index.count == plain.index.count && coded.numbers == plain.numbers)
        #expect(coded.extraIDs == plain.extraIDs)
        let (a, b) = (coded.index.view(), plain.index.view())
        for ordinal in 0..<UInt32(plain.index.count) {
            #expect(a.canonicalLabels(of: ordinal) == b.canonicalLabels(of: ordinal))
            #expect(Array(a.metric(of: ordinal)) == Array(b.metric(of: ordinal)))
        }
    }

    @Test(arguments: [([], "value"), ([0xff], "UTF-8")] as [([UInt8], String)])
    func valuesThatNobodyWritesAreRefused(value: [UInt8], named: String) throws {
        var dictionary = BytesColumn()
        dictionary.append(value)
        let rows = CodedSeriesRows(
            ids: [5], metrics: BytesColumn([Array("up".utf8)]),
            labels: [.init(name: Array("job".utf8), dictionary: dictionary, codes: [0])], others: StringMaps(),
            startsDictionaries: true)
        var state = RegistryState(hash: KeyedHash128(random: SeededRandomSource(seed: 1)))
        var loading = CodedSeriesLoading()
        let error = #expect(throws: StorageError.self) {
            try loading.insert(rows, into: &state, names: MetricNames())
        }
        #expect(error?.kind == .damaged && error?.text.contains(named) == true)
    }
}
