public import Platform

/// A world with its parts at hand: `environment` is what the engine sees.
public struct SimulatedWorld: Sendable {
    public let fileSystem: MemoryFileSystem
    public let time: SimulatedTime
    public let executor: SeededExecutor
    public let environment: Environment

    /// - Parameter fileSystem: what a crash left over, or an empty one.
    public init(seed: UInt64, fileSystem: MemoryFileSystem? = nil, time: SimulatedTime = SimulatedTime()) {
        let disk = fileSystem ?? MemoryFileSystem(time: time)
        self.fileSystem = disk
        self.time = time
        executor = SeededExecutor(seed: seed, time: time)
        environment = Environment(
            fileSystem: disk, time: time, random: SeededRandomSource(seed: seed ^ 0x5eed), blocking: InlineExecutor(),
            taskExecutor: executor)
    }

    private init(_ fileSystem: MemoryFileSystem, _ other: SimulatedWorld, random: UInt64) {
        self.fileSystem = fileSystem
        (time, executor) = (other.time, other.executor)
        environment = Environment(
            fileSystem: fileSystem, time: time, random: SeededRandomSource(seed: random), blocking: InlineExecutor(),
            taskExecutor: executor)
    }

    /// Another machine in this world: the same clock and threads, a disk and chance of its own.
    public func with(_ fileSystem: MemoryFileSystem, random: UInt64) -> SimulatedWorld {
        SimulatedWorld(fileSystem, self, random: random)
    }

    /// Runs `work` in this world; see `SeededExecutor.run`.
    public func run<Value: Sendable>(
        limit: Int = .max, _ work: @escaping @Sendable (Environment) async throws -> Value
    ) throws -> Value {
        let environment = environment
        return try executor.run(limit: limit) { try await work(environment) }
    }
}

extension Environment {
    /// Files in memory, a clock that stands until it is moved, chance from `seed`, blocking work inline. Tasks run on the
    /// global pool: for interleavings from a seed use `SimulatedWorld`.
    public static func simulated(seed: UInt64) -> Environment {
        let time = SimulatedTime()
        return Environment(
            fileSystem: MemoryFileSystem(time: time), time: time, random: SeededRandomSource(seed: seed),
            blocking: InlineExecutor())
    }
}
