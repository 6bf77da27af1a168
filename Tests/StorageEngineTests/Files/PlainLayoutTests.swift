import Columnar
import ManifestLog
import Parquet
import Platform
import Simulation
import Testing

@testable import StorageEngine

@Suite struct PlainLayoutTests {
    static let schema = Schema(
        [
            .init("id", .int64), .init("at", .timestamp), .init("name", .text), .init("blob", .bytes, isNullable: true),
            .init("value", .float64, isNullable: true), .init("flag", .bool),
            .init("note \"é\"", .text, isNullable: true),
        ], keyCount: 2, timeColumn: 1)

    static func context(_ schema: Schema) throws -> FileContext {
        FileContext(
            table: "things", schema: schema, updateMode: .overwrite, segment: 0..<86_400_000,
            sequences: SequenceNumber(7)...SequenceNumber(90),
            replaces: [SSTID(claim: ClaimNumber(1), counter: 2), SSTID(claim: ClaimNumber(1), counter: 3)],
            purpose: .compaction)
    }

    static func rows(_ count: Int, _ random: inout SeededGenerator) throws -> RecordBatch {
        var ids: [Int64] = []
        var times: [Int64] = []
        var id: Int64 = -5
        var time: Int64 = 0
        for _ in 0..<count {
            if Int.random(in: 0..<20, using: &random) == 0 {
                id += Int64.random(in: 1...4, using: &random)
                time = 0
            }
            time += Int64.random(in: 1...50, using: &random)
            ids.append(id)
            times.append(time)
        }
        func texts() -> BytesColumn {
            BytesColumn((0..<count).map { _ in Array("text \(Int.random(in: 0..<50, using: &random))".utf8) })
        }
        func validity() -> [Bool] { (0..<count).map { _ in Bool.random(using: &random) } }
        var blobs = BytesColumn()
        let blobValidity = validity()
        for isThere in blobValidity { blobs.append(isThere ? [0xff, UInt8.random(in: 0...9, using: &random)] : []) }
        let valueValidity = validity()
        let values = valueValidity.map { $0 ? Double.random(in: -1...1, using: &random) : 0 }
        return try RecordBatch(
            schema,
            [
                .int64(ids), .int64(times), .bytes(texts()), Column(.bytes(blobs), validity: blobValidity),
                Column(.float64(values), validity: valueValidity), Column(.bool(validity())), .bytes(texts()),
            ])
    }

    static func file(_ batches: [RecordBatch], _ options: PlainLayout.Options) throws -> [UInt8] {
        var writer = try PlainLayout(options: options).makeWriter(try context(schema))
        for batch in batches { try writer.append(batch) }
        return try writer.finish()
    }

    static func read(_ bytes: [UInt8], _ scan: FileScan) async throws -> RecordBatch {
        let reader = try await PlainLayout().open(MemoryByteSource(bytes), name: "things/1", schema: schema)
        let cursor = reader.cursor(scan)
        var builder = RecordBatchBuilder(schema)
        while let batch = try await cursor.next() {
            #expect(!batch.isEmpty)
            builder.append(batch, 0..<batch.rowCount)
        }
        return builder.finish()
    }

    @Test(arguments: UInt64(0)..<6)
    func rowsComeBackAsTheScanAsks(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var options = PlainLayout.Options()
        options.rowGroupRows = Int.random(in: 100...2000, using: &random)
        options.pageRows = Int.random(in: 10...300, using: &random)
        let all = try Self.rows(Int.random(in: 1...4000, using: &random), &random)
        let cut = Int.random(in: 0...all.rowCount, using: &random)
        var builder = RecordBatchBuilder(Self.schema)
        builder.append(all, 0..<cut)
        let first = builder.finish()
        builder = RecordBatchBuilder(Self.schema)
        builder.append(all, cut..<all.rowCount)
        let bytes = try Self.file([first, builder.finish()].filter { !$0.isEmpty }, options)
        #expect(try await ParquetVerify.verify(name: "things/1", source: MemoryByteSource(bytes)).problems == [])

        let ids = all.columns[0].int64s
        let some = Set(ids).filter { _ in Int.random(in: 0..<5, using: &random) == 0 }.sorted()
        let early = Int64.random(in: 0...500, using: &random)
        for scan in [
            FileScan(), FileScan(keys: some + [Int64.max], selectionColumn: 0),
            FileScan(times: early...early + 100), FileScan(keys: some, selectionColumn: 0, times: early...early + 300),
            FileScan(keys: [], selectionColumn: 0), FileScan(times: 1 << 40...1 << 41),
        ] {
            var expected = RecordBatchBuilder(Self.schema)
            for row in 0..<all.rowCount {
                let isWanted = scan.keys?.contains(ids[row]) ?? true
                if isWanted && scan.times?.contains(all.columns[1].int64s[row]) ?? true {
                    expected.append(all, row..<row + 1)
                }
            }
            let found = try await Self.read(bytes, scan)
            let wanted = expected.finish()
            #expect(found.rowCount == wanted.rowCount, "seed \(seed)")
            for (i, (a, b)) in zip(found.columns, wanted.columns).enumerated() {
                #expect(a.values == b.values, "seed \(seed), column \(i)")
                let full = Array(repeating: true, count: found.rowCount)
                #expect(a.validity ?? full == b.validity ?? full, "seed \(seed), column \(i)")
            }
        }
    }

