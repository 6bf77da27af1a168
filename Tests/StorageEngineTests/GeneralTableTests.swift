import Columnar
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// Tables of one's own: several keys, every type, three update modes; against a dictionary.
@Suite struct GeneralTableTests {
    typealias Row = GeneralTable.Row

    static var options: RegionOptions {
        var options = RegionOptions()
        options.runsInBackground = false
        options.logDirectory = "/log"
        options.logSegmentSize = .kibibytes(64)
        // Several objects a merge.
        options.compaction.maximumOutput = .kibibytes(4)
        options.compaction.uploadPart = .kibibytes(1)
        return options
    }

    /// What an update mode makes of the rows of a key.
    private struct Model {
        let mode: UpdateMode
        var rows: [Row.Key: [Row]] = [:]

        mutating func write(_ row: Row) {
            guard let last = rows[row.key]?.last else {
                rows[row.key] = [row]
                return
            }
            switch mode {
            case .overwrite: rows[row.key] = [row]
            case .append: rows[row.key]?.append(row)
            case .bytesAppend:
                var next = row
                next.raw = last.raw + row.raw
                next.note = row.note.map { (last.note ?? "") + $0 } ?? last.note
                rows[row.key] = [next]
            }
        }
        var all: [Row] { rows.values.flatMap { $0 } }
    }

