public import Columnar
public import Platform
import Synchronization

/// The log of one region in a local directory: group commit, rotation, recovery, repair.
///
/// - One committer at a time writes; all writers that wait meanwhile share its next write and sync.
/// - What is acknowledged is in the log segments that `read` reads; what failed never is acknowledged.
/// - After a failed write or sync it repairs itself (`RegionLog+Healing`); until then it can be read and released.
/// - Nothing blocks the cooperative pool: all I/O runs through `Environment.blocking`.
///
/// The caller holds the kernel lock of the data directory: two logs on one directory would write over each other. Within
/// a process, too: a log is closed before another one is opened.
public final class RegionLog: WriteAheadLog {
    /// Who is told when a record is durable.
    enum Waiter: Sendable {
        case task(UnsafeContinuation<Result<Void, WALError>, Never>)
        case call(@Sendable (Result<Void, WALError>) -> Void)

        func resume(returning result: Result<Void, WALError>) {
            switch self {
            case .task(let continuation): continuation.resume(returning: result)
            case .call(let answer): answer(result)
            }
        }
    }

    /// A log segment made ahead.
    enum Spare {
        case none
        case making(Task<Void, Never>)
        case ready(SegmentFile)
        /// Not tried again before it is needed.
        case failed(SegmentFailure)
    }

    struct SegmentFailure: Error, CustomStringConvertible {
        var description: String
        var isDiskFull: Bool
    }

    struct State {
        var commit: GroupCommit<Waiter>
        /// nil: there was no room to open the log for writing.
        var committer: Committer?
        /// Every log segment with records or being written, oldest first; the last one is active.
        var segments: [LogSegmentInfo]
        var counts = LogStatistics()
        var spare: Spare
        /// Log segments that nobody needs, kept to be written over.
        var free: [LogSegmentNumber] = []
        /// What callers need no more: of every table, and of single ones.
        var released: SequenceNumber?
        var marks = TableMarks()
        /// Readers per log segment: those are not removed.
        var pins: [LogSegmentNumber: Int] = [:]
        /// The youngest log segment with a synced batch: it knows the last sequence number after any crash, so that the
        /// ones before it may go.
        var anchor: LogSegmentNumber
        /// Something was written that no sync covers; that no later batch knows synced.
        var isUnsynced = false
        var isUnsealed = false
        /// The timer of `RegionLog+Housekeeping`, and the commits at its last tick.
        var timer: Task<Void, Never>?
        var commitsAtTick: UInt64 = 0
        /// The pause between two attempts to repair; cancelled, the next one begins at once.
        var nap: Task<Void, Never>?
        var healer: Task<Void, Never>?
        var recovery: LogRecoveryReport
    }

    let directory: LogDirectory
    let region: String
    let options: WALOptions
    let environment: Environment
    let state: Mutex<State>
    /// Whoever changes the list of log segments other than by appending to it.
    let segmentsLock = AsyncLock()
    /// What opening found and did.
    public var recovery: LogRecoveryReport { state.withLock { $0.recovery } }

    /// Opens the log in `directory`, which is made if it is not there, and recovers what it holds.
    /// - Parameters:
    ///   - directory: of this region's log alone.
    ///   - region: its name, 1 … 1,024 bytes; a log of another region is refused.
    /// - Throws: `WALError.damaged` and `.foreign` change nothing. A log on a full disk opens: it can be read and
    ///   released; `enqueue` throws `.poisoned` until there is room.
    public static func open(
        directory: String, region: String, options: WALOptions, environment: Environment
    ) async throws(WALError) -> RegionLog {
        let log = try await open(directory, region, options, environment, readOnly: false)
        if log.state.withLock({ $0.committer == nil }) { log.startHealing() }
        return log
    }

    /// Opens the log for reading only; changes nothing on disk.
    public static func openReadOnly(
        directory: String, region: String, options: WALOptions, environment: Environment
    ) async throws(WALError) -> RegionLog {
        try await open(directory, region, options, environment, readOnly: true)
    }

