import MetricModel
import Platform
import Testing

@testable import MetricEngine

/// Rows from memory, source by source, against a dictionary.
@Suite struct GatheredSamplesTests {
    @Test(arguments: [1, 16, 100, 1 << 20] as [Int], 1...8 as ClosedRange<UInt64>)
    func whatIsGatheredIsWhatADictionaryHolds(staging: Int, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let keys = (0..<Int64(30)).map { $0 * 3 }
        var gathered = GatheredSamples(keys, staging: StagedRows(capacity: staging))
        var model: [Int64: [Int64: Double]] = [:]
        for source in 0..<Int64(12) {
            gathered.beginSource()
            for id in keys where Bool.random(using: &random) {
                // Mostly later than all before, sometimes not.
                let start =
                    Int.random(in: 0..<4, using: &random) == 0 ? Int64.random(in: 0..<100, using: &random) : source * 10
                let times = (0..<Int64.random(in: 0..<5, using: &random)).map { start + $0 * 2 }
                let values = times.map { _ in
                    Int.random(in: 0..<50, using: &random) == 0
                        ? Double(bitPattern: 0x7ff0_0000_0000_0002) : Double.random(in: 0..<1, using: &random)
                }
                let before = model[id]?.count ?? 0
                for (time, value) in zip(times, values) { model[id, default: [:]][time] = value }
                let added = try times.withUnsafeBufferPointer { times in
                    try values.withUnsafeBufferPointer { try gathered.add(id, times, $0) }
                }
                #expect(added == (model[id]?.count ?? 0) - before)
            }
        }
        let pieces = gathered.pieces(groups: (0..<UInt32(keys.count)).map { $0 }[...])
        #expect(pieces.map(\.group) == keys.indices.filter { model[keys[$0]]?.isEmpty == false }.map(UInt32.init))
        for piece in pieces {
            let expected = (model[keys[Int(piece.group)]] ?? [:]).sorted { $0.key < $1.key }
            let values = piece.values.decoded
            #expect(piece.timestamps == expected.map(\.key))
            #expect(values.map(\.bitPattern) == expected.map(\.value.bitPattern))
            #expect(piece.hasStaleMarkers == values.contains { $0.bitPattern == 0x7ff0_0000_0000_0002 })
        }
    }

    /// A thousand series of one scrape interval: one array of times for all.
    @Test func whoWasSampledTogetherSharesTheTimes() throws {
        let keys = (0..<Int64(1_000)).map { $0 }
        var gathered = GatheredSamples(keys)
        for source in 0..<Int64(5) {
            gathered.beginSource()
            for id in keys {
                try [source].withUnsafeBufferPointer { times in
                    _ = try [Double(id)].withUnsafeBufferPointer { try gathered.add(id, times, $0) }
                }
            }
        }
        let pieces = gathered.pieces(groups: (0..<UInt32(keys.count)).map { $0 }[...])
        let places = Set(pieces.map { $0.timestamps.withUnsafeBufferPointer { $0.baseAddress } })
        #expect(pieces.count == 1_000 && places.count == 1)
    }

    @Test func aSeriesThatWasNotAskedForIsDamage() {
        var gathered = GatheredSamples([1, 3])
        gathered.beginSource()
        #expect(throws: (any Error).self) {
            try [Int64(1)].withUnsafeBufferPointer { times in
                try [1.0].withUnsafeBufferPointer { try gathered.add(2, times, $0) }
            }
        }
    }
}
