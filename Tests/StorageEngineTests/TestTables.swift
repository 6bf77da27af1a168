import Columnar
import ManifestLog
import Parquet
import Platform
import StorageEngine

/// Rows as the log encodes them: a file layout with nothing to go wrong, so that these tests are about the engine.
struct LogRowsLayout: FileLayout {
    struct Writer: TableFileWriter {
        var rows: RecordBatchBuilder
        mutating func append(_ batch: RecordBatch) { rows.append(batch, 0..<batch.rowCount) }
        mutating func finish() -> Bytes { RowEncoding.encode(rows.finish()) }
    }

    struct Reader: TableFileReader {
        let batch: RecordBatch
        var rowCount: UInt64 { UInt64(batch.rowCount) }
        func cursor(_ scan: FileScan) -> any BatchCursor { Cursor(batch, scan) }
    }

    final class Cursor: BatchCursor {
        private var rest: RecordBatch
        init(_ batch: RecordBatch, _ scan: FileScan) {
            var wanted = RecordBatchBuilder(batch.schema)
            for row in 0..<batch.rowCount {
                if let keys = scan.keys, let column = scan.selectionColumn,
                    !keys.contains(batch.columns[column].int64s[row])
                {
                    continue
                }
                if let times = scan.times, let column = batch.schema.timeColumn,
                    !times.contains(batch.columns[column].int64s[row])
                {
                    continue
                }
                wanted.append(batch, row..<row + 1)
            }
            rest = wanted.finish()
        }
        /// Three rows at a time: batch borders fall everywhere.
        func next() async throws -> RecordBatch? {
            guard !rest.isEmpty else { return nil }
            let first = rest.slice(0..<min(3, rest.rowCount))
            rest = rest.slice(first.rowCount..<rest.rowCount)
            return first
        }
    }

    func makeWriter(_ context: FileContext) -> any TableFileWriter { Writer(rows: RecordBatchBuilder(context.schema)) }

    func open(_ source: any ByteSource, name: String, schema: Schema) async throws(StorageError)
        -> any TableFileReader
    {
        do {
            return Reader(batch: try RowEncoding.decode(try await source.read(0..<source.size), as: schema))
        } catch { throw StorageError(.damaged, "\(name): \(error)") }
    }
}

enum TestTables {
    static let samples = TableDefinition(
        number: 1, name: "samples",
        schema: Schema(
            [.init("id", .int64), .init("time", .timestamp), .init("value", .float64)], keyCount: 2, timeColumn: 1),
        segmentLength: 1_000, selectionColumn: 0, layout: LogRowsLayout())
    static let notes = TableDefinition(
        number: 2, name: "notes",
        schema: Schema([.init("name", .text), .init("text", .bytes, isNullable: true)], keyCount: 1, timeColumn: nil),
        segmentLength: nil, selectionColumn: nil, layout: LogRowsLayout())

    /// The samples as the plain layout has them, with small row groups and pages.
    static func plainSamples(rowGroupRows: Int = 64, pageRows: Int = 8) -> TableDefinition {
        var options = PlainLayout.Options()
        options.rowGroupRows = rowGroupRows
        options.pageRows = pageRows
        var table = samples
        table.layout = PlainLayout(options: options)
        return table
    }

    static func sampleRows(_ rows: [(id: Int64, time: Int64, value: Double)]) -> TableRows {
        TableRows(
            table: 1,
            batch: RecordBatch(
                trusted: samples.schema,
                [.int64(rows.map(\.id)), .int64(rows.map(\.time)), .float64(rows.map(\.value))]))
    }

    static func noteRows(_ rows: [(name: String, text: String?)]) -> TableRows {
        TableRows(
            table: 2,
            batch: RecordBatch(
                trusted: notes.schema,
                [
                    .bytes(BytesColumn(rows.map { Array($0.name.utf8) })),
                    Column(
                        .bytes(BytesColumn(rows.map { Array(($0.text ?? "").utf8) })),
                        validity: rows.map { $0.text != nil }),
                ]))
    }
}

struct SampleKey: Hashable {
    let id: Int64
    let time: Int64
}

extension Snapshot {
    /// Everything in the samples table, in scan order; a key that comes twice is a failure of the caller's comparison.
    func allSamples(times: ClosedRange<Int64>? = nil, keys: [Int64]? = nil) async throws -> [(SampleKey, Double)] {
        var found: [(SampleKey, Double)] = []
        for segment in segments(of: 1, overlapping: times ?? Int64.min...Int64.max) {
            let scan = scan(ScanRequest(table: 1, segment: segment, times: times, keys: keys))
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    let key = SampleKey(id: batch.columns[0].int64s[row], time: batch.columns[1].int64s[row])
                    found.append((key, batch.columns[2].float64s[row]))
                }
            }
        }
        return found
    }

    func allNotes() async throws -> [String: String?] {
        var found: [String: String?] = [:]
        for segment in segments(of: 2, overlapping: Int64.min...Int64.max) {
            let scan = scan(ScanRequest(table: 2, segment: segment))
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    let isThere = batch.columns[1].validity?[row] ?? true
                    found[String(decoding: batch.columns[0].byteStrings[row], as: UTF8.self)] =
                        .some(isThere ? String(decoding: batch.columns[1].byteStrings[row], as: UTF8.self) : nil)
                }
            }
        }
        return found
    }
}
