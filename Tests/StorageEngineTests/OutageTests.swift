import ObjectStorage
import Platform
import Simulation
import Testing

@testable import StorageEngine

/// The store is away for an hour of the simulated clock, under a write every five seconds.
@Suite struct OutageTests {
    enum Kind: String, CaseIterable, Sendable {
        /// Nothing reaches it.
        case refuses
        /// What is asked takes effect, and nobody hears of it: an hour of doubt.
        case losesAnswers
        /// Each in turn, a minute at a time.
        case both
    }

    private static let outage = 300..<3_900
    private static let seconds = 4_200

    @Test(arguments: Kind.allCases)
    func anHourWithoutTheStoreLosesNothingAndHealsByItself(_ kind: Kind) throws {
        let world = SimulatedWorld(seed: 1)
        let memory = MemoryStore(time: world.time)
        try world.run { environment in
            let store = FaultyStore(memory)
            var options = RegionOptions()
            options.flushAge = .seconds(10)
            options.logDirectory = "/log"
            options.logSegmentSize = .kibibytes(64)
            let region = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: store, environment: environment)
            for second in stride(from: 0, to: Self.seconds, by: 5) {
                if Self.outage.contains(second), second % 60 == 0 { fail(store, kind, second) }
                if second == Self.outage.upperBound { store.heal() }
                // Every write is acknowledged, outage or not.
                try await region.write(
                    WriteBatch([TestTables.sampleRows([(Int64(second % 7), Int64(second), Double(second))])]))
                try await environment.time.sleep(for: .seconds(5))
            }
            let statistics = region.statistics
            // It went on by itself: nothing older than the flush age and a pause between tries is left in memory.
            #expect(statistics.flushFailures > 100)
            #expect(region.writer.pressure.age < .seconds(30))
            let shown = try await region.snapshot.allSamples().map(\.1).sorted()
            #expect(shown == stride(from: 0, to: Self.seconds, by: 5).map { Double($0) })
            try await region.close()
            // What a node without any log finds in the store: all of it, each row once.
            options.logDirectory = nil
            options.runsInBackground = false
            let fresh = try await Region.open(
                options, tables: [TestTables.samples], contributor: nil, store: memory, environment: environment)
            #expect(try await fresh.snapshot.allSamples().map(\.1).sorted() == shown)
            try await fresh.close()
        }
    }

    private func fail(_ store: FaultyStore, _ kind: Kind, _ second: Int) {
        store.heal()
        let losesAnswers = kind == .losesAnswers || (kind == .both && second % 120 == 0)
        store.fail(Set(FaultyStore.Operation.allCases), times: nil, losesAnswers ? .afterSuccess : .beforeSuccess)
    }
}
