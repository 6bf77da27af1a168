import CPlatform
import PromQL
import Synchronization
import Testing

@testable import Platform
@testable import VarveServer

/// Small queries do not wait behind wide ones, and wide ones do not take the threads of ingest.
@Suite struct QueryLaneTests {
    /// Holds queries until they are let go.
    private final class Gathering: Sendable {
        private let held = Mutex<(waiters: [CheckedContinuation<Void, Never>], isOpen: Bool)>(([], false))
        var count: Int { held.withLock { $0.waiters.count } }

        func wait() async {
            await withCheckedContinuation { continuation in
                let isOpen = held.withLock { held in
                    if !held.isOpen { held.waiters.append(continuation) }
                    return held.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let waiters = held.withLock { held in
                held.isOpen = true
                defer { held.waiters = [] }
                return held.waiters
            }
            for waiter in waiters { waiter.resume() }
        }
    }

    private static func reach(_ query: String) -> Int? {
        switch query {
        case "small": QueryLanes.quickReach
        case "wide": QueryLanes.quickReach + 1
        default: nil
        }
    }

    @Test func smallQueriesDoNotWaitBehindWideOnes() async throws {
        let gathering = Gathering()
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            if text != "small" { await gathering.wait() }
            return QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        database.state.withLock { $0.reach = Self.reach }
        var options = ServerOptions()
        options.concurrentQueries = 2
        options.queueTimeout = .zero
        let api = PrometheusAPI.test(database, options)
        async let first = api.get("/api/v1/query?query=wide")
        async let second = api.get("/api/v1/query_range?query=untold&start=0&end=1&step=1")
        while gathering.count < 2 { await Task.yield() }

        #expect(await api.get("/api/v1/query?query=wide").status == 503)
        #expect(await api.get("/api/v1/query?query=small").status == 200)
        #expect(await api.get("/api/v1/query_range?query=small&start=0&end=1&step=1").status == 200)
        let metrics = await api.get("/metrics").bodyText
        #expect(metrics.contains(#"varve_queries_running{lane="wide"} 2"#))
        #expect(metrics.contains(#"varve_queries_running{lane="quick"} 0"#))
        #expect(metrics.contains(#"varve_queries_refused_total{reason="queue"} 1"#))

        gathering.open()
        #expect(await first.status == 200)
        #expect(await second.status == 200)
    }

    /// Whether the calling thread makes way for others.
    fileprivate static var makesWay: Bool { varve_thread_context() != nil }

    @Test func eachLaneIsDoneOnItsOwnThreads() async throws {
        let seen = Mutex<[String: Bool]>([:])
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            seen.withLock { $0[text] = Self.makesWay }
            return QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        database.state.withLock { $0.reach = Self.reach }
        let api = PrometheusAPI.test(database, executors: .init(wide: 1, processors: 1))
        #expect(await api.get("/api/v1/query?query=small").status == 200)
        #expect(await api.get("/api/v1/query?query=wide").status == 200)
        #expect(seen.withLock { $0 } == ["small": false, "wide": true])
    }

    @Test func piecesOfALongAnswerAreMadeOnTheThreadsOfTheWideLane() async throws {
        struct Pieces: AnswerPieces {
            var left = 2
            mutating func next() -> [UInt8]? {
                left -= 1
                return left < 0 ? nil : [QueryLaneTests.makesWay ? 1 : 0]
            }
        }
        let pieces = LanePieces(Pieces(), QueryLanes.Executors(wide: 1, processors: 1).wide)
        #expect(await pieces.next() == [1])
        #expect(try await pieces.next { $0 + [7] } == [1, 7])
        #expect(await pieces.next() == nil)
    }
}

@Suite struct SpareProcessorsTests {
    private final class Count: Sendable { let value = Atomic<Int>(0) }

    private func part(_ part: Double, busy: Double, idle: Double?) -> Double {
        SpareProcessors.part(after: part, busy: busy, idle: idle, processors: 4)
    }

    @Test func whoeverIsAloneWorksAllTheTime() {
        #expect(part(0.1, busy: 0, idle: 0) == 1)
        #expect(part(0.1, busy: 0.11, idle: 0) == 1)
    }

    @Test func whileOthersLackProcessorsAPoolRestsMoreAndMoreAndNeverForGood() {
        var now = 1.0
        for _ in 0..<4 { now = part(now, busy: 2, idle: 0.1) }
        #expect((0.2...0.3).contains(now))
        for _ in 0..<40 { now = part(now, busy: 2, idle: 0) }
        #expect(now == SpareProcessors.least)
    }

    @Test func whatIsFreeIsTakenAgain() {
        var now = SpareProcessors.least
        for _ in 0..<40 { now = part(now, busy: 2, idle: 1) }
        #expect(now == 1)
    }

    @Test func whereIdleTimeIsNotToldNobodyRests() { #expect(part(0.5, busy: 4, idle: nil) == 1) }

    @Test func aRestMakesUpForTheWorkBeforeIt() {
        #expect(ThreadPace.rest(after: 1_000_000, part: 1) == 0)
        #expect(ThreadPace.rest(after: 1_000_000, part: 0.25) == 3_000_000)
        #expect(ThreadPace.rest(after: .max, part: 0.02) == 500_000_000)
        #expect(ThreadPace.rest(after: 5, part: 0) == 0)
    }

    @Test func aPoolThatMakesWayLosesNoJob() async throws {
        let threads = BlockingThreads(threads: 3, makesWayOn: 1)
        let done = Count()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    try await threads.run {
                        RestingPoint.pass()
                        done.value.add(1, ordering: .relaxed)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(done.value.load(ordering: .relaxed) == 200)
    }
}