    private static func open(
        _ path: String, _ region: String, _ options: WALOptions, _ environment: Environment, readOnly: Bool
    ) async throws(WALError) -> RegionLog {
        if let problem = options.problems().first { throw .io(problem) }
        guard (1...LogSegmentHeader.regionLimit).contains(region.utf8.count) else {
            throw .foreign("a region's name has 1 … \(LogSegmentHeader.regionLimit) bytes")
        }
        let directory = LogDirectory(path: path, fileSystem: environment.fileSystem)
        return try await onThread(environment) {
            let recovery = LogRecovery(directory: directory, region: region, options: options, readOnly: readOnly)
            return RegionLog(directory, region, options, environment, try recovery.run(), readOnly)
        }
    }

    private init(
        _ directory: LogDirectory, _ region: String, _ options: WALOptions, _ environment: Environment,
        _ found: LogRecovery.Outcome, _ readOnly: Bool
    ) {
        self.directory = directory
        self.region = region
        self.options = options
        self.environment = environment
        #if PLANTED_BUGS
            let last = PlantedBug.current == .sequenceRestarts ? nil : found.last
        #else
            let last = found.last
        #endif
        var commit = GroupCommit<Waiter>(last: last, recordBytesLimit: options.recordBytesLimit)
        var counts = LogStatistics()
        if let refusal = found.report.refusal {
            if readOnly {
                _ = commit.fail(refusal)
            } else {
                _ = commit.breakDown(refusal)
                counts.failure = LogFailure(reason: refusal, isDiskFull: true)
            }
        }
        state = Mutex(
            State(
                commit: commit, committer: found.appender.map { Committer($0, durability: options.durability) },
                segments: found.segments, counts: counts, spare: found.spare.map { .ready($0) } ?? .none,
                anchor: Self.anchor(of: found.segments), recovery: found.report))
    }

    static func anchor(of segments: [LogSegmentInfo]) -> LogSegmentNumber {
        segments.last { $0.end > UInt64(LogSegmentHeader.size) }?.number ?? .zero
    }

    deinit {
        let tasks = state.withLock { [$0.timer, $0.nap, $0.healer] }
        for task in tasks { task?.cancel() }
    }

    // MARK: Writing

    public func enqueue(_ record: LogRecord) throws(WALError) {
        let mustStart = try state.withLock { (state) throws(WALError) in try state.commit.enqueue(record) }
        if mustStart { startCommitter() }
    }

    public func waitUntilDurable(_ sequence: SequenceNumber) async throws(WALError) {
        let result: Result<Void, WALError> = await withUnsafeContinuation { continuation in
            wait(for: sequence, .task(continuation))
        }
        try result.get()
    }

    public func whenDurable(
        _ sequence: SequenceNumber, _ answer: @escaping @Sendable (Result<Void, WALError>) -> Void
    ) { wait(for: sequence, .call(answer)) }

    private func wait(for sequence: SequenceNumber, _ waiter: Waiter) {
        if let answer = state.withLock({ $0.commit.wait(for: sequence, waiter) }) { waiter.resume(returning: answer) }
    }

    /// When it has returned or thrown nothing touches the directory any more: another log may be opened on it.
    public func close() async throws(WALError) {
        let result: Result<Void, WALError> = await withUnsafeContinuation { continuation in
            let (answer, mustStart, nap) = state.withLock { state in
                let (answer, mustStart) = state.commit.close(.task(continuation))
                return (answer, mustStart, state.nap)
            }
            if let answer { continuation.resume(returning: answer) }
            if mustStart { startCommitter() }
            nap?.cancel()
        }
        let (timer, making) = state.withLock { state -> (Task<Void, Never>?, Task<Void, Never>?) in
            guard case .making(let task) = state.spare else { return (state.timer, nil) }
            return (state.timer, task)
        }
        timer?.cancel()
        await making?.value
        try result.get()
    }

    // MARK: State

    public var lastSequence: SequenceNumber? { state.withLock { $0.commit.lastEnqueued } }

    public var statistics: LogStatistics {
        state.withLock { state in
            var counts = state.counts
            counts.segments = state.segments.count
            counts.bytes = state.segments.reduce(0) { $0 + $1.end }
            if case .failed(let failure) = state.spare { counts.spareFailure = failure.description }
            return counts
        }
    }

    /// Runs `work` where it may block; whatever it throws becomes an error of the log.
    static func onThread<Value: Sendable>(
        _ environment: Environment, _ work: @escaping @Sendable () throws -> Value
    ) async throws(WALError) -> Value {
        do {
            return try await environment.blocking.run(work)
        } catch let error as WALError {
            throw error
        } catch {
            throw .io("\(error)")
        }
    }
}
