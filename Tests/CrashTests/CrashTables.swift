import Columnar
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
        /// Only whole scans are made here.
        func cursor(_ scan: FileScan) -> any BatchCursor { Cursor(batch) }
    }

    final class Cursor: BatchCursor {
        private var rest: RecordBatch
        init(_ batch: RecordBatch) { rest = batch }
        /// Seven rows at a time: batch borders fall everywhere.
        func next() async throws -> RecordBatch? {
            guard !rest.isEmpty else { return nil }
            let first = rest.slice(0..<min(7, rest.rowCount))
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
        } catch let error as MalformedBytes {
            throw StorageError(.damaged, "\(name): \(error)")
        } catch { throw StorageError(wrapping: error) }
    }
}

/// Two tables: one in time segments, one without time.
enum CrashTables {
    static let samples = TableDefinition(
        number: 1, name: "samples",
        schema: Schema(
            [.init("id", .int64), .init("time", .timestamp), .init("value", .float64)], keyCount: 2, timeColumn: 1),
        segmentLength: 1_000, selectionColumn: 0, layout: LogRowsLayout())
    static let notes = TableDefinition(
        number: 2, name: "notes",
        schema: Schema([.init("name", .text), .init("text", .bytes, isNullable: true)], keyCount: 1, timeColumn: nil),
        segmentLength: nil, selectionColumn: nil, layout: LogRowsLayout())
}

struct SampleKey: Hashable, Comparable {
    let id: Int64
    let time: Int64
    static func < (a: Self, b: Self) -> Bool { (a.id, a.time) < (b.id, b.time) }
}

/// One write to both tables. Its number is in both as a row of its own that nobody overwrites.
struct NumberedWrite: Sendable {
    let number: Int
    var samples: [(key: SampleKey, value: Double)] = []
    var notes: [(name: String, text: String?)] = []

    static let firstMarker: Int64 = 1_000_000

    /// A few rows in several segments; keys come again in other writes.
    init(number: Int, _ random: inout SeededGenerator) {
        self.number = number
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let key = SampleKey(
                id: Int64.random(in: 0..<5, using: &random), time: Int64.random(in: -900..<2_000, using: &random) / 300)
            samples.append((SampleKey(id: key.id, time: key.time * 300), .random(in: 0..<1, using: &random)))
        }
        samples.append((SampleKey(id: Self.firstMarker + Int64(number), time: 0), Double(number)))
        if Int.random(in: 0..<4, using: &random) > 0 {
            // Long enough now and then that the log needs another segment soon.
            let length = [3, 600, 1_500].randomElement(using: &random) ?? 3
            let text = Int.random(in: 0..<4, using: &random) > 0 ? String(repeating: "\(number) ", count: length) : nil
            notes.append(("n\(Int.random(in: 0..<4, using: &random))", text))
        }
        notes.append(("write \(number)", nil))
    }

    var batch: WriteBatch {
        WriteBatch([
            TableRows(
                table: 1,
                batch: RecordBatch(
                    trusted: CrashTables.samples.schema,
                    [
                        .int64(samples.map(\.key.id)), .int64(samples.map(\.key.time)), .float64(samples.map(\.value)),
                    ])),
            TableRows(
                table: 2,
                batch: RecordBatch(
                    trusted: CrashTables.notes.schema,
                    [
                        .bytes(BytesColumn(notes.map { Array($0.name.utf8) })),
                        Column(
                            .bytes(BytesColumn(notes.map { Array(($0.text ?? "").utf8) })),
                            validity: notes.map { $0.text != nil }),
                    ])),
        ])
    }
}

/// Everything that a snapshot holds, by whole scans.
struct Contents: Equatable {
    /// Bits of the values.
    var samples: [SampleKey: UInt64] = [:]
    var notes: [String: String?] = [:]
    /// Keys that a scan gave twice, or out of order.
    var oddities: [String] = []

    init() {}

    init(of snapshot: Snapshot) async throws {
        for segment in snapshot.segments(of: 1, overlapping: .min ... .max) {
            let scan = snapshot.scan(ScanRequest(table: 1, segment: segment))
            var last: SampleKey?
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    let key = SampleKey(id: batch.columns[0].int64s[row], time: batch.columns[1].int64s[row])
                    if let last, key <= last { oddities.append("sample \(key) after \(last)") }
                    if !segment.contains(key.time) { oddities.append("sample \(key) in segment \(segment)") }
                    last = key
                    let bits = batch.columns[2].float64s[row].bitPattern
                    if samples.updateValue(bits, forKey: key) != nil { oddities.append("sample \(key) twice") }
                }
            }
        }
        for segment in snapshot.segments(of: 2, overlapping: .min ... .max) {
            let scan = snapshot.scan(ScanRequest(table: 2, segment: segment))
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    let isThere = batch.columns[1].validity?[row] ?? true
                    let name = String(decoding: batch.columns[0].byteStrings[row], as: UTF8.self)
                    let text = isThere ? String(decoding: batch.columns[1].byteStrings[row], as: UTF8.self) : nil
                    if notes.updateValue(text, forKey: name) != nil { oddities.append("note \(name) twice") }
                }
            }
        }
    }

    mutating func apply(_ write: NumberedWrite) {
        for (key, value) in write.samples { samples[key] = value.bitPattern }
        for (name, text) in write.notes { notes[name] = .some(text) }
    }

    /// Numbers of the writes whose mark is in the samples.
    var writes: Set<Int> {
        Set(samples.keys.filter { $0.id >= NumberedWrite.firstMarker }.map { Int($0.id - NumberedWrite.firstMarker) })
    }
}
