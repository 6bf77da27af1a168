import ManifestLog
import Platform
import Testing

@testable import MetricEngine

@Suite struct TailCacheTests {
    private let tail = ObjectTail(times: [1, 2], values: [3, 4])

    private func id(_ number: Int) -> SSTID { SSTID(claim: .init(1), counter: UInt64(number)) }
    private func name(_ number: Int) -> String { "samples/data/main/0/\(id(number)).parquet" }

    @Test func endsOfObjectsThatAreNoMoreAreGivenUp() {
        let cache = TailCache(limit: .mebibytes(1))
        for number in 0..<40 { cache.keep(tail, of: name(number)) }
        #expect(cache.isCrowded && cache.memory == 40 * tail.memory)
        cache.sweep(live: [id(3), id(39), id(99)])
        #expect(cache.memory == 2 * tail.memory && !cache.isCrowded)
        #expect(cache.tail(of: name(3), series: 2)?.times == [1, 2])
        #expect(cache.tail(of: name(4), series: 2)?.times == nil)
    }

    @Test func theLongestUnusedGoFirst() {
        let cache = TailCache(limit: .init(2 * tail.memory))
        for number in 0..<3 {
            cache.keep(tail, of: name(number))
            _ = cache.tail(of: name(0), series: 2)
        }
        #expect(cache.memory == 2 * tail.memory)
        #expect(cache.tail(of: name(0), series: 2)?.times == [1, 2])
        #expect(cache.tail(of: name(1), series: 2)?.times == nil)
    }
}