    @Test(arguments: UpdateMode.allCases, 0..<4)
    func aTableOfEveryTypeAnswersLikeADictionary(mode: UpdateMode, seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed) * 3 + UInt64(mode.rawValue))
        let environment = Environment.simulated(seed: UInt64(seed))
        let store = MemoryStore()
        let table = GeneralTable.definition(mode)
        func open() async throws -> Region {
            try await Region.open(
                Self.options, tables: [table], contributor: nil, store: store, environment: environment)
        }
        var region = try await open()
        var model = Model(mode: mode)
        for step in 0..<40 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: try await region.flush()
            case 1: try await region.compact()
            case 2:
                if Bool.random(using: &random) { try await region.close() }
                region = try await open()
            default:
                let rows = (0..<Int.random(in: 1...60, using: &random)).map { _ in Row.random(&random) }
                try await region.write(GeneralTable.batch(rows))
                for row in rows { model.write(row) }
            }
            let place: Comment = "\(mode), seed \(seed), step \(step)"
            try #require(region.problems() == [], place)
            let found = try await region.snapshot.all(7).flatMap(GeneralTable.rows)
            try #require(found.count == model.all.count, place)
            if mode == .append {
                // Oldest write of a key first.
                let byKey = Dictionary(grouping: found, by: \.key)
                try #require(byKey == model.rows, place)
            } else {
                try #require(Set(found) == Set(model.all), place)
            }
            try await check(region.snapshot, model.all, &random, place)
        }
        try await region.close()
    }

    /// A random predicate, projection and time range; the answer is the model's.
    private func check(
        _ snapshot: Snapshot, _ rows: [Row], _ random: inout SeededGenerator, _ place: Comment
    ) async throws {
        let low = Int64.random(in: -700..<2_000, using: &random)
        let times = low...low + Int64.random(in: 0..<1_500, using: &random)
        let count = Int64.random(in: .min ... .max, using: &random)
        let site = Array(["a", "ab", "å"].randomElement(using: &random)?.utf8 ?? "".utf8)
        let choices: [(Predicate, (Row) -> Bool)] = [
            (.compare(column: 4, .less, .int64(count)), { $0.count < count }),
            (
                .compare(column: 0, .greaterOrEqual, .bytes(site)),
                { !Array($0.site.utf8).lexicographicallyPrecedes(site) }
            ),
            (.compare(column: 1, .equal, .bool(true)), { $0.isIndoor }),
            (.compare(column: 5, .greater, .float64(0)), { $0.reading.map { $0 > 0 } ?? false }),
            (.not(.compare(column: 5, .greater, .float64(0))), { $0.reading.map { $0 <= 0 } ?? false }),
            (.isNull(column: 6), { $0.note == nil }),
            (
                .any([.compare(column: 6, .equal, .text("n3")), .compare(column: 3, .lessOrEqual, .float64(0))]),
                { $0.note == "n3" || $0.level <= 0 }
            ),
            (.compare(column: 8, .notEqual, .bool(false)), { $0.isSound }),
        ]
        let chosen = choices.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
        let projection = Array([2, 0, 4, 7].shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random)))
        let found = try await snapshot.all(
            7, predicate: .all(chosen.map(\.0)), projection: projection, times: times)
        let expected = rows.filter { row in times.contains(row.time) && chosen.allSatisfy { $0.1(row) } }
        try #require(found.reduce(0) { $0 + $1.rowCount } == expected.count, place)
        guard let column = projection.firstIndex(of: 4) else { return }
        try #require(found.flatMap { $0.columns[column].int64s }.sorted() == expected.map(\.count).sorted(), place)
        for batch in found {
            try #require(batch.schema.columns.map(\.name) == projection.map { GeneralTable.schema.columns[$0].name })
        }
    }

    @Test func aFilterOnAValueNeverBringsAnOverwrittenRowBack() async throws {
        for isFlushed in [false, true] {
            let region = try await Region.open(
                Self.options, tables: [TestTables.plainSamples()], contributor: nil, store: MemoryStore(),
                environment: .simulated(seed: 1))
            try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 10)])]))
            if isFlushed { try await region.flush() }
            try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 99)])]))
            if isFlushed { try await region.flush() }
            let found = try await region.snapshot.all(1, predicate: .compare(column: 2, .less, .float64(50)))
            #expect(found.isEmpty)
            try await region.close()
        }
    }

    @Test func aScanReadsWhatItNeedsAndCountsIt() async throws {
        var options = Self.options
        options.compaction.maximumOutput = .mebibytes(1)
        let region = try await Region.open(
            options, tables: [TestTables.plainSamples()], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 1))
        // Three parts of ids 0 … 99, 100 … 199, 200 … 299.
        for part in 0..<3 {
            let rows = (0..<500).map { (id: Int64(part * 100 + $0 / 5), time: Int64($0 % 5), value: Double($0)) }
            try await region.write(WriteBatch([TestTables.sampleRows(rows)]))
            try await region.flush()
        }
        func statistics(_ request: ScanRequest) async throws -> ScanStatistics {
            let scan = region.snapshot.scan(request)
            while try await scan.next() != nil {}
            return scan.statistics
        }
        let all = try await statistics(ScanRequest(table: 1, segment: 0..<1_000))
        #expect(all.parts == 3 && all.partsPruned == 0)
        #expect(all.rowGroups == 24 && all.rowGroupsPruned == 0)
        #expect(all.rowsRead == 1_500 && all.rowsReturned == 1_500)
        let one = try await statistics(ScanRequest(table: 1, segment: 0..<1_000, keys: [150]))
        #expect(one.partsPruned == 2)
        #expect(one.rowGroups == 8 && one.rowGroupsPruned == 7)
        #expect(one.rowsReturned == 5)
        #expect(one.pages <= 2 * 3)
        #expect(one.bytes < all.bytes / 20)
        // By statistics of a key column, without keys: row groups and pages.
        let filtered = try await statistics(
            ScanRequest(
                table: 1, segment: 0..<1_000, predicate: .compare(column: 0, .equal, .int64(150)), projection: [2]))
        #expect(filtered.rowGroupsPruned == 23)
        #expect(filtered.rowsReturned == 5)
        // One column of three costs a third of the pages, or little more.
        let narrow = try await statistics(ScanRequest(table: 1, segment: 0..<1_000, projection: [0]))
        #expect(narrow.rowsReturned == 1_500)
        #expect(narrow.pages * 3 == all.pages * 2, "the key is read in any case, the value is not")
        #expect(region.statistics.scans.rowsReturned >= 3_010)
        try await region.close()
    }

    @Test func aRequestThatDoesNotFitTheTableIsRefused() async throws {
        let region = try await Region.open(
            Self.options, tables: [GeneralTable.definition()], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 1))
        let segment: Range<Int64> = 0..<1_000
        let requests: [(ScanRequest, String)] = [
            (ScanRequest(table: 8, segment: segment), "no table number 8"),
            (ScanRequest(table: 7, segment: segment, projection: []), "names no column"),
            (ScanRequest(table: 7, segment: segment, projection: [1, 1]), "one twice"),
            (ScanRequest(table: 7, segment: segment, projection: [10]), "no column number 10"),
            (ScanRequest(table: 7, segment: segment, keys: [1]), "no column to select by"),
            (
                ScanRequest(table: 7, segment: segment, predicate: .compare(column: 4, .less, .text("a"))),
                "column count is of type int64"
            ),
            (ScanRequest(table: 7, segment: segment, predicate: .isNull(column: -1)), "no column number -1"),
        ]
        for (request, text) in requests {
            let scan = region.snapshot.scan(request)
            let error = await #expect(throws: StorageError.self) { _ = try await scan.next() }
            #expect(error?.kind == .refused)
            #expect(error?.text.contains(text) == true, "\(error?.text ?? "")")
        }
        try await region.close()
    }

    @Test func whatCannotBeATableIsRefusedAtTheOpening() async throws {
        func table(
            _ columns: [Schema.Column], keys: Int, time: Int?, mode: UpdateMode = .overwrite, name: String = "t",
            segment: Int64? = nil, selection: Int? = nil
        ) -> TableDefinition {
            TableDefinition(
                number: 1, name: name, schema: Schema(columns, keyCount: keys, timeColumn: time), updateMode: mode,
                segmentLength: segment, selectionColumn: selection, layout: PlainLayout())
        }
        let cases: [(TableDefinition, String)] = [
            (table([.init("a", .int64)], keys: 1, time: nil, name: "a/b"), "letters, digits"),
            (table([.init("a", .int64), .init("a", .int64)], keys: 1, time: nil), "name of its own"),
            (table([.init("a", .int64, isNullable: true)], keys: 1, time: nil), "may not be null"),
            (table([.init("a", .int64), .init("t", .timestamp)], keys: 1, time: 1, segment: 10), "must be of the key"),
            (table([.init("a", .int64)], keys: 1, time: nil, segment: 10), "need a time column"),
            (table([.init("a", .int64), .init("b", .int64)], keys: 1, time: nil, selection: 1), "one of the key"),
            (table([.init("a", .text)], keys: 1, time: nil, selection: 0), "holds integers"),
            (table([.init("a", .int64)], keys: 1, time: nil, mode: .bytesAppend), "bytes-append needs"),
        ]
        for (table, text) in cases {
            let store = FaultyStore(MemoryStore())
            let error = await #expect(throws: StorageError.self) {
                _ = try await Region.open(
                    Self.options, tables: [table], contributor: nil, store: store, environment: .simulated(seed: 1))
            }
            #expect(error?.kind == .refused)
            #expect(error?.text.contains(text) == true, "\(error?.text ?? "")")
            #expect(store.requests.isEmpty, "nothing was touched")
        }
    }

    @Test func aBadBatchIsRefusedPreciselyAndChangesNothing() async throws {
        let region = try await Region.open(
            Self.options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 1))
        let columns = TestTables.samples.schema.columns
        func refused(_ schema: Schema, _ values: [Column], _ text: String) async throws {
            let batch = RecordBatch(trusted: schema, values)
            let error = await #expect(throws: StorageError.self) {
                try await region.write(WriteBatch([TableRows(table: 1, batch: batch)]))
            }
            #expect(error?.kind == .refused)
            #expect(error?.text.contains(text) == true, "\(error?.text ?? "")")
        }
        try await refused(
            Schema([columns[0], columns[1], .init("value", .int64)], keyCount: 2, timeColumn: 1),
            [.int64([1]), .int64([1]), .int64([1])], "column 3 is value int64 instead of value float64")
        try await refused(
            Schema(Array(columns.prefix(2)), keyCount: 2, timeColumn: 1), [.int64([1]), .int64([1])],
            "2 columns instead of 3")
        try await refused(
            Schema(columns, keyCount: 1, timeColumn: 1), [.int64([1]), .int64([1]), .float64([1])],
            "its key is 1 columns")
        try await refused(
            Schema([columns[0], columns[1], .init("value", .float64, isNullable: true)], keyCount: 2, timeColumn: 1),
            [.int64([1]), .int64([1]), Column(.float64([0]), validity: [false])],
            "its column value may be null, the table's may not")
        // A null time cannot even be made: the schema does not allow it.
        let mismatch = #expect(throws: SchemaMismatch.self) {
            try RecordBatch(
                TestTables.samples.schema,
                [.int64([1]), Column(.int64([0]), validity: [false]), .float64([1])])
        }
        #expect(mismatch?.difference == "column time may not be null")
        try await region.write(WriteBatch([]))
        try await region.write(WriteBatch([TestTables.sampleRows([])]))
        #expect(try await region.snapshot.allSamples().isEmpty)
        #expect(region.snapshot.epoch == .init(1), "only the opening made an epoch")
        try await region.close()
    }
}
