import Platform
import Synchronization

/// How long a sender waits for a write that the disk does not confirm. Then it is told that the outcome is unknown; the
/// write goes on, and a repeat is harmless.
///
/// - Each write is answered exactly once, on the thread that knows the answer first.
/// - One task watches all of them, and ends when there are none: a write costs two short locks.
final class WritePatience: Sendable {
    private static let tick = Duration.seconds(1)

    private struct Waiting {
        let id: UInt64
        /// Of the monotonic clock, nanoseconds.
        let since: UInt64
        let send: @Sendable (APIAnswer) -> Void
    }

    private struct State {
        var nextID: UInt64 = 0
        /// In order of arrival.
        var waiting: [UInt64: Waiting] = [:]
        var isWatched = false
        /// Writes answered with 'unknown'.
        var unconfirmed: UInt64 = 0
    }

    private let patience: Duration
    private let time: any TimeSource
    private let state = Mutex(State())

    init(_ patience: Duration, time: any TimeSource) {
        self.patience = patience
        self.time = time
    }

    /// - Parameters:
    ///   - send: called once, with the answer of `work` or with 'unknown'.
    ///   - work: calls its argument once, now or later.
    func answer(
        _ send: @escaping @Sendable (APIAnswer) -> Void, _ work: (@escaping @Sendable (APIAnswer) -> Void) -> Void
    ) {
        let since = time.monotonic()
        let (id, mustWatch) = state.withLock { state in
            state.nextID += 1
            state.waiting[state.nextID] = Waiting(id: state.nextID, since: since, send: send)
            defer { state.isWatched = true }
            return (state.nextID, !state.isWatched)
        }
        if mustWatch { Task { await watch() } }
        work { answer in self.state.withLock { $0.waiting.removeValue(forKey: id) }?.send(answer) }
    }

    private func watch() async {
        while true {
            try? await time.sleep(for: Self.tick)
            let now = time.monotonic()
            let (late, goesOn) = state.withLock { state in
                let late = state.waiting.values.filter { now >= $0.since && .nanoseconds(now - $0.since) >= patience }
                for one in late { state.waiting[one.id] = nil }
                state.unconfirmed += UInt64(late.count)
                state.isWatched = !state.waiting.isEmpty
                return (late, state.isWatched)
            }
            for one in late { one.send(unknown) }
            if !goesOn { return }
        }
    }

    var statistics: [DatabaseStatistic] {
        let (waiting, unconfirmed) = state.withLock { ($0.waiting.count, $0.unconfirmed) }
        return [
            DatabaseStatistic(
                name: "varve_writes_unanswered", help: "Writes that are being stored.", kind: .gauge,
                value: Double(waiting)),
            DatabaseStatistic(
                name: "varve_writes_unconfirmed_total",
                help: "Writes that the disk did not confirm in time: answered with 503, their outcome unknown.",
                kind: .counter, value: Double(unconfirmed)),
        ]
    }

    private var unknown: APIAnswer {
        WriteRoute.retryLater(
            "the disk has not confirmed this write for \(patience.milliseconds / 1_000) s: its outcome is unknown; send it "
                + "again, a repeat is harmless", after: 5)
    }
}
