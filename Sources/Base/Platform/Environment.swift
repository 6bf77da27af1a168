/// The world that the engine lives in, as arguments: files, time, chance, threads. Crashes, faults and interleavings
/// replay from a seed because nothing below the server reaches past this value.
public struct Environment: Sendable {
    public var fileSystem: any FileSystem
    public var time: any TimeSource
    public var random: any RandomSource
    public var blocking: any BlockingExecutor
    /// Where background tasks run; nil is the global pool.
    public var taskExecutor: (any TaskExecutor)?
    /// Where merges are computed; nil is where their callers run.
    public var mergeExecutor: (any TaskExecutor)?
    /// Where flushes are computed: elsewhere than merges, because writers wait for a flush when memory is full, and nobody for
    /// a merge.
    public var flushExecutor: (any TaskExecutor)?

    public init(
        fileSystem: any FileSystem, time: any TimeSource, random: any RandomSource, blocking: any BlockingExecutor,
        taskExecutor: (any TaskExecutor)? = nil, mergeExecutor: (any TaskExecutor)? = nil,
        flushExecutor: (any TaskExecutor)? = nil
    ) {
        self.fileSystem = fileSystem
        self.time = time
        self.random = random
        self.blocking = blocking
        self.taskExecutor = taskExecutor
        self.mergeExecutor = mergeExecutor
        self.flushExecutor = flushExecutor
    }

    /// The real world.
    public static let live = Environment(
        fileSystem: LiveFileSystem(), time: LiveTimeSource(), random: LiveRandomSource(),
        blocking: BlockingThreads(threads: 8), mergeExecutor: ThreadTaskExecutor(name: "merges", threads: 1),
        flushExecutor: ThreadTaskExecutor(name: "flushes", threads: 1))

    /// A task of this world. A plain `Task {}` would escape a seeded executor.
    @discardableResult
    public func spawn(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task(executorPreference: taskExecutor) { await work() }
    }

    /// Runs `work`, which may block, some time; returns at once. Without a task where the threads allow it: waking one costs
    /// as much as a small commit.
    public func startBlocking(_ work: @escaping @Sendable () -> Void) {
        if blocking.start(work) { return }
        spawn { [blocking] in try? await blocking.run(work) }
    }
}
