import Platform
import Synchronization

/// How many queries run at once. The others wait in order of arrival, and not for ever.
///
/// - Whoever enters leaves exactly once; a waiter that gives up never holds a slot.
/// - The lock is held for bookkeeping only.
final class QueryGate: Sendable {
    enum Refusal: Error, Equatable { case busy, canceled }

    /// The right to run, until `leave`.
    struct Slot: Sendable {
        fileprivate let gate: QueryGate
        func leave() { gate.leave() }
    }

    private enum Outcome { case entered, gaveUp, canceled }

    private struct State {
        var free: Int
        var nextWaiter = 0
        /// In order of arrival.
        var waiters: [(id: Int, continuation: CheckedContinuation<Outcome, Never>)] = []
        /// Dismissed before they began to wait.
        var early: [Int: Outcome] = [:]
    }

    private let slots: Int
    private let patience: Duration
    private let time: any TimeSource
    private let state: Mutex<State>

    init(slots: Int, patience: Duration, time: any TimeSource) {
        self.slots = max(1, slots)
        self.patience = patience
        self.time = time
        state = Mutex(State(free: max(1, slots)))
    }

    var running: Int { slots - state.withLock { $0.free } }
    var waiting: Int { state.withLock { $0.waiters.count } }

    func enter() async throws(Refusal) -> Slot {
        let ticket: Int? = state.withLock { state in
            if state.free > 0 && state.waiters.isEmpty {
                state.free -= 1
                return nil
            }
            state.nextWaiter += 1
            return state.nextWaiter
        }
        guard let ticket else { return Slot(gate: self) }
        let alarm = Task { [time, patience] in
            guard (try? await time.sleep(for: patience)) != nil else { return }
            dismiss(ticket, .gaveUp)
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in wait(ticket, continuation) }
        } onCancel: {
            dismiss(ticket, .canceled)
        }
        alarm.cancel()
        await alarm.value
        state.withLock { _ = $0.early.removeValue(forKey: ticket) }
        switch outcome {
        case .entered: return Slot(gate: self)
        case .gaveUp: throw .busy
        case .canceled: throw .canceled
        }
    }

    private func wait(_ ticket: Int, _ continuation: CheckedContinuation<Outcome, Never>) {
        let outcome: Outcome? = state.withLock { state in
            if let outcome = state.early[ticket] { return outcome }
            // A slot may have come free since the ticket was drawn.
            if state.free > 0 && state.waiters.isEmpty {
                state.free -= 1
                return .entered
            }
            state.waiters.append((ticket, continuation))
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    private func dismiss(_ ticket: Int, _ outcome: Outcome) {
        let waiter: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            guard let at = state.waiters.firstIndex(where: { $0.id == ticket }) else {
                // Not waiting yet, or not any more: `enter` forgets it either way.
                state.early[ticket] = outcome
                return nil
            }
            return state.waiters.remove(at: at).continuation
        }
        waiter?.resume(returning: outcome)
    }

    private func leave() {
        let next: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            if state.waiters.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst().continuation
        }
        next?.resume(returning: .entered)
    }
}
