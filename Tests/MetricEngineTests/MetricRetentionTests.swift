import MetricModel
import Platform
import Simulation
import StorageEngine
import Testing

@testable import MetricEngine
@testable import StorageEngine

/// Labels live as long as any sample that needs them: in an object, or in the log.
@Suite struct MetricRetentionTests {
    private let noon = TestWorld.noon
    private let hour: Int64 = 3_600_000
    private func metric(_ name: String) -> Labels { Labels([("__name__", name)]) }

    @Test func theSeriesOfASegmentAreThereWhileAnyOfItIsVisible() async throws {
        var world = TestWorld(seed: 1)
        world.options.region.retention = .seconds(3_600)
        var store = try await world.open()
        try await store.write([(metric("a"), noon - hour / 2, 1)])
        try await store.flush()
        try await store.close()
        // The segment began twelve hours ago, long before the oldest visible time.
        store = try await world.open()
        #expect(try await store.everything().map(\.values) == [[1]])
        #expect(store.statistics.series == 1)
        try await store.write([(metric("a"), noon, 2)])
        #expect(try await store.everything().map(\.values) == [[1, 2]])
        try await store.close()
    }

    @Test func aLogWithSamplesOfExpiredSegmentsOpens() async throws {
        var world = TestWorld(seed: 2)
        let store = try await world.open()
        let old = noon - 3 * TestWorld.day
        try await store.write([(metric("a"), old, 1), (metric("a"), noon - 1, 1)])
        try await store.flush()
        try await store.write([(metric("a"), old + 1, 2), (metric("a"), noon, 2)])
        world.files = world.files.killed()
        world.options.region.retention = .seconds(86_400)
        let again = try await world.open()
        #expect(try await again.everything().map(\.values) == [[1, 2]])
        try await again.flush()
        #expect(try await again.everything().map(\.values) == [[1, 2]])
        try await again.close()
    }

    @Test func aSegmentTakesNoLabelsAlongThatTheLogNeeds() async throws {
        var world = TestWorld(seed: 3)
        world.options.region.retention = .seconds(86_400)
        let store = try await world.open()
        // Labels are flushed with the first samples; then some of the same series that are only in the log.
        try await store.write([(metric("a"), noon, 1), (metric("b"), noon, 1)])
        try await store.flush()
        try await store.write([(metric("a"), noon + 1, 2)])
        world.clock.set(noon + 2 * TestWorld.day)
        store.region.updateRetention()
        try await store.region.removeExpired()
        #expect(store.region.statistics.expirations > 0)
        // The next segment but one begins; `b` was alive in the one that is gone.
        try await store.write([(metric("b"), noon + TestWorld.day + TestWorld.day / 2, 3)])
        world.files = world.files.killed()
        for retention in [Duration.seconds(86_400), .seconds(365 * 86_400)] {
            var other = world
            other.options.region.retention = retention
            let again = try await other.open()
            #expect(try await again.everything().map(\.values) == [[3]])
            world.files = world.files.killed()
        }
    }
}
