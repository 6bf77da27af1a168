import MetricModel
import Platform
import PromQL
import Testing

@testable import VarveServer

/// Long answers hold their share of memory until they are sent or dropped.
@Suite struct AnswerMemoryTests {
    private static func matrix(series: Int, samples: Int) -> QueryValue {
        let stamps = (0..<samples).map(Int64.init)
        return .matrix(
            (0..<series).map { number in
                ResultSeries(
                    labels: Labels([("n", "\(number)")]), timestamps: stamps,
                    values: [Double](repeating: 1, count: samples))
            })
    }

    private func memory(_ limit: Int, patience: Duration = .seconds(3_600)) -> AnswerMemory {
        AnswerMemory(limit: limit, patience: patience, time: LiveTimeSource())
    }

    private func answer(_ value: QueryValue) -> APIAnswer {
        .json(pieces: QueryAnswerPieces(QueryResult(value: value)))
    }

    @Test func itIsInUseUntilTheLastPieceIsMade() async throws {
        let memory = memory(10 << 20)
        let plain = answer(Self.matrix(series: 100, samples: 1_000)).wholeBody
        let lane = try await lane(in: memory)
        var bytes: [UInt8] = []
        while let piece = await lane.next() {
            #expect((800_000..<1_000_000).contains(memory.inUse))
            bytes += piece
        }
        #expect(bytes == plain)
        #expect(memory.inUse == 0)
    }

    private func lane(in memory: AnswerMemory) async throws -> LanePieces {
        let held = try await memory.held(answer(Self.matrix(series: 100, samples: 1_000)))
        guard case .pieces(let pieces) = held.body else { throw Problem.notLong }
        return LanePieces(pieces, nil)
    }

    @Test func whatIsDroppedGivesItsShareBack() async throws {
        let memory = memory(10 << 20)
        do {
            let held = try await memory.held(answer(Self.matrix(series: 100, samples: 1_000)))
            #expect(memory.inUse > 0)
            _ = held
        }
        #expect(memory.inUse == 0)
    }

    @Test func theNextWaitsForRoomAndGivesUp() async throws {
        let memory = memory(1 << 20)
        var first: APIAnswer? = try await memory.held(answer(Self.matrix(series: 100, samples: 1_000)))
        let second = Task { try await memory.held(answer(Self.matrix(series: 100, samples: 1_000))) }
        while memory.waiting == 0 { await Task.yield() }
        #expect(first != nil)
        first = nil
        _ = try await second.value
        let impatient = self.memory(1 << 20, patience: .zero)
        let only = try await impatient.held(answer(Self.matrix(series: 100, samples: 1_000)))
        await #expect(throws: Gate.Refusal.busy) {
            try await impatient.held(answer(Self.matrix(series: 100, samples: 1_000)))
        }
        // A short one does not wait.
        #expect(try await impatient.held(.text("short")).bodyText == "short")
        _ = only
    }

    @Test func aLongTextIsSentInPiecesAndAsItWas() async throws {
        let memory = memory(10 << 20)
        let text = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let answer = APIAnswer(status: 200, headers: [], body: .whole(text))
        let held = try await memory.held(answer)
        guard case .pieces = held.body else { throw Problem.notLong }
        #expect(memory.inUse >= 300_000)
        #expect(held.wholeBody == text)
    }

    @Test func whatAValueHolds() {
        let shared = Self.matrix(series: 10, samples: 1_000).heldBytes
        #expect((88_000..<92_000).contains(shared))
        let own = QueryValue.matrix(
            (0..<10).map { number in
                ResultSeries(
                    labels: .empty, timestamps: (0..<1_000).map(Int64.init),
                    values: [Double](repeating: Double(number), count: 1_000))
            })
        #expect((160_000..<164_000).contains(own.heldBytes))
        let long = String(repeating: "x", count: 1_000)
        let vector = QueryValue.vector([ResultSample(labels: Labels([("a", long)]), timestamp: 0, value: 0)])
        #expect((1_000..<1_300).contains(vector.heldBytes))
    }

    /// As in the process: a client that does not read keeps the next one from its answer, not from its evaluation.
    @Test func withoutRoomAQueryIsRefusedAndSaysWhy() async {
        var options = ServerOptions()
        options.answerMemory = 1 << 20
        options.queueTimeout = .zero
        let database = FakeDatabase().answering { (_) async throws(QueryError) in
            QueryResult(value: Self.matrix(series: 100, samples: 1_000))
        }
        let api = PrometheusAPI.test(database, options)
        let first = await api.get("/api/v1/query?query=a")
        #expect(first.status == 200)
        let second = await api.get("/api/v1/query?query=a")
        #expect(second.status == 503 && second.header("retry-after") != nil)
        #expect(second.bodyText.contains("memory-limit"))
        let metrics = await api.get("/metrics").bodyText
        #expect(metrics.contains("varve_queries_refused_total{reason=\"answers\"} 1"))
        #expect(first.wholeBody.count > 1_000_000)
    }

    private enum Problem: Error { case notLong }
}
