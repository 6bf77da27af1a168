import Glibc
import Platform
import PromQL
import Synchronization
import Testing

@testable import VarveServer

/// Of the calling thread.
private func niceness() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

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

    @Test func eachLaneIsDoneOnItsOwnThreads() async throws {
        let seen = Mutex<[String: Int32]>([:])
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            let found = niceness()
            seen.withLock { $0[text] = found }
            return QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        database.state.withLock { $0.reach = Self.reach }
        let api = PrometheusAPI.test(database, executors: .init(wide: 1, processors: 1))
        #expect(await api.get("/api/v1/query?query=small").status == 200)
        #expect(await api.get("/api/v1/query?query=wide").status == 200)
        let usual = niceness()
        #expect(seen.withLock { $0 } == ["small": usual, "wide": max(usual, 10)])
    }

    @Test func piecesOfALongAnswerAreMadeOnTheThreadsOfTheWideLane() async throws {
        struct Pieces: AnswerPieces {
            var left = 2
            mutating func next() -> [UInt8]? {
                left -= 1
                return left < 0 ? nil : [UInt8(clamping: niceness())]
            }
        }
        let pieces = LanePieces(Pieces(), QueryLanes.Executors(wide: 1, processors: 1).wide)
        let usual = niceness()
        #expect(await pieces.next() == [UInt8(clamping: max(usual, 10))])
        #expect(try await pieces.next { $0 + [7] } == [UInt8(clamping: max(usual, 10)), 7])
        #expect(await pieces.next() == nil)
    }
}
