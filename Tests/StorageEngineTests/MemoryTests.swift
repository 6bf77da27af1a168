import Columnar
import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// What rows and objects take while they are in memory.
@Suite struct MemoryTests {
    private static func batch(_ rows: Range<Int64>) -> RecordBatch {
        TestTables.sampleRows(rows.map { (id: $0 % 50, time: $0 / 50, value: Double($0)) }).batch
    }

    @Test func rowsScatteredOverManySegmentsStaySmall() {
        let budget = MemoryBudget(limit: .mebibytes(1))
        let part = MemPart(
            place: TableSegment(table: 1, segment: 0..<1_000), schema: TestTables.samples.schema,
            reservation: budget.nothing())
        part.append(Self.batch(0..<1), 0..<1, sequence: .init(1))
        #expect(part.chunks.map(\.capacity) == [64])
        part.append(Self.batch(0..<5_000), 0..<5_000, sequence: .init(2))
        #expect(part.chunks.map(\.capacity) == [64, 4_937])
        part.append(Self.batch(0..<200_000), 0..<200_000, sequence: .init(3))
        #expect(part.chunks.allSatisfy { $0.capacity <= MemPart.largestChunk })
    }

    @Test func aViewOfAnEarlierLengthSeesNoLaterRow() {
        let part = MemPart(
            place: TableSegment(table: 1, segment: 0..<1_000_000), schema: TestTables.samples.schema,
            reservation: MemoryBudget(limit: .mebibytes(1)).nothing())
        var views: [(rows: Int, length: PublishedLength)] = []
        var rows = 0
        for i in 0..<40 {
            let count = i * 7 % 90 + 1
            part.append(Self.batch(Int64(rows)..<Int64(rows + count)), 0..<count, sequence: .init(UInt64(i + 1)))
            rows += count
            views.append((rows, part.length))
            for (expected, length) in views { #expect(part.view(length).rowCount == expected) }
        }
    }

    @Test func aChunkIsReadInPiecesAndKeysStayTogether() async throws {
        // 30,000 rows of three keys: keys end where no batch would end by itself.
        let rows = (0..<30_000).map { (id: Int64($0 % 3), time: Int64(1), value: Double($0)) }
        let part = MemPart(
            place: TableSegment(table: 1, segment: 0..<1_000), schema: TestTables.samples.schema,
            reservation: MemoryBudget(limit: .mebibytes(1)).nothing())
        part.append(TestTables.sampleRows(rows).batch, 0..<rows.count, sequence: .init(1))
        let cursors = part.view(part.length).cursors(FileScan())
        #expect(cursors.count == 1)
        var seen: [Int64] = []
        while let batch = try await cursors[0].next() {
            #expect(batch.rowCount == 10_000)
            #expect(Set(batch.columns[0].int64s).count == 1)
            seen.append(batch.columns[0].int64s[0])
        }
        #expect(seen == [0, 1, 2])
        let merged = MergeCursor(
            part.view(part.length).cursors(FileScan()), schema: part.schema, mode: .overwrite)
        var values: [Double] = []
        while let batch = try await merged.next() { values += batch.columns[2].float64s }
        #expect(values == [29_997, 29_998, 29_999])
        #expect(merged.duplicates == 29_997)
    }

    @Test func aFlushedChunkIsUsedAgainAndAQuietWriterGivesItBack() {
        let memory = ChunkMemory(limit: 1 << 20)
        func chunk(_ rows: Int) -> MemChunk {
            MemChunk(schema: TestTables.samples.schema, capacity: rows, arenaCapacity: 0, memory: memory)
        }
        var chunks = [chunk(16_384), chunk(16_384), chunk(100)]
        #expect(memory.held == 0)
        chunks = []
        // Three columns of eight bytes; the small chunk's are not kept.
        #expect(memory.held == 2 * 16_384 * 24)
        chunks = [chunk(16_384)]
        #expect(memory.held == 16_384 * 24)
        chunks = [chunk(65_536)]
        #expect(chunks.count == 1)
        // Of another size: more than the limit together.
        chunks = []
        #expect(memory.held <= 1 << 20)
        memory.didFreeze()
        #expect(memory.held == 2 * 16_384 * 24)
        // Nothing was asked for since.
        memory.didFreeze()
        #expect(memory.held == 0)
    }

    @Test func whatIsUsedStaysInTheCache() async throws {
        let store = MemoryStore()
        let cache = ObjectCache(store: store, limit: ByteCount(1_000))
        let keys = try (0..<500).map { try #require(ObjectKey("k\($0)")) }
        for key in keys {
            cache.keep([UInt8](repeating: 1, count: 100), at: key)
            _ = try await cache.whole(keys[0], size: 100)
        }
        // Not in the store: only the cache can have it.
        #expect(try await cache.whole(keys[0], size: 100)?.count == 100)
        #expect(try await cache.whole(keys[499], size: 100)?.count == 100)
        await #expect(throws: ObjectStoreError.self) { _ = try await cache.whole(keys[1], size: 100) }
        for key in keys { cache.forget(key) }
        await #expect(throws: ObjectStoreError.self) { _ = try await cache.whole(keys[0], size: 100) }
    }

    @Test func aBatchThatCouldNotBeReadAgainIsRefused() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        let table = TableDefinition(
            number: 3, name: "flags", schema: Schema([.init("flag", .bool)], keyCount: 1, timeColumn: nil),
            segmentLength: nil, selectionColumn: nil, layout: LogRowsLayout())
        let region = try await Region.open(
            options, tables: [table], contributor: nil, store: MemoryStore(), environment: .simulated(seed: 1))
        let flags = Column(.bool([Bool](repeating: true, count: RowEncoding.largestBatch + 1)))
        let error = await #expect(throws: StorageError.self) {
            try await region.write(
                WriteBatch([TableRows(table: 3, batch: RecordBatch(trusted: table.schema, [flags]))]))
        }
        #expect(error?.kind == .refused)
        try await region.close()
    }

    @Test func aWriteWithoutRowsMakesNoEpoch() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 2))
        let epoch = region.snapshot.epoch
        try await region.write(WriteBatch([TestTables.sampleRows([])]))
        #expect(region.snapshot.epoch == epoch)
        try await region.write(WriteBatch([TestTables.sampleRows([(1, 1, 1)])]))
        #expect(region.snapshot.epoch > epoch)
        try await region.close()
    }

    @Test func timesAtTheEndsOfTheRangeAreRefused() async throws {
        var options = RegionOptions()
        options.runsInBackground = false
        let region = try await Region.open(
            options, tables: [TestTables.samples], contributor: nil, store: MemoryStore(),
            environment: .simulated(seed: 3))
        for time in [Int64.min, Int64.max] {
            let error = await #expect(throws: StorageError.self) {
                try await region.write(WriteBatch([TestTables.sampleRows([(1, 5, 1), (1, time, 1)])]))
            }
            #expect(error?.kind == .refused)
        }
        #expect(try await region.snapshot.allSamples().isEmpty)
        try await region.close()
    }
}
