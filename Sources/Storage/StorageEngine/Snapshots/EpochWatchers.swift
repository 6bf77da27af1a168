import Columnar
import Platform
import Synchronization

/// Those who wait for the part list to change.
///
/// - A waiter names the epoch it has seen and wakes at a strictly newer one: it never wakes for what it knows.
/// - After `end` everybody is answered at once, and so is whoever comes later.
/// - Continuations are resumed outside the lock.
final class EpochWatchers: Sendable {
    private struct State {
        var isEnded = false
        var next: UInt64 = 0
        var waiting: [UInt64: (epoch: Epoch, continuation: UnsafeContinuation<Outcome, Never>)] = [:]
        /// Cancelled before they had begun to wait.
        var cancelled: Set<UInt64> = []
    }
    private enum Outcome { case newer, ended, cancelled }
    private let state = Mutex(State())

    /// False: nothing newer will come.
    /// - Parameter current: the epoch of the moment; asked with the waiter's place taken, so that no change is missed.
    func wait(after epoch: Epoch, current: @Sendable () -> Epoch) async throws(CancellationError) -> Bool {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        let outcome = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Outcome, Never>) in
                let known = state.withLock { state -> Outcome? in
                    if state.cancelled.remove(id) != nil { return .cancelled }
                    if state.isEnded { return .ended }
                    state.waiting[id] = (epoch, continuation)
                    return nil
                }
                if let known { return continuation.resume(returning: known) }
                // A change between the look and the wait has told nobody of us.
                if current() > epoch, let mine = state.withLock({ $0.waiting.removeValue(forKey: id) }) {
                    mine.continuation.resume(returning: .newer)
                }
            }
        } onCancel: {
            let mine = state.withLock { state -> UnsafeContinuation<Outcome, Never>? in
                if let mine = state.waiting.removeValue(forKey: id) { return mine.continuation }
                state.cancelled.insert(id)
                return nil
            }
            mine?.resume(returning: .cancelled)
        }
        state.withLock { _ = $0.cancelled.remove(id) }
        if outcome == .cancelled { throw CancellationError() }
        return outcome == .newer
    }

    func reached(_ epoch: Epoch) {
        let woken = state.withLock { state -> [UnsafeContinuation<Outcome, Never>] in
            guard !state.waiting.isEmpty else { return [] }
            let satisfied = state.waiting.filter { $0.value.epoch < epoch }
            for id in satisfied.keys { state.waiting[id] = nil }
            return satisfied.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume(returning: .newer) }
    }

    func end() {
        let woken = state.withLock { state -> [UnsafeContinuation<Outcome, Never>] in
            state.isEnded = true
            defer { state.waiting = [:] }
            return state.waiting.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume(returning: .ended) }
    }
}
