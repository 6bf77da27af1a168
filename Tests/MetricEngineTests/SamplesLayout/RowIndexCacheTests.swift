import Platform
import Testing

@testable import MetricEngine
@testable import Parquet

/// What finds rows is kept within a bound, what is used longest.
@Suite struct RowIndexCacheTests {
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
        let cache = RowIndexCache(limit: ByteCount(index.memory * 5 / 2))
        cache.keep(index, ofFile: 1, rowGroup: 0)
        cache.keep(index, ofFile: 2, rowGroup: 0)
        #expect(cache.memory == 2 * index.memory)
        #expect(cache.index(ofFile: 1, rowGroup: 0)?.ids == index.ids)
        cache.keep(index, ofFile: 2, rowGroup: 1)
        #expect(cache.memory == 2 * index.memory)
        #expect(cache.index(ofFile: 1, rowGroup: 0) != nil)
        #expect(cache.index(ofFile: 2, rowGroup: 0) == nil)
        #expect(cache.index(ofFile: 2, rowGroup: 1) != nil)
        cache.keep(index, ofFile: 1, rowGroup: 0)
        #expect(cache.memory == 2 * index.memory)
        cache.forget(file: 2)
        #expect(cache.index(ofFile: 2, rowGroup: 1) == nil)
        cache.forget(file: 1)
        #expect(cache.memory == 0)
    }

    @Test func idsOfWholeFilesShareTheBound() async throws {
        let index = try await index(1_000)
        let cache = RowIndexCache(limit: ByteCount(index.memory * 2))
        cache.keep(index, ofFile: 1, rowGroup: 0)
        cache.keep(index.ids, ofFile: 1)
        #expect(cache.ids(ofFile: 1) == index.ids)
        #expect(cache.memory == index.memory + index.ids.capacity * 8)
        for file in 2..<20 as Range<UInt64> {
            cache.keep(index.ids, ofFile: file)
            #expect(cache.memory <= index.memory * 2)
        }
        #expect(cache.ids(ofFile: 2) == nil && cache.ids(ofFile: 19) == index.ids)
    }

    @Test func oneThatIsMostOfTheBoundIsNotKept() async throws {
        let index = try await index(1_000)
        let cache = RowIndexCache(limit: ByteCount(index.memory * 2 - 1))
        cache.keep(index, ofFile: 1, rowGroup: 0)
        #expect(cache.memory == 0)
    }

    @Test func aRowGroupIsDecodedOnceWhileItsFileIsOpen() async throws {
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