    @Test func aFileSaysWhatTheManifestNeeds() async throws {
        var random = SeededGenerator(seed: 1)
        let all = try Self.rows(100, &random)
        let bytes = try Self.file([all], PlainLayout.Options())
        let file = try await ParquetFile.open(name: "a", source: MemoryByteSource(bytes))
        func value(_ key: String) -> String? { file.metadata.value(for: "varve." + key) }
        #expect(value("table") == "things" && value("format") == "1" && value("update_mode") == "overwrite")
        #expect(value("segment_start") == "0" && value("segment_end") == "86400000")
        #expect(value("seq_min") == "7" && value("seq_max") == "90" && value("replaces") == "1-2,1-3")
        #expect(value("min_id") == "-5" && value("max_id") == all.columns[0].int64s.last.map { String($0) })
        #expect(value("max_time") == all.columns[1].int64s.max().map { String($0) })
        #expect(
            value("schema")
                == #"{"columns":[{"name":"id","type":"int64"},{"name":"at","type":"timestamp"},{"name":"name","type":"text"},"#
                + #"{"name":"blob","type":"bytes","nullable":true},{"name":"value","type":"float64","nullable":true},"#
                + #"{"name":"flag","type":"bool"},{"name":"note \"é\"","type":"text","nullable":true}],"key":2}"#)
    }

    @Test func eachColumnHasTheEncodingThatSuitsItsValues() async throws {
        var random = SeededGenerator(seed: 5)
        let schema = Schema(
            [
                .init("path", .text), .init("at", .timestamp), .init("host", .text), .init("level", .float64),
                .init("noise", .float64, isNullable: true), .init("code", .int64), .init("isOn", .bool),
            ], keyCount: 2, timeColumn: 1)
        let rows = 0..<20_000
        func texts(_ make: (Int) -> String) -> Column { .bytes(BytesColumn(rows.map { Array(make($0).utf8) })) }
        let large = [Int64.min, .max, 123_456_789_012_345]
        let batch = try RecordBatch(
            schema,
            [
                texts { "/a/long/common/prefix/\(1_000_000 + $0)" }, .int64(rows.map { Int64($0) * 15_000 }),
                texts { _ in "host-\(Int.random(in: 0..<500, using: &random))" },
                .float64(rows.map { _ in Double(Int.random(in: 0..<5, using: &random)) * 0.1 }),
                Column(
                    .float64(rows.map { $0 % 9 == 0 ? 0 : Double.random(in: 0...1, using: &random) }),
                    validity: rows.map { $0 % 9 != 0 }),
                .int64(rows.map { _ in large[Int.random(in: 0..<3, using: &random)] }),
                Column(.bool(rows.map { $0 < 10_000 })),
            ])
        var writer = try PlainLayout().makeWriter(try Self.context(schema))
        try writer.append(batch)
        let bytes = try writer.finish()
        let file = try await ParquetFile.open(name: "a", source: MemoryByteSource(bytes))
        var chosen: [PageEncoding] = []
        for column in schema.columns.indices {
            chosen.append(try await file.read(PageRequest(rowGroup: 0, column: column)).pages[0].encoding)
        }
        #expect(
            chosen == [
                .deltaByteArray, .deltaBinaryPacked, .rleDictionary, .rleDictionary, .byteStreamSplit, .rleDictionary,
                .rle,
            ])
        let reader = try await PlainLayout().open(MemoryByteSource(bytes), name: "a", schema: schema)
        let cursor = reader.cursor(FileScan())
        var found = RecordBatchBuilder(schema)
        while let part = try await cursor.next() { found.append(part, 0..<part.rowCount) }
        #expect(found.finish() == batch)
    }

    /// Every byte of a small file with nulls and every type: refused with the file's name, or the answer is the same.
    @Test(arguments: [PageCompression.none, .zstd(1)])
    func everyFlippedByteIsRefusedOrChangesNothing(compression: PageCompression) async throws {
        var random = SeededGenerator(seed: 4)
        var options = PlainLayout.Options()
        options.rowGroupRows = 12
        options.pageRows = 6
        options.compression = compression
        let bytes = try Self.file([try Self.rows(20, &random)], options)
        // As it is read: placeholders of nulls are no part of the answer.
        let rows = try await Self.read(bytes, FileScan())
        // The column seq is not read.
        let problems = await FlippedBytes.problems(of: bytes, name: "things/1") { damaged in
            try await Self.read(damaged, FileScan()) == rows
        } refusal: { error in
            (error as? StorageError).flatMap { [.damaged, .foreign].contains($0.kind) ? $0.text : nil }
        }
        #expect(problems == [])
    }

    @Test func anotherSchemaAndDamageAreTold() async throws {
        var random = SeededGenerator(seed: 2)
        let bytes = try Self.file([try Self.rows(50, &random)], PlainLayout.Options())
        let other = Schema([.init("id", .int64)], keyCount: 1, timeColumn: nil)
        do {
            _ = try await PlainLayout().open(MemoryByteSource(bytes), name: "a", schema: other)
            Issue.record("another schema was accepted")
        } catch {
            #expect(error.kind == .foreign)
        }
        var damaged = bytes
        damaged[40] ^= 1
        await #expect(throws: StorageError.self) { _ = try await Self.read(damaged, FileScan()) }
    }
}
