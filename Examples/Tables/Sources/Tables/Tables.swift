import Columnar
import Platform
import StorageEngine

/// A table of one's own on the storage engine: parcels that pass scanners. Stores rows, asks for some of them, merges, and
/// prints the Parquet files, which any Parquet reader opens.
@main
struct Tables {
    static let day: Int64 = 86_400_000

    /// Key columns first: a second row with the same depot, time and parcel replaces the first.
    static let scans = TableDefinition(
        number: 1, name: "scans",
        schema: Schema(
            [
                .init("depot", .text), .init("time", .timestamp), .init("parcel", .int64),
                .init("weight", .float64), .init("remark", .text, isNullable: true), .init("label", .bytes),
                .init("is_fragile", .bool),
            ], keyCount: 3, timeColumn: 1),
        segmentLength: day)

    static func main() async throws {
        let path = CommandLine.arguments.dropFirst().first ?? "parcels"
        let region = try await Region.open(directory: path, tables: [scans])
        for hour in 0..<6 {
            try await region.write(WriteBatch([TableRows(table: scans.number, batch: try parcels(hour))]))
            try await region.flush()
        }

        // Heavy parcels of one depot: which, and how heavy. The key column prunes files, row groups and pages.
        let wanted = Predicate.all([
            .compare(column: 0, .equal, .text("Bergen")), .compare(column: 3, .greater, .float64(29)),
        ])
        var found = 0
        let snapshot = region.snapshot
        for segment in snapshot.segments(of: scans.number, overlapping: 0...day) {
            let scan = snapshot.scan(
                ScanRequest(table: scans.number, segment: segment, predicate: wanted, projection: [2, 3]))
            while let batch = try await scan.next() {
                for row in 0..<batch.rowCount {
                    print("parcel \(batch.columns[0].int64s[row]) weighs \(batch.columns[1].float64s[row]) kg")
                    found += 1
                }
            }
            print("\(scan.statistics.pages) pages, \(scan.statistics.bytes) bytes read")
        }
        print("\(found) heavy parcels in \(snapshot.objects.count) files of \(snapshot.storedRows(of: 1)) rows")

        try await region.compact()
        for key in region.objectKeys { print("\(path)/objects/\(key)") }
        try await region.close()
    }

    /// A thousand parcels an hour, at three depots.
    static func parcels(_ hour: Int) throws -> RecordBatch {
        let depots = ["Ålesund", "Bergen", "Oslo"]
        let rows = 0..<1_000
        func text(_ values: [String]) -> Column { .bytes(BytesColumn(values.map { Array($0.utf8) })) }
        return try RecordBatch(
            scans.schema,
            [
                text(rows.map { depots[$0 % 3] }),
                .int64(rows.map { Int64(hour * 3_600_000 + $0 * 3_000) }),
                .int64(rows.map { Int64($0) }),
                .float64(rows.map { Double(($0 * 7 + hour) % 300) / 10 }),
                Column(
                    .bytes(BytesColumn(rows.map { $0 % 50 == 0 ? Array("torn".utf8) : [] })),
                    validity: rows.map { $0 % 50 == 0 }),
                .bytes(BytesColumn(rows.map { [UInt8($0 % 256), UInt8(hour)] })),
                Column(.bool(rows.map { $0 % 11 == 0 })),
            ])
    }
}
