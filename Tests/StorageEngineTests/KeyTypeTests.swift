import Columnar
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// A key of any type, in any place of the key; tables that stay empty; a directory of one's own.
@Suite struct KeyTypeTests {
    private static let distinct = 9

    /// `distinct` values of a type, ascending, among them the ends of its order.
    private static func values(_ type: ColumnType) -> ColumnValues {
        switch type {
        case .int64, .timestamp: .int64([.min, -7, -1, 0, 1, 2, 1_000, 1 << 40, .max])
        case .float64:
            .float64([-.infinity, -1.5, -0.0, 0.0, .leastNonzeroMagnitude, 1, 2.5, .infinity, .nan])
        case .text: .bytes(BytesColumn(["", "a", "a\u{0}", "aa", "ab", "z", "zz", "é", "日本"].map { Array($0.utf8) }))
        case .bytes:
            .bytes(BytesColumn([[], [0], [0, 0], [0, 255], [1], [127], [128], [255], [255, 0]]))
        case .bool: .bool([false, true] + [Bool](repeating: true, count: distinct - 2))
        }
    }

    private static func table(_ type: ColumnType, isFirst: Bool, rowGroupRows: Int) -> TableDefinition {
        var options = PlainLayout.Options()
        options.rowGroupRows = rowGroupRows
        options.pageRows = 4
        let key = Schema.Column("key", type)
        let time = Schema.Column("time", .timestamp)
        return TableDefinition(
            number: 4, name: "keyed",
            schema: Schema(
                [isFirst ? key : time, isFirst ? time : key, .init("value", .int64, isNullable: true)], keyCount: 2,
                timeColumn: isFirst ? 1 : 0),
            segmentLength: 1_000, layout: PlainLayout(options: options))
    }

    /// Rows come by (key, time) or (time, key), each once, with what was written last.
    @Test(arguments: ColumnType.allCases, [true, false])
    func aKeyOfAnyTypeAnswersLikeADictionary(type: ColumnType, isFirst: Bool) async throws {
        var random = SeededGenerator(seed: isFirst ? 1 : 2)
        let table = Self.table(type, isFirst: isFirst, rowGroupRows: 16)
        let all = Self.values(type)
        let most = type == .bool ? 2 : Self.distinct
        var options = GeneralTableTests.options
        options.logDirectory = "/log"
        let store = MemoryStore()
        let environment = Environment.simulated(seed: 1)
        func open() async throws -> Region {
            try await Region.open(options, tables: [table], contributor: nil, store: store, environment: environment)
        }
        var region = try await open()
        struct Key: Hashable {
            var key: Int
            var time: Int64
        }
        var model: [Key: Int64?] = [:]
        for step in 0..<30 {
            switch step % 6 {
            case 3: try await region.flush()
            case 4 where step > 12: try await region.compact()
            case 5 where step % 12 == 5:
                try await region.close()
                region = try await open()
            default:
                let keys = (0..<12).map { _ in Int.random(in: 0..<most, using: &random) }
                let times = keys.map { _ in Int64.random(in: -1_200..<1_200, using: &random) / 300 * 300 }
                let written = keys.indices.map { _ in
                    Bool.random(using: &random) ? Int64.random(in: 0..<1_000, using: &random) : nil
                }
                for (i, value) in written.enumerated() { model[Key(key: keys[i], time: times[i])] = .some(value) }
                let key = Column(all).taking(keys)
                let columns = isFirst ? [key, .int64(times)] : [.int64(times), key]
                let batch = try RecordBatch(
                    table.schema,
                    columns + [Column(.int64(written.map { $0 ?? 0 }), validity: written.map { $0 != nil })])
                try await region.write(WriteBatch([TableRows(table: 4, batch: batch)]))
            }
            try #require(region.problems() == [])
            try await Self.check(region.snapshot, all, isFirst, step) { key, time in
                model[Key(key: key, time: time)]
            } count: {
                model.count
            }
        }
        try await region.close()
    }

