import Platform
import Synchronization

/// What the whole server knows of itself while it runs.
final class ServerState: Sendable {
    /// Milliseconds since the epoch.
    let startTime: Int64
    let requests = RequestTally()
    let queries = ActiveQueries()
    let topQueries = TopQueries()
    let refusedQueries = RefusedQueries()
    let access: WebAccess
    let memory: MemoryGauge
    let reloads: ReloadTally
    let connections = ConnectionTally()
    let watches = ConnectionWatches()
    /// The memory that all request bodies share.
    let bodies: MemoryBudget
    private let stopping = Atomic<Bool>(false)

    init(
        startTime: Int64, access: WebAccess = WebAccess(openWith: LiveRandomSource()), memoryLimit: Int = 0,
        bodyMemory: Int = ServerOptions().bodyMemory, time: any TimeSource = LiveTimeSource()
    ) {
        self.startTime = startTime
        self.access = access
        bodies = MemoryBudget(limit: ByteCount(bodyMemory))
        memory = MemoryGauge(limit: memoryLimit, time: time)
        reloads = ReloadTally(startTime: startTime, time: time)
    }

    /// Set when the signal to stop came; never cleared.
    var isStopping: Bool { stopping.load(ordering: .relaxed) }
    func stop() { stopping.store(true, ordering: .relaxed) }
}
