import CPlatform
import MetricModel
import NIOCore
import NIOPosix
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

    @Test func reachTellsTheLane() {
        #expect(QueryLanes.lane(reach: 0) == .here && QueryLanes.lane(reach: QueryLanes.reachHere) == .here)
        #expect(QueryLanes.lane(reach: QueryLanes.reachHere + 1) == .quick)
        #expect(QueryLanes.lane(reach: QueryLanes.quickReach + 1) == .wide && QueryLanes.lane(reach: nil) == .wide)
    }

    @Test func whoPutsFreshSamplesInOrderDoesItOnAThread() {
        let database = FakeDatabase()
        database.state.withLock { $0.reach = { _ in 1 } }
        let api = PrometheusAPI.test(database)
        let request = APIRequest(method: "GET", target: "/api/v1/query?query=up")
        #expect(api.lane(of: .query, request) == .here)
        database.state.withLock { $0.unsorted = QueryLanes.reachHere + 1 }
        #expect(api.lane(of: .query, request) == .quick)
    }

    /// Where it cannot be told cheaply, or there is nothing to tell, a question takes the way of its kind.
    @Test(arguments: [
        ("/api/v1/query", QueryLanes.Lane.here), ("/api/v1/query?time=x", .quick),
        ("/api/v1/query?query=up&pad=\(String(repeating: "x", count: 5_000))", .quick),
        ("/api/v1/query_range?query=up", .quick), ("/api/v1/query_range?query=up&start=0&end=1&step=1", .here),
        ("/api/v1/labels?start=x", .labels), ("/api/v1/labels", .labels), ("/api/v1/series?match[]=up", .labels),
    ]) func theLaneIsToldBeforeAThreadIsWoken(target: String, lane: QueryLanes.Lane) throws {
        let database = FakeDatabase()
        database.state.withLock { $0.reach = { _ in 1 } }
        let request = APIRequest(method: "GET", target: target)
        let route = try #require(Route.find(request.path, prefix: "")?.route)
        #expect(PrometheusAPI.test(database).lane(of: route, request) == lane)
    }

    @Test func whatALabelQuestionLooksAtAndWritesTellsItsLane() {
        func lane(_ series: Int, _ looks: Int, isWritten: Bool) -> QueryLanes.Lane {
            QueryLanes.lane(labelsOf: SelectionBound(series: series, looks: looks), isWritten: isWritten)
        }
        let most = QueryLanes.reachHere
        #expect(lane(most, most, isWritten: false) == .here && lane(most + 1, most, isWritten: false) == .labels)
        #expect(lane(1, most + 1, isWritten: false) == .labels)
        #expect(lane(most / 32, most, isWritten: true) == .here && lane(most / 16, most, isWritten: true) == .labels)
        #expect(lane(.max, 1, isWritten: true) == .labels)
        #expect(QueryLanes.lane(labelsOf: nil, isWritten: false) == .labels)
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

    @Test func questionsAboutLabelsHaveSlotsOfTheirOwn() async throws {
        var options = ServerOptions()
        options.concurrentQueries = 1
        options.queueTimeout = .zero
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        let api = PrometheusAPI.test(database, options)
        let slot = try await api.lanes.gate(.labels).enter()
        for path in ["labels", "label/job/values", "series?match[]=up", "metadata", "status/tsdb"] {
            let answer = await api.get("/api/v1/\(path)")
            #expect(answer.status == 503 && answer.bodyText.contains("query.max-concurrency"), "\(path)")
        }
        #expect(await api.get("/federate?match[]=up").status == 503)
        #expect(await api.get("/api/v1/query?query=1").status == 200)
        slot.leave()
        #expect(await api.get("/api/v1/labels").status == 200)
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

    /// Which event loop the calling thread has, if any.
    private static func loop() -> (any EventLoop)? { MultiThreadedEventLoopGroup.currentEventLoop }

    @Test func aShortQuestionIsAnsweredWhereItWasRead() async throws {
        let onLoop = Mutex<[String: Bool]>([:])
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            onLoop.withLock { $0[text] = Self.loop() != nil }
            return QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        database.state.withLock { $0.reach = { $0 == "here" ? 1 : QueryLanes.quickReach } }
        try await serving(database) { port in
            try await blocking {
                let client = try TestClient(port: port)
                for text in ["here", "quick", "here"] {
                    client.send("GET /api/v1/query?query=\(text) HTTP/1.1\r\nHost: x\r\n\r\n")
                }
                client.send("GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                let text = String(decoding: client.readToEnd(), as: UTF8.self)
                #expect(text.split(separator: "HTTP/1.1 ").map { $0.prefix(3) } == ["200", "200", "200", "200"])
            }
        }
        #expect(onLoop.withLock { $0 } == ["here": true, "quick": false])
    }

    /// A step that another thread makes ready is what a task goes on with once storage was read.
    @Test func aStepThatAnotherThreadMakesReadyIsNoneOfTheLoops() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let executor = LoopExecutor(loop, elsewhere: ThreadTaskExecutor(name: "elsewhere", threads: 1))
        let onLoop = await withCheckedContinuation { continuation in
            loop.execute {
                Task(executorPreference: executor) {
                    let first = Self.loop() === loop
                    await Task.yield()
                    continuation.resume(returning: first && Self.loop() === loop)
                }
            }
        }
        #expect(onLoop)
        let elsewhere = Task(executorPreference: executor) {
            let first = Self.loop() == nil
            await Task.yield()
            return first && Self.loop() == nil
        }
        #expect(await elsewhere.value)
        try await group.shutdownGracefully()
    }

    @Test func piecesOfALongAnswerAreMadeOnTheThreadsOfTheWideLane() async throws {
        struct Pieces: AnswerPieces {
            var left = 2
            let heldBytes = 0
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

/// What an answer is made from.
private final class Stuff: Sendable {
    let whenFreed: @Sendable () -> Void
    init(_ whenFreed: @escaping @Sendable () -> Void) { self.whenFreed = whenFreed }
    deinit { whenFreed() }
}

@Suite struct LanePiecesTests {
    private struct Pieces: AnswerPieces {
        var left = 3
        let stuff: Stuff
        let heldBytes = 0
        mutating func next() -> [UInt8]? {
            left -= 1
            return left < 0 ? nil : [UInt8(left)]
        }
    }

    /// Whether the lane freed the stuff of an answer; and the pieces that were sent.
    private func sent(failingAt last: UInt8?) async -> (freedByLane: [Bool], pieces: [UInt8]) {
        let freed = Mutex<[Bool]>([])
        let pieces = LanePieces(
            Pieces(stuff: Stuff { freed.withLock { $0.append(QueryLaneTests.makesWay) } }),
            QueryLanes.Executors(wide: 1, processors: 1).wide)
        var sent: [UInt8] = []
        try? await pieces.handOver { piece in
            if piece.first == last { throw CancellationError() }
            sent += piece
        }
        return (freed.withLock { $0 }, sent)
    }

    @Test func theLaneFreesWhatAnAnswerWasMadeFrom() async {
        let whole = await sent(failingAt: nil)
        #expect(whole.freedByLane == [true])
        #expect(whole.pieces == [2, 1, 0])
    }

    @Test func itFreesThatOfAnAnswerThatNobodyTakesToo() async {
        let cut = await sent(failingAt: 1)
        #expect(cut.freedByLane == [true])
        #expect(cut.pieces == [2])
    }
}

@Suite struct SpareProcessorsTests {
    private final class Count: Sendable { let value = Atomic<Int>(0) }

    /// Of four processors.
    private func share(_ share: Double, own: Double = 1, others: Double, idle: Double?) -> Double {
        SpareProcessors.share(after: share, own: own, others: others, idle: idle, processors: 4)
    }

    @Test func whoeverIsAloneWorksAllTheTime() {
        #expect(share(0.1, others: 0, idle: 0) == 1)
        #expect(share(0.1, others: 0.11, idle: 0) == 1)
    }

    @Test func whileOthersLackProcessorsAPoolHasLessAndLessAndNeverNothing() {
        #expect(share(1, own: 4, others: 2, idle: 0) == 0.5)
        // What it does not use it does not keep.
        #expect(share(1, own: 1, others: 2, idle: 0) == 0.125)
        var now = 1.0
        for _ in 0..<6 { now = share(now, own: 4 * now, others: 2, idle: 0.1) }
        #expect(now == SpareProcessors.least)
    }

    @Test func whatIsFreeIsTakenAgain() {
        var now = SpareProcessors.least
        now = share(now, others: 2, idle: 1.4)
        #expect((0.09...0.11).contains(now))
        for _ in 0..<40 { now = share(now, others: 2, idle: 1.4) }
        #expect(now == 1)
    }

    @Test func aWholeProcessorIsLeftFree() {
        #expect(share(0.5, own: 2, others: 1, idle: 0.9) < 0.5)
        #expect(share(0.5, own: 2, others: 1, idle: 1.1) > 0.5)
        // Half of the only one; of many some more.
        #expect(SpareProcessors.freeShare(of: 1) == 0.5)
        #expect(SpareProcessors.freeShare(of: 2) == 0.5)
        #expect(SpareProcessors.freeShare(of: 64) == 0.15)
    }

    @Test func whereIdleTimeIsNotToldNobodyRests() { #expect(share(0.5, others: 4, idle: nil) == 1) }

    @Test func whatOneThreadWorksAllOfThePoolOwe() {
        var account = SpareProcessors.Account(processors: 2)
        #expect(account.rest(after: 1_000_000, at: 5) == 0)
        account.share = 0.05
        // A tenth of a processor pays a millisecond of work in ten.
        #expect(account.rest(after: 1_000_000, at: 5) == 10_000_000)
        #expect(account.rest(after: 1_000_000, at: 5) == 20_000_000)
        #expect(account.rest(after: 0, at: 15_000_005) == 5_000_000)
        #expect(account.rest(after: 0, at: 20_000_005) == 0)
        #expect(account.rest(after: 0, at: 90_000_005) == 0)
        #expect(account.rest(after: 2_000_000, at: 90_000_005) == 20_000_000)
    }

    @Test func aLongStretchIsPaidForWholeAndInPieces() {
        var account = SpareProcessors.Account(processors: 2)
        account.share = 0.05
        var (now, rests) = (UInt64(1), 0)
        var rest = account.rest(after: 200_000_000, at: now)
        while rest > 0 {
            #expect(rest <= SpareProcessors.Account.longest)
            now += rest
            rests += 1
            rest = account.rest(after: 0, at: now)
        }
        #expect((1_999_000_000...2_001_000_000).contains(now))
        #expect(rests >= 40)
    }

    @Test func ofThoseThatRestOneGoesOnAtATime() {
        var account = SpareProcessors.Account(processors: 2)
        account.share = 0.05
        #expect(account.rest(after: 1_000_000, at: 1) == 10_000_000)
        #expect(account.rest(after: 0, ahead: 2_000_000, at: 10_000_001) == 0)
        #expect(account.rest(after: 0, ahead: 2_000_000, at: 10_000_001) == 20_000_000)
        // It worked half of what it had entered.
        #expect(account.rest(after: -1_000_000, at: 10_000_001) == 10_000_000)
        #expect(account.rest(after: -5_000_000, at: 10_000_001) == 0)
        #expect(account.rest(after: 1_000_000, at: 10_000_001) == 10_000_000)
    }

    @Test func whoHasTheMachineOwesNothing() {
        var account = SpareProcessors.Account(processors: 2)
        account.share = 0.05
        #expect(account.rest(after: 1_000_000_000, at: 1) > 0)
        account.share = 1
        #expect(account.rest(after: 1_000_000_000, at: 2) == 0)
        account.share = 0.05
        #expect(account.rest(after: 0, at: 3) == 0)
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
