import Platform
import Testing

@testable import VarveServer

@Suite struct GateTests {
    /// Time that stands still until it is let go.
    private struct FrozenTime: TimeSource {
        func now() -> Int64 { 0 }
        func monotonic() -> UInt64 { 0 }
        func sleep(for duration: Duration) async throws {
            if duration > .zero { try await Task.sleep(for: .seconds(3_600)) }
        }
    }

    @Test func atMostSoManyRunAndAllGetTheirTurn() async throws {
        let gate = Gate(slots: 2, patience: .seconds(1), time: FrozenTime())
        let most = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    let slot = try await gate.enter()
                    defer { slot.leave() }
                    for _ in 0..<10 { await Task.yield() }
                    return gate.inUse
                }
            }
            return try await group.reduce(0, max)
        }
        #expect(most <= 2)
        #expect(gate.inUse == 0 && gate.waiting == 0)
    }

    @Test func aWaiterGivesUp() async throws {
        let gate = Gate(slots: 1, patience: .zero, time: FrozenTime())
        let slot = try await gate.enter()
        await #expect(throws: Gate.Refusal.busy) { try await gate.enter() }
        slot.leave()
        try await gate.enter().leave()
        #expect(gate.inUse == 0)
    }

    @Test func aWaiterThatIsCanceledHoldsNothing() async throws {
        let gate = Gate(slots: 1, patience: .seconds(1), time: FrozenTime())
        let slot = try await gate.enter()
        let waiter = Task { try await gate.enter() }
        while gate.waiting == 0 { await Task.yield() }
        waiter.cancel()
        await #expect(throws: Gate.Refusal.canceled) { try await waiter.value }
        slot.leave()
        #expect(gate.inUse == 0 && gate.waiting == 0)
    }

    @Test func whoWantsMoreThanThereIsGetsAllOfItAlone() async throws {
        let gate = Gate(slots: 10, patience: .seconds(1), time: FrozenTime())
        let all = try await gate.enter(1_000)
        #expect(gate.inUse == 10)
        let next = Task { try await gate.enter(3) }
        while gate.waiting == 0 { await Task.yield() }
        all.leave()
        let three = try await next.value
        #expect(gate.inUse == 3)
        three.leave()
        #expect(gate.inUse == 0)
    }

    /// Six of ten slots are taken; eight, then two, are waited for.
    private func crowded(
        _ gate: Gate
    ) async throws -> (first: Gate.Slot, wide: Task<Gate.Slot, any Error>, narrow: Task<Gate.Slot, any Error>) {
        let first = try await gate.enter(6)
        let wide = Task { try await gate.enter(8) }
        while gate.waiting < 1 { await Task.yield() }
        let narrow = Task { try await gate.enter(2) }
        while gate.waiting < 2 { await Task.yield() }
        return (first, wide, narrow)
    }

    /// A narrow one does not overtake a wide one, or that would never have its turn.
    @Test func theOrderIsThatOfArrival() async throws {
        let gate = Gate(slots: 10, patience: .seconds(1), time: FrozenTime())
        let (first, wide, narrow) = try await crowded(gate)
        #expect(gate.inUse == 6)
        first.leave()
        let (a, b) = (try await wide.value, try await narrow.value)
        #expect(gate.inUse == 10)
        a.leave()
        b.leave()
        #expect(gate.inUse == 0)
    }

    @Test func whoStoodBehindOneThatGaveUpGoesOn() async throws {
        let gate = Gate(slots: 10, patience: .seconds(1), time: FrozenTime())
        let (first, wide, narrow) = try await crowded(gate)
        wide.cancel()
        await #expect(throws: Gate.Refusal.canceled) { try await wide.value }
        let slot = try await narrow.value
        #expect(gate.inUse == 8 && gate.waiting == 0)
        slot.leave()
        first.leave()
    }
}
