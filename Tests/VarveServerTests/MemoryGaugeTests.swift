import Logging
import Platform
import PromQL
import Synchronization
import Testing

@testable import VarveServer

@Suite struct MemoryGaugeTests {
    @Test func theKernelIsAskedTenTimesASecondAtMost() {
        let clock = SteppedClock()
        let resident = Mutex(100)
        let asked = Mutex(0)
        let gauge = MemoryGauge(limit: 150, time: clock) {
            asked.withLock { $0 += 1 }
            return resident.withLock { $0 }
        }
        #expect(gauge.excess == nil && gauge.excess == nil)
        #expect(asked.withLock { $0 } == 1)
        resident.withLock { $0 = 200 }
        #expect(gauge.excess == nil)
        clock.advance(seconds: 1)
        #expect(gauge.excess == 200)
        #expect(asked.withLock { $0 } == 2)
        resident.withLock { $0 = 120 }
        clock.advance(seconds: 1)
        #expect(gauge.excess == nil)
    }

    /// Twice a minute; from half of the limit on every second while it helps, then ever more seldom; above it every second.
    @Test func freeMemoryGoesBackAsOftenAsItHelps() {
        let second: UInt64 = 1_000_000_000
        var pace = MemoryReturnPace(limit: 1_000, start: 0)
        #expect(!pace.isDue(at: 29 * second, resident: 500) && pace.isDue(at: 30 * second, resident: 0))
        #expect(pace.isDue(at: second, resident: 501))
        pace.note(from: 800, to: 700, at: 10 * second)
        #expect(!pace.isDue(at: 11 * second - 1, resident: 700) && pace.isDue(at: 11 * second, resident: 700))
        for wait in [2, 4, 8, 16, 30, 30] as [UInt64] {
            pace.note(from: 700, to: 690, at: 20 * second)
            #expect(!pace.isDue(at: (20 + wait) * second - 1, resident: 700), "\(wait) s")
            #expect(pace.isDue(at: (20 + wait) * second, resident: 700), "\(wait) s")
        }
        // Above the limit nobody may ask before there is room.
        pace.note(from: 1_001, to: 1_001, at: 20 * second)
        #expect(pace.isDue(at: 21 * second, resident: 1_001) && !pace.isDue(at: 21 * second, resident: 1_000))
        pace.note(from: 800, to: 750, at: 60 * second)
        #expect(pace.isDue(at: 61 * second, resident: 750))
        #expect(!MemoryReturnPace(limit: 0, start: 0).isDue(at: 29 * second, resident: .max))
    }

    @Test func noLimitIsNoLimit() {
        #expect(MemoryGauge(limit: 0, time: SteppedClock()) { .max }.excess == nil)
    }

    @Test func aboveTheLimitNoQueryBeginsAndWritesGoOn() async {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            QueryResult(value: .scalar(timestamp: 0, value: 1))
        }
        // This process holds more than 1 MiB.
        let api = PrometheusAPI(
            database: database, options: ServerOptions(), state: ServerState(startTime: 0, memoryLimit: 1 << 20),
            logger: logger)
        let answer = await api.get("/api/v1/query?query=1")
        #expect(answer.status == 503 && answer.header("retry-after") != nil)
        #expect(answer.bodyText.contains("memory-limit"))
        #expect(await api.get("/api/v1/labels").status == 503)
        #expect(await api.get("/-/healthy").status == 200)
        #expect(await api.get("/metrics").bodyText.contains("varve_memory_limit_bytes 1"))
        let write = APIRequest(method: "POST", target: "/api/v1/write", body: [0])
        #expect(await api.answer(write).status != 503)
    }
}
