import Platform
import Synchronization

/// Writers that wait for memory, or for the disk: so many, and so long.
///
/// - Whoever waits is woken when something was given back, looks again, and waits on if it does not fit yet.
/// - A full queue and a full time end in 'overloaded', never in a longer queue.
final class WriterQueue: Sendable {
    private struct State {
        var next: UInt64 = 0
        var waiting: [UInt64: UnsafeContinuation<Bool, Never>] = [:]
        /// Those between their first and their last step here, and of these such as ended before they had begun to wait.
        var present: Set<UInt64> = []
        var early: Set<UInt64> = []
        /// Counts wakings: one between the look and the wait is not missed.
        var wakings: UInt64 = 0
        var isClosed = false
    }
    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.waiting.count } }

    /// Wakings so far: to be asked before the look.
    var wakings: UInt64 { state.withLock { $0.wakings } }

    /// Returns when something was given back since `seen`, at once where that is so.
    /// - Returns: false when the queue is full, the time is up or the region closes.
    func wait(since seen: UInt64, atMost patience: Duration, _ environment: Environment) async -> Bool {
        let id = state.withLock { state in
            state.next += 1
            state.present.insert(state.next)
            return state.next
        }
        let timer = environment.spawn { [self] in
            do { try await environment.time.sleep(for: patience) } catch { return }
            end(id)
        }
        defer {
            timer.cancel()
            state.withLock { state in
                state.present.remove(id)
                state.early.remove(id)
            }
        }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
                let known = state.withLock { state -> Bool? in
                    if state.early.contains(id) || state.isClosed { return false }
                    if state.wakings > seen { return true }
                    guard state.waiting.count < limit else { return false }
                    state.waiting[id] = continuation
                    return nil
                }
                if let known { continuation.resume(returning: known) }
            }
        } onCancel: {
            end(id)
        }
    }

    /// Time is up for one.
    private func end(_ id: UInt64) {
        let mine = state.withLock { state -> UnsafeContinuation<Bool, Never>? in
            if let mine = state.waiting.removeValue(forKey: id) { return mine }
            if state.present.contains(id) { state.early.insert(id) }
            return nil
        }
        mine?.resume(returning: false)
    }

    /// Something was given back.
    func wake() { resumeAll(true) }

    func close() {
        state.withLock { $0.isClosed = true }
        resumeAll(false)
    }

    private func resumeAll(_ outcome: Bool) {
        let woken = state.withLock { state -> [UnsafeContinuation<Bool, Never>] in
            state.wakings &+= 1
            guard !state.waiting.isEmpty else { return [] }
            defer { state.waiting = [:] }
            return state.waiting.sorted { $0.key < $1.key }.map(\.value)
        }
        for continuation in woken { continuation.resume(returning: outcome) }
    }
}
