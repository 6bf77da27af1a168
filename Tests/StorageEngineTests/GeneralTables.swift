import Columnar
import Platform
import StorageEngine

/// A table of several key columns and value columns of every type, in the plain layout.
enum GeneralTable {
    static let schema = Schema(
        [
            .init("site", .text), .init("isIndoor", .bool), .init("time", .timestamp), .init("level", .float64),
            .init("count", .int64), .init("reading", .float64, isNullable: true),
            .init("note", .text, isNullable: true),
            .init("raw", .bytes), .init("isSound", .bool), .init("seen", .timestamp, isNullable: true),
        ], keyCount: 4, timeColumn: 2)

    static func definition(
        _ mode: UpdateMode = .overwrite, rowGroupRows: Int = 64, pageRows: Int = 16
    ) -> TableDefinition {
        var options = PlainLayout.Options()
        options.rowGroupRows = rowGroupRows
        options.pageRows = pageRows
        return TableDefinition(
            number: 7, name: "readings", schema: schema, updateMode: mode, segmentLength: 1_000, selectionColumn: nil,
            layout: PlainLayout(options: options))
    }

    struct Row: Hashable {
        var site: String
        var isIndoor: Bool
        var time: Int64
        var level: Double
        var count: Int64
        var reading: Double?
        var note: String?
        var raw: [UInt8]
        var isSound: Bool
        var seen: Int64?

        struct Key: Hashable {
            var site: String
            var isIndoor: Bool
            var time: Int64
            var level: UInt64
        }
        var key: Key { Key(site: site, isIndoor: isIndoor, time: time, level: level.bitPattern) }

        static func random(_ random: inout SeededGenerator) -> Row {
            Row(
                site: ["", "a", "ab", "å", "z"].randomElement(using: &random) ?? "",
                isIndoor: Bool.random(using: &random), time: Int64.random(in: -600..<2_200, using: &random),
                level: [-1.5, -0.0, 0.0, 2, .infinity].randomElement(using: &random) ?? 0,
                count: Int64.random(in: .min ... .max, using: &random),
                reading: Bool.random(using: &random) ? Double.random(in: -1...1, using: &random) : nil,
                note: Bool.random(using: &random) ? "n\(Int.random(in: 0..<30, using: &random))" : nil,
                raw: (0..<Int.random(in: 0..<4, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) },
                isSound: Bool.random(using: &random),
                seen: Bool.random(using: &random) ? Int64.random(in: 0..<9, using: &random) : nil)
        }
    }

    static func batch(_ rows: [Row]) -> WriteBatch {
        func bytes(_ values: [[UInt8]]) -> ColumnValues { .bytes(BytesColumn(values)) }
        let columns: [Column] = [
            Column(bytes(rows.map { Array($0.site.utf8) })), Column(.bool(rows.map(\.isIndoor))),
            .int64(rows.map(\.time)), .float64(rows.map(\.level)), .int64(rows.map(\.count)),
            Column(.float64(rows.map { $0.reading ?? 0 }), validity: rows.map { $0.reading != nil }),
            Column(bytes(rows.map { Array(($0.note ?? "").utf8) }), validity: rows.map { $0.note != nil }),
            Column(bytes(rows.map(\.raw))), Column(.bool(rows.map(\.isSound))),
            Column(.int64(rows.map { $0.seen ?? 0 }), validity: rows.map { $0.seen != nil }),
        ]
        return WriteBatch([TableRows(table: 7, batch: RecordBatch(trusted: schema, columns))])
    }

    static func rows(_ batch: RecordBatch) -> [Row] {
        func text(_ column: Int, _ row: Int) -> String {
            String(decoding: batch.columns[column].byteStrings[row], as: UTF8.self)
        }
        func flag(_ column: Int, _ row: Int) -> Bool {
            if case .bool(let values) = batch.columns[column].values { return values[row] }
            return false
        }
        func isThere(_ column: Int, _ row: Int) -> Bool { batch.columns[column].validity?[row] ?? true }
        return (0..<batch.rowCount).map { row in
            Row(
                site: text(0, row), isIndoor: flag(1, row), time: batch.columns[2].int64s[row],
                level: batch.columns[3].float64s[row], count: batch.columns[4].int64s[row],
                reading: isThere(5, row) ? batch.columns[5].float64s[row] : nil,
                note: isThere(6, row) ? text(6, row) : nil, raw: Array(batch.columns[7].byteStrings[row]),
                isSound: flag(8, row), seen: isThere(9, row) ? batch.columns[9].int64s[row] : nil)
        }
    }
}

extension Snapshot {
    /// All rows of a table that a request shaped like this asks for, segment by segment.
    func all(
        _ table: UInt16, predicate: Predicate? = nil, projection: [Int]? = nil, times: ClosedRange<Int64>? = nil
    ) async throws -> [RecordBatch] {
        var found: [RecordBatch] = []
        for segment in segments(of: table, overlapping: times ?? Int64.min...Int64.max) {
            let scan = scan(
                ScanRequest(
                    table: table, segment: segment, times: times, predicate: predicate, projection: projection))
            while let batch = try await scan.next() { found.append(batch) }
        }
        return found
    }
}
