import Synchronization

/// What the whole server knows of itself while it runs.
final class ServerState: Sendable {
    /// Milliseconds since the epoch.
    let startTime: Int64
    let requests = RequestTally()
    let queries = ActiveQueries()
    let topQueries = TopQueries()
    let watches = ConnectionWatches()
    private let stopping = Atomic<Bool>(false)

    init(startTime: Int64) { self.startTime = startTime }

    /// Set when the signal to stop came; never cleared.
    var isStopping: Bool { stopping.load(ordering: .relaxed) }
    func stop() { stopping.store(true, ordering: .relaxed) }
}
