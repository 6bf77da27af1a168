import Platform
import Testing

@testable import VarveServer

@Suite struct QueryGateTests {
    /// Time that stands still until it is let go.
    private struct FrozenTime: TimeSource {
        func now() -> Int64 { 0 }
        func monotonic() -> UInt64 { 0 }
        func sleep(for duration: Duration) async throws {
            if duration > .zero { try await Task.sleep(for: .seconds(3_600)) }
        }
    }

    @Test func atMostSoManyRunAndAllGetTheirTurn() async throws {
        let gate = QueryGate(slots: 2, patience: .seconds(1), time: FrozenTime())
        let most = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let slot = try await gate.enter()
                    defer { slot.leave() }
                    for _ in 0..<10 { await Task.yield() }
                    return gate.running
                }
            }
            return try await group.reduce(0, max)
        }
        #expect(most <= 2)
        #expect(gate.running == 0 && gate.waiting == 0)
    }

    @Test func aWaiterGivesUp() async throws {
        let gate = QueryGate(slots: 1, patience: .zero, time: FrozenTime())
        let slot = try await gate.enter()
        await #expect(throws: QueryGate.Refusal.busy) { try await gate.enter() }
        slot.leave()
        try await gate.enter().leave()
        #expect(gate.running == 0)
    }

    @Test func aWaiterThatIsCanceledHoldsNothing() async throws {
        let gate = QueryGate(slots: 1, patience: .seconds(1), time: FrozenTime())
        let slot = try await gate.enter()
        let waiter = Task { try await gate.enter() }
        while gate.waiting == 0 { await Task.yield() }
        waiter.cancel()
        await #expect(throws: QueryGate.Refusal.canceled) { try await waiter.value }
        slot.leave()
        #expect(gate.running == 0 && gate.waiting == 0)
    }
}
