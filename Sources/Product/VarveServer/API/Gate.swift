import Platform
import Synchronization

/// A bound on what goes on at once: queries, or bytes of answers. Who does not fit waits in order of arrival, and not for ever.
///
/// - Whoever enters leaves exactly once; a waiter that gives up never holds anything.
/// - One that wants more than there is gets all of it, alone.
/// - The lock is held for bookkeeping only.
final class Gate: Sendable {
    enum Refusal: Error, Equatable { case busy, canceled }

    /// The right to go on, until `leave`.
    struct Slot: Sendable {
        fileprivate let gate: Gate
        fileprivate let width: Int
        func leave() { gate.leave(width) }
    }

    private enum Outcome { case entered, gaveUp, canceled }

    private struct State {
        var free: Int
        var nextWaiter = 0
        /// In order of arrival.
        var waiters: [Waiter] = []
        /// Dismissed before they began to wait.
        var early: [Int: Outcome] = [:]

        mutating func admits(_ width: Int) -> Bool {
            guard waiters.isEmpty, free >= width else { return false }
            free -= width
            return true
        }

        /// The first ones that fit now.
        mutating func next() -> [Waiter] {
            var entering: [Waiter] = []
            for waiter in waiters {
                guard free >= waiter.width else { break }
                free -= waiter.width
                entering.append(waiter)
            }
            waiters.removeFirst(entering.count)
            return entering
        }
    }

    private struct Waiter {
        let id: Int
        let width: Int
        let continuation: CheckedContinuation<Outcome, Never>
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

    var inUse: Int { slots - state.withLock { $0.free } }
    var waiting: Int { state.withLock { $0.waiters.count } }

    /// - Parameter wanted: slots; more than there are is as much as all.
    func enter(_ wanted: Int = 1) async throws(Refusal) -> Slot {
        let width = min(max(1, wanted), slots)
        let slot = Slot(gate: self, width: width)
        let ticket: Int? = state.withLock { state in
            guard !state.admits(width) else { return nil }
            state.nextWaiter += 1
            return state.nextWaiter
        }
        guard let ticket else { return slot }
        let alarm = Task { [time, patience] in
            guard (try? await time.sleep(for: patience)) != nil else { return }
            dismiss(ticket, .gaveUp)
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                wait(Waiter(id: ticket, width: width, continuation: continuation))
            }
        } onCancel: {
            dismiss(ticket, .canceled)
        }
        alarm.cancel()
        await alarm.value
        state.withLock { _ = $0.early.removeValue(forKey: ticket) }
        switch outcome {
        case .entered: return slot
        case .gaveUp: throw .busy
        case .canceled: throw .canceled
        }
    }

    private func wait(_ waiter: Waiter) {
        let outcome: Outcome? = state.withLock { state in
            if let outcome = state.early[waiter.id] { return outcome }
            // A slot may have come free since the ticket was drawn.
            if state.admits(waiter.width) { return .entered }
            state.waiters.append(waiter)
            return nil
        }
        if let outcome { waiter.continuation.resume(returning: outcome) }
    }

    private func dismiss(_ ticket: Int, _ outcome: Outcome) {
        let (dismissed, entering): (Waiter?, [Waiter]) = state.withLock { state in
            guard let at = state.waiters.firstIndex(where: { $0.id == ticket }) else {
                // Not waiting yet, or not any more: `enter` forgets it either way.
                state.early[ticket] = outcome
                return (nil, [])
            }
            // Those behind it may be narrower.
            return (state.waiters.remove(at: at), state.next())
        }
        dismissed?.continuation.resume(returning: outcome)
        for waiter in entering { waiter.continuation.resume(returning: .entered) }
    }

    private func leave(_ width: Int) {
        let entering = state.withLock { state in
            state.free += width
            return state.next()
        }
        for waiter in entering { waiter.continuation.resume(returning: .entered) }
    }
}
