import CPlatform
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where calls that block (file I/O, long computations) run, so that the cooperative pool never waits.
public protocol BlockingExecutor: Sendable {
    /// Runs `work` elsewhere and returns what it returns.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value
    /// Takes `work` to be run elsewhere and returns at once. false: it cannot, nothing was taken.
    func start(_ work: @escaping @Sendable () -> Void) -> Bool
    /// Has the calling thread, one of those that `work` runs on, rest for so many nanoseconds; it may do nothing.
    func rest(nanoseconds: UInt64)
}

extension BlockingExecutor {
    public func start(_ work: @escaping @Sendable () -> Void) -> Bool { false }
    public func rest(nanoseconds: UInt64) {}
}

/// Threads of our own behind one queue.
///
/// - A job is never lost: `run` returns only with its outcome.
/// - Threads are started once and live as long as the process; the queue is bounded by the callers' own budgets.
public final class BlockingThreads: BlockingExecutor {
    private typealias Job = @Sendable () -> Void

    private final class Queue: @unchecked Sendable {
        // Reason for @unchecked: every access to `jobs` is under `mutex`.
        private var mutex = pthread_mutex_t()
        private var condition = pthread_cond_t()
        private var jobs: [Job] = []
        private var head = 0
        /// nil: the threads are like all others.
        let spare: SpareProcessors?
        let name: String

        init(name: String, spare: SpareProcessors?) {
            self.name = name
            self.spare = spare
            pthread_mutex_init(&mutex, nil)
            pthread_cond_init(&condition, nil)
        }

        func add(_ job: @escaping Job) {
            pthread_mutex_lock(&mutex)
            jobs.append(job)
            pthread_cond_signal(&condition)
            pthread_mutex_unlock(&mutex)
        }

        func take() -> Job {
            pthread_mutex_lock(&mutex)
            defer { pthread_mutex_unlock(&mutex) }
            while head == jobs.count { pthread_cond_wait(&condition, &mutex) }
            let job = jobs[head]
            head += 1
            if head == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                head = 0
            } else if head > 1_024 {
                jobs.removeFirst(head)
                head = 0
            }
            return job
        }
    }

    private let queue: Queue

    /// - Parameters:
    ///   - name: of each thread, for `top -H` and profilers; 15 bytes of it.
    ///   - threads: 1 … 256.
    ///   - makesWayOn: of so many processors: the threads rest while others of the process need the processors
    ///     (`SpareProcessors`), between jobs and at their `RestingPoint`s. nil: they are like all others.
    public init(name: String = "blocking", threads: Int, makesWayOn processors: Int? = nil) {
        queue = Queue(name: name, spare: processors.map(SpareProcessors.init(processors:)))
        for _ in 0..<min(max(threads, 1), 256) {
            let argument = Unmanaged.passRetained(queue)
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
            pthread_attr_setstacksize(&attributes, 2 << 20)
            #if canImport(Glibc)
                var thread = pthread_t()
            #else
                var thread: pthread_t?
            #endif
            let started = pthread_create(
                &thread, &attributes,
                { raw in
                    #if canImport(Glibc)
                        guard let raw else { return nil }
                    #endif
                    let queue = Unmanaged<Queue>.fromOpaque(raw).takeRetainedValue()
                    varve_name_thread(queue.name)
                    if let spare = queue.spare {
                        // As long as the thread, which is as long as the process.
                        let pace = ThreadPace(spare, clock: varve_thread_clock())
                        varve_set_thread_context(Unmanaged.passRetained(pace).toOpaque())
                    }
                    while true {
                        queue.take()()
                        RestingPoint.pass()
                    }
                }, argument.toOpaque())
            if started != 0 { argument.release() }
            pthread_attr_destroy(&attributes)
        }
    }

    /// Runs `job` on one of the threads, some time.
    func add(_ job: @escaping @Sendable () -> Void) { queue.add(job) }

    public func start(_ work: @escaping @Sendable () -> Void) -> Bool {
        queue.add(work)
        return true
    }

    public func rest(nanoseconds: UInt64) { varve_rest(nanoseconds) }

    public func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            queue.add { continuation.resume(with: Result(catching: work)) }
        }
    }
}

/// Runs the work where it is asked for: for simulations, which own every thread of their world.
public struct InlineExecutor: BlockingExecutor {
    public init() {}
    public func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try work()
    }
}
