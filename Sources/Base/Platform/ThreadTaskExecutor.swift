/// Threads of our own for long computations (flush, compaction): they share no thread with the cooperative pool, so that
/// acknowledgements never wait behind an encoder.
public final class ThreadTaskExecutor: TaskExecutor {
    private let threads: BlockingThreads

    /// - Parameters: as those of `BlockingThreads`.
    public init(name: String, threads: Int, makesWayOn processors: Int? = nil) {
        self.threads = BlockingThreads(name: name, threads: threads, makesWayOn: processors)
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        threads.add { [self] in unowned.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
