import Columnar
import ObjectStorage
import Platform
import StorageEngine
import WAL

/// Rows of one segment in parts that all overlap, scanned as a whole: memory is bounded by parts and pages, not by rows.
enum WideScan {
    static let schema = Schema(
        [.init("id", .int64), .init("time", .timestamp), .init("value", .float64)], keyCount: 2, timeColumn: 1)

    static func run(_ directory: String, rows: Int, parts: Int) async throws {
        let table = TableDefinition(
            number: 1, name: "samples", schema: schema, segmentLength: Int64.max / 4, selectionColumn: 0)
        var options = RegionOptions()
        options.runsInBackground = false
        options.durability = .os
        options.memoryLimit = .mebibytes(4_096)
        options.cacheSize = .mebibytes(16)
        if rows > 0 {
            let region = try await Region.open(directory: directory, tables: [table], options: options)
            let perPart = rows / parts
            for part in 0..<parts {
                // Ids of all parts interleave: no row group of one is apart from the others.
                for start in stride(from: 0, to: perPart, by: 500_000) {
                    let numbers = start..<min(start + 500_000, perPart)
                    let batch = try RecordBatch(
                        schema,
                        [
                            .int64(numbers.map { Int64($0 / 100) }),
                            .int64(numbers.map { Int64($0 % 100 * parts + part) }),
                            .float64(numbers.map { Double($0 % 1_000) / 8 }),
                        ])
                    try await region.write(WriteBatch([TableRows(table: 1, batch: batch)]))
                }
                try await region.flush()
            }
            try await region.close()
        } else {
            // What writing took is not what scanning takes: a process that only scans.
            let region = try await Region.open(directory: directory, tables: [table], options: options)
            let before = StorageCheck.memory().now
            var found = 0
            var sum = 0.0
            let snapshot = region.snapshot
            for segment in snapshot.segments(of: 1, overlapping: Int64.min...Int64.max) {
                let scan = snapshot.scan(ScanRequest(table: 1, segment: segment))
                while let batch = try await scan.next() {
                    found += batch.rowCount
                    for value in batch.columns[2].float64s { sum += value }
                }
            }
            let segments = snapshot.segments(of: 1, overlapping: Int64.min...Int64.max)
            let parts = segments.reduce(0) { $0 + snapshot.partCount(of: 1, in: $1) }
            print(
                "\(found) rows of \(parts) parts, sum \(sum), resident before \(before >> 20) MiB, most "
                    + "\(StorageCheck.memory().most >> 20) MiB")
            try await region.close()
        }
    }
}
