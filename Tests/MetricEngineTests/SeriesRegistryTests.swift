import Columnar
import MetricModel
import Platform
import Simulation
import StorageEngine
import Synchronization
import Testing

@testable import MetricEngine

/// Identity of series: spellings, ids, days, restarts.
@Suite struct SeriesRegistryTests {
    private func up(_ instance: String, job: String = "node") -> Labels {
        Labels([("__name__", "up"), ("job", job), ("instance", instance)])
    }

    /// Ids of every series row that is visible, by segment.
    private func seriesRows(_ store: MetricStore) async throws -> [(segment: Int64, id: Int64, metric: String)] {
        var rows: [(segment: Int64, id: Int64, metric: String)] = []
        let snapshot = store.region.snapshot
        for segment in snapshot.segments(of: SeriesTable.number, overlapping: Int64.min...Int64.max) {
            let scan = snapshot.scan(ScanRequest(table: SeriesTable.number, segment: segment))
            while let batch = try await scan.next() {
                let found = try SeriesRows(batch)
                for row in 0..<found.count {
                    rows.append(
                        (found.segments[row], found.ids[row], String(decoding: found.metrics[row], as: UTF8.self)))
                }
            }
        }
        return rows
    }

    @Test func idsOfABatchFollowMetricJobInstanceAndTheRest() async throws {
        let store = try await TestWorld(seed: 1).open()
        let labels = [
            up("b", job: "z"), up("a", job: "z"), up("c", job: "a"),
            Labels([("__name__", "cpu"), ("mode", "user"), ("instance", "a"), ("job", "z")]),
            Labels([("__name__", "cpu"), ("mode", "idle"), ("instance", "a"), ("job", "z")]),
        ]
        try await store.write(labels.map { ($0, TestWorld.noon, 1) })
        let view = store.registry.view()
        let byID = (0..<UInt32(5)).sorted { view.ids[Int($0)] < view.ids[Int($1)] }.map { view.index.labels(of: $0) }
        #expect(byID == [labels[4], labels[3], labels[2], labels[1], labels[0]])
    }

    /// Few metrics and many, jobs that one metric has and not the other, instances that begin alike, label sets without either.
    @Test(arguments: UInt64(0)..<24)
    func anyBatchIsRegisteredInThatOrder(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let metrics = seed % 4 == 3 ? TextRanks.most + 40 : 5
        let jobs = seed % 4 == 2 ? TextRanks.most + 40 : 3
        let hosts = ["", "h", "host-", "host-0", "host-00000", "\u{7f}\u{80}é"]
        var all: Set<[String]> = []
        for _ in 0..<(seed % 4 < 2 ? 300 : 800) {
            let job = Int.random(in: 0...jobs, using: &random)
            all.insert([
                "m\(Int.random(in: 0..<metrics, using: &random))", job == 0 ? "" : "j\(job)",
                hosts[Int.random(in: 0..<hosts.count, using: &random)] + "\(Int.random(in: 0..<30, using: &random))",
                "\(Int.random(in: 0..<3, using: &random))",
            ])
        }
        let batch = all.shuffled(using: &random)
        let store = try await TestWorld(seed: seed).open()
        try await store.write(
            batch.map { one in
                let pairs = zip(["__name__", "job", "instance", "mode"], one).filter { !$0.1.isEmpty }
                return (Labels(pairs.map { ($0.0, $0.1) }), TestWorld.noon, 1)
            })
        let view = store.registry.view()
        let byID = (0..<UInt32(batch.count)).sorted { view.ids[Int($0)] < view.ids[Int($1)] }.map { ordinal in
            let labels = view.index.labels(of: ordinal)
            return ["__name__", "job", "instance", "mode"].map { labels[$0] ?? "" }
        }
        let expected = batch.sorted { a, b in
            zip(a, b).first { $0 != $1 }.map { $0.utf8.lexicographicallyPrecedes($1.utf8) } ?? false
        }
        #expect(byID == expected, "seed \(seed)")
    }

    @Test func aSeriesIsLoggedOnceAndItsRowsFollowItIntoEachDay() async throws {
        var world = TestWorld(seed: 2)
        var store = try await world.open()
        for day in 0..<4 as Range<Int64> {
            world.clock.set(TestWorld.noon + day * TestWorld.day)
            for minute in 0..<3 as Range<Int64> {
                try await store.write([(up("a"), TestWorld.noon + day * TestWorld.day + minute * 60_000, 1)])
            }
        }
        #expect(try await seriesRows(store).count == 1, "the days that follow need no row in the log")
        try await store.flush()
        let rows = try await seriesRows(store)
        #expect(rows.count == 4 && Set(rows.map(\.id)).count == 1 && Set(rows.map(\.segment)).count == 4)
        var random = SeededGenerator(seed: 1)
        world.crash(using: &random)
        store = try await world.open()
        #expect(try await store.everything().map(\.timestamps.count) == [12])
        try await store.write([(up("a"), TestWorld.noon + 3 * TestWorld.day + 1, 1)])
        try await store.flush()
        #expect(try await seriesRows(store).count == 4)
    }

    @Test func aSeriesThatWasAwayForADayIsLoggedAgain() async throws {
        let world = TestWorld(seed: 3)
        let store = try await world.open()
        try await store.write([(up("a"), TestWorld.noon, 1)])
        try await store.flush()
        world.clock.set(TestWorld.noon + 5 * TestWorld.day)
        try await store.write([(up("a"), TestWorld.noon + 5 * TestWorld.day, 2)])
        #expect(try await seriesRows(store).count == 2)
        #expect(try await store.everything().map(\.values) == [[1, 2]])
    }

