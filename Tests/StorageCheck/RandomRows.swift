import Columnar
import ObjectStorage
import Parquet
import Platform
import StorageEngine
import WAL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Random rows in random order under random options. What a reader of the files must find is what our own scan finds.
///
/// Leaves `DIR/objects/…`, `DIR/files.txt` (the live files), and `DIR/answer-COLUMN.i64` (our scan, column by column).
enum RandomRows {
    static let segment: Int64 = 3_600_000
    static let schema = Schema(
        [
            .init("id", .int64), .init("time", .timestamp), .init("value", .float64),
            .init("mark", .text, isNullable: true),
            .init("serial", .int64),
        ], keyCount: 2, timeColumn: 1)

    static func run(_ directory: String, rows: Int, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var layout = PlainLayout.Options()
        layout.rowGroupRows = [8_192, 65_536, 131_072].randomElement(using: &random) ?? 8_192
        layout.pageRows = [512, 4_096, 8_192].randomElement(using: &random) ?? 512
        layout.compression =
            [PageCompression.none, .zstd(1), .zstd(3)].randomElement(using: &random) ?? PageCompression.none
        let table = TableDefinition(
            number: 1, name: "readings", schema: schema, segmentLength: segment, selectionColumn: 0,
            layout: PlainLayout(options: layout))
        var options = RegionOptions()
        options.runsInBackground = false
        options.durability = .os
        options.memoryLimit = .mebibytes(2_048)
        options.compaction.fanIn = Int.random(in: 2...8, using: &random)
        options.compaction.maximumOutput = ByteCount(
            [1 << 18, 1 << 22, 1 << 28].randomElement(using: &random) ?? 1 << 22)
        let region = try await Region.open(directory: directory, tables: [table], options: options)

        var serial: Int64 = 0
        var written: [(id: Int64, time: Int64)] = []
        var left = rows
        // A day, whatever the number of rows.
        let step = max(24 * segment * 1_000 / Int64(max(rows, 1)), 1)
        while left > 0 {
            let count = min(left, Int.random(in: 1...max(rows / 200, 2), using: &random))
            left -= count
            var ids: [Int64] = []
            var times: [Int64] = []
            var values: [Double] = []
            var marks = BytesColumn()
            var hasMark: [Bool] = []
            var serials: [Int64] = []
            for _ in 0..<count {
                serial += 1
                let kind = Int.random(in: 0..<100, using: &random)
                var row = (id: Int64.random(in: 0..<5_000, using: &random), time: serial * step / 1_000)
                if kind < 20, let old = written.randomElement(using: &random) { row = old }
                if kind >= 90 { row.time = Int64.random(in: 0...max(row.time, 1), using: &random) }
                if kind % 4 == 0 { written.append(row) }
                ids.append(row.id)
                times.append(row.time)
                values.append(kind == 50 ? .nan : Double.random(in: -1e6...1e6, using: &random))
                hasMark.append(kind % 3 == 0)
                marks.append(kind % 3 == 0 ? Array("m\(serial % 1_000)".utf8) : [])
                serials.append(serial)
            }
            let batch = try RecordBatch(
                schema,
                [
                    .int64(ids), .int64(times), .float64(values), Column(.bytes(marks), validity: hasMark),
                    .int64(serials),
                ])
            try await region.write(WriteBatch([TableRows(table: 1, batch: batch)]))
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1, 2: try await region.flush()
            case 3: await region.mergeWhereDue()
            default: break
            }
            if Int.random(in: 0..<80, using: &random) == 0 { try await region.compact() }
        }
        try await region.flush()
        let count = try await leaveAnswer(region, directory)
        print("\(rows) rows written, \(count) keys, \(region.snapshot.objects.count) files")
        try await region.close()
    }

    /// Our own scan, and which files it stands for.
    private static func leaveAnswer(_ region: Region, _ directory: String) async throws -> Int {
        var files: [UnsafeMutablePointer<FILE>] = []
        for column in schema.columns {
            guard let file = fopen("\(directory)/answer-\(column.name).i64", "w") else { exit(1) }
            files.append(file)
        }
        defer { for file in files { fclose(file) } }
        func put(_ values: [Int64], _ file: UnsafeMutablePointer<FILE>) {
            values.withUnsafeBytes { _ = fwrite($0.baseAddress, 1, $0.count, file) }
        }
        var count = 0
        let snapshot = region.snapshot
        for segment in snapshot.segments(of: 1, overlapping: Int64.min...Int64.max) {
            let scan = snapshot.scan(ScanRequest(table: 1, segment: segment))
            while let batch = try await scan.next() {
                count += batch.rowCount
                put(batch.columns[0].int64s, files[0])
                put(batch.columns[1].int64s, files[1])
                put(batch.columns[2].float64s.map { Int64(bitPattern: $0.bitPattern) }, files[2])
                // A mark is m and a number; −1: null.
                let marks = batch.columns[3].byteStrings
                put(
                    (0..<batch.rowCount).map { row in
                        guard batch.columns[3].validity?[row] ?? true else { return -1 }
                        return Int64(String(decoding: marks[row].dropFirst(), as: UTF8.self)) ?? -2
                    }, files[3])
                put(batch.columns[4].int64s, files[4])
            }
        }
        guard let list = fopen("\(directory)/files.txt", "w") else { exit(1) }
        for key in region.objectKeys { fputs("\(directory)/objects/\(key)\n", list) }
        fclose(list)
        return count
    }
}
