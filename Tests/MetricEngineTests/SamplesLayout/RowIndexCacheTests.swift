import Testing

@testable import MetricEngine
@testable import Parquet

/// Row indexes of large row groups are kept within a bound, the ones that are used longest.
@Suite struct RowIndexCacheTests {
    private final class File {}

    /// Of so many series, 16 bytes each and more.
    private func index(_ series: Int) async throws -> SamplesRowIndex {
        var rows = SampleRows()
        for i in 0..<series { rows.append(Int64(i + 1), 1_699_920_000_000, 1) }
        let layout = SamplesLayout(metricName: { "metric_\($0)" })
        let bytes = try rows.flushed(layout)
        let reader = try await layout.open(
            MemoryByteSource(bytes), name: "samples.parquet", schema: SamplesTable.schema)
        return try await (try #require(reader as? SamplesFileReader)).rowIndex(0)
    }

    @Test func whatIsUsedStaysAndTheOldestGoes() async throws {
        let index = try await index(1_000)
        let cache = RowIndexCache(limit: index.memory * 5 / 2)
        let (first, second) = (File(), File())
        func key(_ file: File, _ rowGroup: Int = 0) -> RowIndexCache.Key {
            RowIndexCache.Key(file: ObjectIdentifier(file), rowGroup: rowGroup)
        }
        cache.keep(index, at: key(first))
        cache.keep(index, at: key(second))
        #expect(cache.memory == 2 * index.memory)
        #expect(cache.index(key(first))?.ids == index.ids)
        cache.keep(index, at: key(second, 1))
        #expect(cache.memory == 2 * index.memory)
        #expect(cache.index(key(first)) != nil)
        #expect(cache.index(key(second)) == nil)
        #expect(cache.index(key(second, 1)) != nil)
        cache.keep(index, at: key(first))
        #expect(cache.memory == 2 * index.memory)
        cache.forget(ObjectIdentifier(second))
        #expect(cache.index(key(second, 1)) == nil)
        cache.forget(ObjectIdentifier(first))
        #expect(cache.memory == 0)
    }

    @Test func oneThatIsMostOfTheBoundIsNotKept() async throws {
        let index = try await index(1_000)
        let file = File()
        let cache = RowIndexCache(limit: index.memory * 2 - 1)
        cache.keep(index, at: .init(file: ObjectIdentifier(file), rowGroup: 0))
        #expect(cache.memory == 0)
    }

    @Test func aLargeRowGroupIsDecodedOnceWhileItsFileIsOpen() async throws {
        var rows = SampleRows()
        for i in 0..<66_000 { rows.append(Int64(i + 1), 1_699_920_000_000, 1) }
        let layout = SamplesLayout(metricName: { "metric_\($0)" })
        let bytes = try rows.flushed(layout)
        do {
            let reader = try await layout.open(
                MemoryByteSource(bytes), name: "samples.parquet", schema: SamplesTable.schema)
            let samples = try #require(reader as? SamplesFileReader)
            let first = try await samples.rowIndex(0)
            #expect(layout.indexBytes == first.memory)
            // The same memory, not another copy.
            let second = try await samples.rowIndex(0)
            #expect(
                first.ids.withUnsafeBufferPointer { $0.baseAddress }
                    == second.ids.withUnsafeBufferPointer { $0.baseAddress })
        }
        #expect(layout.indexBytes == 0)
    }
}