    /// - Parameter value: what the model has; nil: no such row.
    private static func check(
        _ snapshot: Snapshot, _ all: ColumnValues, _ isFirst: Bool, _ step: Int, value: (Int, Int64) -> Int64??,
        count: () -> Int
    ) async throws {
        let (keyColumn, timeColumn) = isFirst ? (0, 1) : (1, 0)
        var seen = 0
        var last: (segment: Int64, key: Int, time: Int64)?
        for batch in try await snapshot.all(4) {
            for row in 0..<batch.rowCount {
                let key = try #require(place(batch.columns[keyColumn].values, row, in: all))
                let time = batch.columns[timeColumn].int64s[row]
                let isThere = batch.columns[2].validity?[row] ?? true
                try #require(
                    value(key, time) == .some(isThere ? batch.columns[2].int64s[row] : nil), "step \(step), \(key)")
                let segment = (Double(time) / 1_000).rounded(.down)
                let now = (segment: Int64(segment), key: key, time: time)
                if let last {
                    let isAfter =
                        isFirst
                        ? (last.segment, last.key, last.time) < (now.segment, now.key, now.time)
                        : (last.segment, last.time, last.key) < (now.segment, now.time, now.key)
                    try #require(isAfter, "step \(step): rows are out of order")
                }
                last = now
                seen += 1
            }
        }
        try #require(seen == count(), "step \(step)")
    }

    /// Which of `all` it is, bit for bit.
    private static func place(_ values: ColumnValues, _ row: Int, in all: ColumnValues) -> Int? {
        switch (values, all) {
        case (.int64(let found), .int64(let all)): all.firstIndex(of: found[row])
        case (.float64(let found), .float64(let all)): all.firstIndex { $0.bitPattern == found[row].bitPattern }
        case (.bool(let found), .bool(let all)): all.firstIndex(of: found[row])
        case (.bytes(let found), .bytes(let all)): (0..<all.count).first { all[$0] == found[row] }
        default: nil
        }
    }

    @Test func aTableWithoutRowsIsEmptyThroughout() async throws {
        let store = MemoryStore()
        let tables = [GeneralTable.definition(), TestTables.plainSamples()]
        let environment = Environment.simulated(seed: 1)
        for round in 0..<3 {
            let region = try await Region.open(
                GeneralTableTests.options, tables: tables, contributor: nil, store: store, environment: environment)
            try await region.flush()
            try await region.compact()
            await region.mergeWhereDue()
            #expect(region.snapshot.segments(of: 7, overlapping: Int64.min...Int64.max).isEmpty)
            #expect(try await region.snapshot.all(7).isEmpty)
            // A segment that is not there is asked for by name.
            let scan = region.snapshot.scan(
                ScanRequest(table: 7, segment: 0..<1_000, predicate: .isNull(column: 6), projection: [2]))
            #expect(try await scan.next() == nil)
            #expect(scan.statistics.parts == 0)
            // The other table's rows make no objects of this one.
            try await region.write(WriteBatch([TestTables.sampleRows([(1, Int64(round), 1)])]))
            try await region.flush()
            #expect(region.problems() == [])
            #expect(try await store.listAll(under: "readings/").isEmpty)
            try await region.close()
        }
        let check = try await ObjectCheck.run(store: store, tables: tables, region: "main", progress: { _, _ in })
        #expect(check.problems == [])
    }

    @Test func aSecondOpenerOfADirectoryIsToldAndChangesNothing() async throws {
        let environment = Environment.simulated(seed: 1)
        var options = RegionOptions()
        options.runsInBackground = false
        let tables = [TestTables.plainSamples()]
        let first = try await Region.open(
            directory: "/tables", tables: tables, options: options, environment: environment)
        let before = try environment.fileSystem.list("/tables/wal")
        let error = await #expect(throws: StorageError.self) {
            _ = try await Region.open(
                directory: "/tables", tables: tables, options: options, environment: environment)
        }
        #expect(error?.kind == .foreign)
        #expect(error?.text.contains("/tables is in use by") == true)
        #expect(try environment.fileSystem.list("/tables/wal") == before)
        // The first goes on, and after it the next may have it.
        try await first.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        try await first.close()
        let second = try await Region.open(
            directory: "/tables", tables: tables, options: options, environment: environment)
        #expect(try await second.snapshot.allSamples().count == 1)
        try await second.close()

        _ = try environment.fileSystem.createDirectory("/home")
        _ = try environment.fileSystem.open("/home/thesis.tex", .createNew)
        let strange = await #expect(throws: StorageError.self) {
            _ = try await Region.open(directory: "/home", tables: tables, options: options, environment: environment)
        }
        #expect(strange?.kind == .foreign)
        #expect(try environment.fileSystem.list("/home") == ["thesis.tex"])
    }
}
