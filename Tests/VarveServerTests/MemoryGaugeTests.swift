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
        // What the allocator gave back may have been enough: it is measured again.
        #expect(asked.withLock { $0 } == 3)
        resident.withLock { $0 = 120 }
        clock.advance(seconds: 1)
        #expect(gauge.excess == nil)
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
        #expect(await api.get("/-/healthy").status == 200)
        #expect(await api.get("/metrics").bodyText.contains("varve_memory_limit_bytes 1"))
        let write = APIRequest(method: "POST", target: "/api/v1/write", body: [0])
        #expect(await api.answer(write).status != 503)
    }
}
