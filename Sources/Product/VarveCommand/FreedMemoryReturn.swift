import Platform

/// Gives free memory back to the system twice a minute, so that what a server holds is what it uses, and a busy hour of the
/// past is not paid for ever.
struct FreedMemoryReturn {
    static let interval = Duration.seconds(30)
    private let task: Task<Void, Never>

    init(_ environment: Environment) {
        task = Task {
            while (try? await environment.time.sleep(for: Self.interval)) != nil {
                try? await environment.blocking.run { FreedMemory.returnAll() }
            }
        }
    }

    func cancel() { task.cancel() }
}
