import ManifestLog
import Parquet
import Platform
import Testing

@testable import MetricEngine
@testable import StorageEngine

/// Unpacked pages are kept within a bound, those that are used longest.
@Suite struct PageCacheTests {
    private static func page(rows: Int) async throws -> IntegerPage {
        let layout = SamplesLayout(metricName: { "m\($0)" })
        var samples = SampleRows()
        for i in 0..<rows { samples.append(1 << 39, 1_700_000_000_000 + Int64(i) * 1_000, Double(i * i)) }
        var writer = try layout.makeWriter(
            FileContext(
                table: "samples", schema: SamplesTable.schema, updateMode: .overwrite,
                segment: 1_699_920_000_000..<1_700_006_400_000, sequences: .init(1)...(.init(2)), replaces: [],
                purpose: .flush))
        try writer.append(samples.batch(0..<rows))
        let file = try await ParquetFile.open(name: "f", source: MemoryByteSource(try writer.finish()))
        let pages = try await file.read(
            PageRequest(rowGroup: 0, column: SamplesFormat.Leaf.timestamp.rawValue, withDictionary: false)
        )
        let page = try IntegerPage(pages.pages[0])
        return try #require(page)
    }

    private static func key(_ file: UInt64, _ page: Int) -> PageCache.Key {
        PageCache.Key(file: file, rowGroup: 0, column: 3, page: UInt32(page))
    }

    @Test func whatIsUsedStaysAndTheBoundHolds() async throws {
        let page = try await Self.page(rows: 1_000)
        let cache = PageCache(limit: ByteCount(page.memory * 20))
        let file = cache.newFile()
        #expect(cache.newFile() != file)
        cache.keep(page, at: Self.key(file, 0))
        for number in 1..<200 {
            #expect(cache.pages([0], of: Self.key(file, 0))[0] != nil, "it was used all the time")
            cache.keep(page, at: Self.key(file, number))
            #expect(cache.memory <= page.memory * 20)
        }
        #expect(cache.pages([1, 199], of: Self.key(file, 0)).map { $0 == nil } == [true, false])
        cache.keep(page, at: Self.key(file + 1, 0))
        cache.forget(file: file)
        #expect(cache.memory == page.memory)
        #expect(cache.pages([0], of: Self.key(file, 0))[0] == nil)
    }

    @Test func onePageIsNoCacheFull() async throws {
        let page = try await Self.page(rows: 1_000)
        let cache = PageCache(limit: ByteCount(page.memory * 15))
        cache.keep(page, at: Self.key(1, 0))
        #expect(cache.memory == 0)
    }

    @Test func theSearchByMarksLeavesNoWantedRowOut() async throws {
        let page = try await Self.page(rows: 3_000)
        let times = page.integers(0..<3_000)
        var random = SeededGenerator(seed: 4)
        for _ in 0..<300 {
            let rows = Int.random(in: 0..<1_500, using: &random)..<Int.random(in: 1_500...3_000, using: &random)
            let first = times[0] - 5_000 + Int64.random(in: 0..<3_010_000, using: &random)
            let bounds = first...first + Int64.random(in: 0..<400_000, using: &random)
            let near = page.narrowed(rows, to: bounds)
            let wanted = rows.filter { bounds.contains(times[$0]) }
            #expect(wanted.allSatisfy(near.contains) && near.clamped(to: rows) == near)
            #expect(near.count <= wanted.count + 2 * 129)
            #expect(page.integers(near) == Array(times[near]))
        }
    }
}
