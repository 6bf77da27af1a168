import Platform
import Synchronization

/// Runs the jobs of a simulated world one at a time, each time choosing among those ready by its seed: the same seed, the
/// same interleaving, with actors and task groups.
///
/// - Tasks must be made by `Environment.spawn`, by structured concurrency, or by `run`: a plain `Task {}` escapes.
/// - When nothing is ready the clock moves to the next sleeper.
public final class SeededExecutor: TaskExecutor {
    private struct State {
        var ready: [UnownedJob] = []
        var generator: SeededGenerator
        var steps = 0
        /// Folded over every choice: equal for equal runs.
        var trace: UInt64 = 0xcbf2_9ce4_8422_2325
        var observer: (@Sendable () -> Void)?
    }
    private let state: Mutex<State>
    private let time: SimulatedTime

    public init(seed: UInt64, time: SimulatedTime) {
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
        self.time = time
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(job) }
    }

    /// How many jobs have run.
    public var steps: Int { state.withLock { $0.steps } }
    /// Stands for all choices made so far.
    public var trace: UInt64 { state.withLock { $0.trace } }

    /// Calls `observer` after each job: the place to look whether what must always hold holds.
    public func observe(_ observer: (@Sendable () -> Void)?) { state.withLock { $0.observer = observer } }

    private func takeOne() -> UnownedJob? {
        state.withLock { state in
            guard !state.ready.isEmpty else { return nil }
            let index = Int.random(in: 0..<state.ready.count, using: &state.generator)
            state.steps += 1
            state.trace = (state.trace ^ UInt64(index) ^ UInt64(state.ready.count) << 32) &* 0x100_0000_01b3
            return state.ready.remove(at: index)
        }
    }

    /// Runs `work` and everything it starts on the calling thread until it returns.
    ///
    /// - Parameter limit: so many jobs at most: a world that turns in circles is found, too.
    /// - Throws: what `work` throws, or `Stuck` when nothing is ready and nobody sleeps.
    public func run<Value: Sendable>(
        limit: Int = .max, _ work: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let outcome = Outcome<Value>()
        Task(executorPreference: self) {
            let result: Result<Value, any Error>
            do {
                result = .success(try await work())
            } catch {
                result = .failure(error)
            }
            outcome.value.withLock { $0 = result }
        }
        var left = limit
        while true {
            if let result = outcome.value.withLock({ $0 }) { return try result.get() }
            if left == 0 { throw Stuck(steps: steps, isBusy: true) }
            left -= 1
            if let job = takeOne() {
                job.runSynchronously(on: asUnownedTaskExecutor())
                state.withLock { $0.observer }?()
            } else if !time.advanceToNextSleeper() {
                throw Stuck(steps: steps, isBusy: false)
            }
        }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Result<Value, any Error>?>(nil)
    }

    /// Everybody waits for somebody, or runs for ever.
    public struct Stuck: Error, CustomStringConvertible {
        public let steps: Int
        public let isBusy: Bool
        public var description: String {
            isBusy ? "after \(steps) steps there is no end" : "after \(steps) steps nothing is ready and nobody sleeps"
        }
    }
}