    @Test func numbersAreNeverHandedOutTwice() async throws {
        var world = TestWorld(seed: 4)
        var random = SeededGenerator(seed: 4)
        var seen: Set<Int64> = []
        for round in 0..<6 {
            let store = try await world.open()
            try await store.write([
                (up("round-\(round)"), TestWorld.noon, 1),
                (Labels([("__name__", "metric_\(round)")]), TestWorld.noon, 1),
            ])
            let view = store.registry.view()
            let new = (0..<UInt32(view.index.count)).filter { ordinal in
                let labels = view.index.labels(of: ordinal)
                return labels["instance"] == "round-\(round)" || labels.metricName == "metric_\(round)"
            }
            #expect(new.count == 2)
            for ordinal in new {
                let id = SeriesID(rawValue: view.ids[Int(ordinal)])
                #expect(seen.insert(id.series).inserted && id.series > 0 && id.metric > 0)
            }
            // What was not flushed is lost with some of these, but never a number given twice.
            if round % 2 == 0 { try await store.flush() }
            world.crash(using: &random)
        }
    }

    @Test func oneLabelSetUnderTwoIdsIsOneRun() async throws {
        let world = TestWorld(seed: 5)
        var store = try await world.open()
        try await store.write([
            (up("a"), TestWorld.noon, 1), (up("a"), TestWorld.noon + 1, 1), (up("b"), TestWorld.noon, 7),
        ])
        try await store.flush()
        // The series of an old segment is not known after months: it gets a new id.
        world.clock.set(TestWorld.noon + 40 * TestWorld.day)
        try await store.close()
        store = try await world.open()
        try await store.write([(up("a"), TestWorld.noon + 1, 2), (up("a"), TestWorld.noon + 40 * TestWorld.day, 3)])
        #expect(Set(try await seriesRows(store).map(\.id)).count == 3)
        for _ in 0..<2 {
            let runs = try await store.everything()
            #expect(runs.map(\.labels) == [up("a"), up("b")])
            #expect(
                runs.first?.timestamps == [TestWorld.noon, TestWorld.noon + 1, TestWorld.noon + 40 * TestWorld.day])
            #expect(runs.first?.values == [1, 2, 3])
            try await store.flush()
        }
        #expect(try await store.series(LabelRequest(start: TestWorld.noon, end: TestWorld.noon)) == [up("a"), up("b")])
        try await store.close()
    }

    @Test func aSpellingIsKnownOnceItsSeriesIsStored() async throws {
        let store = try await TestWorld(seed: 6).open()
        let spelling = Hash128(low: 17, high: 4)
        var ordinals = [SeriesOrdinal.unknown]
        store.resolve([spelling], into: &ordinals)
        #expect(ordinals == [SeriesOrdinal.unknown])
        var columns = SampleColumns()
        let series = columns.newSeries.append(
            metric: Array("up".utf8)[...], labels: LabelEncoding.encode(up("a"))[...], spelling: spelling)
        columns.append(series, TestWorld.noon, 1)
        _ = try await store.append(columns)
        store.resolve([spelling], into: &ordinals)
        #expect(ordinals[0] != SeriesOrdinal.unknown)
        var more = SampleColumns()
        more.append(ordinals[0], TestWorld.noon + 1, 2)
        _ = try await store.append(more)
        #expect(try await store.everything().map(\.values) == [[1, 2]])
    }

    @Test func manyWritersRegisterEachSeriesOnce() async throws {
        let store = try await TestWorld(seed: 7).open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for round in 0..<10 {
                        let rows = (0..<20).map { i in
                            (self.up("host-\((round * 7 + i) % 50)"), TestWorld.noon + Int64(writer), Double(writer))
                        }
                        try await store.write(rows)
                    }
                }
            }
            try await group.waitForAll()
        }
        let rows = try await seriesRows(store)
        #expect(rows.count == store.statistics.series)
        let runs = try await store.everything()
        #expect(runs.count == rows.count && runs.allSatisfy { $0.timestamps.count == 8 })
    }

    @Test func theSpellingCacheStaysBoundedAndRight() {
        let cache = SpellingCache(limit: 1_000)
        var random = SeededGenerator(seed: 8)
        for round in 0..<20 {
            var entries: [(Hash128, UInt32)] = []
            for i in 0..<300 {
                entries.append((Hash128(low: random.next(), high: random.next()), UInt32(round * 300 + i)))
            }
            cache.insert(entries)
            #expect(cache.count <= 1_000)
            var ordinals = [UInt32](repeating: SeriesOrdinal.unknown, count: 300)
            cache.resolve(entries.map(\.0), into: &ordinals)
            for (found, entry) in zip(ordinals, entries) { #expect(found == entry.1 || found == SeriesOrdinal.unknown) }
            #expect(ordinals.last == entries.last?.1)
        }
    }
}

/// What a failing store does to registration.
@Suite struct RegistrationFaultTests {
    @Test func aReservationThatFailsRegistersNothingAndARepeatSucceeds() async throws {
        let world = TestWorld(seed: 1)
        let faulty = FaultyStore(world.objects)
        let store = try await MetricStore.open(
            world.options, store: faulty, layouts: world.layouts, environment: world.environment)
        faulty.fail(.put, under: "regions", times: nil, .beforeSuccess)
        let labels = Labels([("__name__", "up")])
        await #expect(throws: AppendError.self) { try await store.write([(labels, TestWorld.noon, 1)]) }
        #expect(store.statistics.series == 0)
        faulty.heal()
        // The manifest may have stopped for doubt; then a new opening goes on, with numbers of its own.
        do {
            try await store.write([(labels, TestWorld.noon, 1)])
            #expect(try await store.everything().map(\.values) == [[1]])
        } catch let error as AppendError { #expect(error.kind == .retryLater) }
    }
}
