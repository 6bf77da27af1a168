import Columnar
import Parquet
public import Platform
public import StorageEngine

/// Rows as the log encodes them: a file layout with nothing to go wrong, so that most of these tests are about the engine.
struct LogRowsLayout: FileLayout {
    struct Writer: TableFileWriter {
        var rows: RecordBatchBuilder
        mutating func append(_ batch: RecordBatch) { rows.append(batch, 0..<batch.rowCount) }
        mutating func finish() -> Bytes { RowEncoding.encode(rows.finish()) }
    }

    struct Reader: TableFileReader {
        let batch: RecordBatch
        var rowCount: UInt64 { UInt64(batch.rowCount) }

        /// Scans are of whole segments, but for what is past retention.
        func cursor(_ scan: FileScan) -> any BatchCursor {
            guard let times = scan.times, let column = batch.schema.timeColumn else { return Cursor(batch) }
            var rows = RecordBatchBuilder(batch.schema)
            for (row, time) in batch.columns[column].int64s.enumerated() where times.contains(time) {
                rows.append(batch, row..<row + 1)
            }
            return Cursor(rows.finish())
        }
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

/// Three tables: one in time segments, one without time, one that keeps every row.
public struct CrashTables: Sendable {
    public var segmentLength: Int64 = 1_000
    /// Parquet as it is, or rows as the log encodes them.
    public var isParquet = false

    public init() {}

    static let samples = Schema(
        [.init("id", .int64), .init("time", .timestamp), .init("value", .float64)], keyCount: 2, timeColumn: 1)
    static let notes = Schema(
        [.init("name", .text), .init("text", .bytes, isNullable: true)], keyCount: 1, timeColumn: nil)

    public var definitions: [TableDefinition] {
        let layout: any FileLayout = isParquet ? PlainLayout() : LogRowsLayout()
        return [
            TableDefinition(
                number: 1, name: "samples", schema: Self.samples, segmentLength: segmentLength, selectionColumn: 0,
                layout: layout),
            TableDefinition(
                number: 2, name: "notes", schema: Self.notes, segmentLength: nil, selectionColumn: nil, layout: layout),
            TableDefinition(
                number: 3, name: "events", schema: Self.samples, updateMode: .append, segmentLength: segmentLength,
                selectionColumn: 0, layout: layout),
        ]
    }
}

struct SampleKey: Hashable, Comparable, Sendable {
    let id: Int64
    let time: Int64
    static func < (a: Self, b: Self) -> Bool { (a.id, a.time) < (b.id, b.time) }
}

/// The times that rows can have: few, so that keys come again.
public struct TimeGrid: Sendable {
    public var first: Int64 = -900
    public var step: Int64 = 300
    public var count: Int64 = 10
    public init() {}
    func random(_ random: inout SeededGenerator) -> Int64 { first + Int64.random(in: 0..<count, using: &random) * step }
}

/// One write to all tables. Its number is in `samples` and `notes` as a row of its own that nobody overwrites.
public struct NumberedWrite: Sendable {
    public let number: Int
    var samples: [(key: SampleKey, value: Double)] = []
    var notes: [(name: String, text: String?)] = []
    var events: [SampleKey] = []

    static let firstMarker: Int64 = 1_000_000
    static let markerName = "write "

    /// A few rows in several segments; keys come again in other writes.
    public init(number: Int, _ random: inout SeededGenerator, _ grid: TimeGrid = TimeGrid()) {
        self.number = number
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            samples.append((Self.key(grid, &random), .random(in: 0..<1, using: &random)))
        }
        samples.append((SampleKey(id: Self.firstMarker + Int64(number), time: grid.random(&random)), Double(number)))
        for _ in 0..<Int.random(in: 0...2, using: &random) { events.append(Self.key(grid, &random)) }
        if Int.random(in: 0..<4, using: &random) > 0 {
            // Long enough now and then that the log needs another segment soon.
            let length = [3, 600, 1_500].randomElement(using: &random) ?? 3
            let text = Int.random(in: 0..<4, using: &random) > 0 ? String(repeating: "\(number) ", count: length) : nil
            notes.append(("n\(Int.random(in: 0..<4, using: &random))", text))
        }
        notes.append(("\(Self.markerName)\(number)", nil))
    }

    private static func key(_ grid: TimeGrid, _ random: inout SeededGenerator) -> SampleKey {
        SampleKey(id: Int64.random(in: 0..<5, using: &random), time: grid.random(&random))
    }

    public var batch: WriteBatch {
        WriteBatch([
            TableRows(table: 1, batch: Self.rows(samples.map(\.key), samples.map(\.value))),
            TableRows(
                table: 2,
                batch: RecordBatch(
                    trusted: CrashTables.notes,
                    [
                        .bytes(BytesColumn(notes.map { Array($0.name.utf8) })),
                        Column(
                            .bytes(BytesColumn(notes.map { Array(($0.text ?? "").utf8) })),
                            validity: notes.map { $0.text != nil }),
                    ])),
            TableRows(table: 3, batch: Self.rows(events, events.map { _ in Double(number) })),
        ])
    }

    private static func rows(_ keys: [SampleKey], _ values: [Double]) -> RecordBatch {
        RecordBatch(
            trusted: CrashTables.samples,
            [.int64(keys.map(\.id)), .int64(keys.map(\.time)), .float64(values)])
    }

    /// The number of the write that these rows of `notes` are of, as a log record holds them.
    static func numbers(in notes: RecordBatch) -> [Int] {
        (0..<notes.rowCount).compactMap { row in
            let name = String(decoding: notes.columns[0].byteStrings[row], as: UTF8.self)
            return name.hasPrefix(markerName) ? Int(name.dropFirst(markerName.count)) : nil
        }
    }
}
