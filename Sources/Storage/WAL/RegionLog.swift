public import Columnar
public import Platform
import Synchronization

/// The log of one region in a local directory: group commit, rotation, recovery.
///
/// - One committer at a time writes; all writers that wait meanwhile share its next write and sync.
/// - What is acknowledged is in the log segments that `replay` reads; what failed never is acknowledged.
/// - Nothing blocks the cooperative pool: all I/O runs through `Environment.blocking`.
///
/// The caller holds the kernel lock of the data directory: two logs on one directory would write over each other. Within
/// a process, too: a poisoned log is closed before another one is opened.
public final class RegionLog: WriteAheadLog {
    typealias Waiter = CheckedContinuation<Result<Void, WALError>, Never>

    /// A log segment made ahead.
    enum Spare {
        case none
        case making(Task<Void, Never>)
        case ready(SegmentFile)
        /// Not tried again before it is needed.
        case failed(String)
    }

    struct State {
        var commit: GroupCommit<Waiter>
        /// Every log segment with records or being written, oldest first; the last one is active.
        var segments: [LogSegmentInfo]
        var counts = LogStatistics()
        var spare: Spare
        /// Readers per log segment: those are not removed.
        var pins: [LogSegmentNumber: Int] = [:]
        /// Log segments that a release is removing.
        var removing: Set<LogSegmentNumber> = []
        /// The youngest log segment with a synced batch: it knows the last sequence number after any crash, so that the
        /// ones before it may go.
        var anchor: LogSegmentNumber
        /// Something was written that no sync covers; that no later batch knows synced.
        var isUnsynced = false
        var isUnsealed = false
        /// The timer of `RegionLog+Housekeeping`, and the commits at its last tick.
        var timer: Task<Void, Never>?
        var commitsAtTick: UInt64 = 0
    }

    let directory: LogDirectory
    let region: String
    let options: WALOptions
    let environment: Environment
    let state: Mutex<State>
    let committer: Committer?
    /// What opening found and did.
    public let recovery: LogRecoveryReport

    /// Opens the log in `directory`, which is made if it is not there, and recovers what it holds.
    /// - Parameters:
    ///   - directory: of this region's log alone.
    ///   - region: its name, 1 … 1,024 bytes; a log of another region is refused.
    /// - Throws: `WALError.damaged` and `.foreign` change nothing. A log on a full disk opens: it can be read and
    ///   released, `enqueue` throws `.poisoned` until it is opened again.
    public static func open(
        directory: String, region: String, options: WALOptions, environment: Environment
    ) async throws(WALError) -> RegionLog {
        try await open(directory, region, options, environment, readOnly: false)
    }

    /// Opens the log for `replay` only; changes nothing on disk.
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
            return RegionLog(directory, region, options, environment, try recovery.run())
        }
    }

    private init(
        _ directory: LogDirectory, _ region: String, _ options: WALOptions, _ environment: Environment,
        _ found: LogRecovery.Outcome
    ) {
        self.directory = directory
        self.region = region
        self.options = options
        self.environment = environment
        recovery = found.report
        committer = found.appender.map { Committer($0, durability: options.durability) }
        #if PLANTED_BUGS
            let last = PlantedBug.current == .sequenceRestarts ? nil : found.last
        #else
            let last = found.last
        #endif
        var commit = GroupCommit<Waiter>(last: last, recordBytesLimit: options.recordBytesLimit)
        if let refusal = found.report.refusal { _ = commit.fail(refusal) }
        let anchor = found.segments.last { $0.end > UInt64(LogSegmentHeader.size) }?.number ?? .zero
        state = Mutex(
            State(
                commit: commit, segments: found.segments, spare: found.spare.map { .ready($0) } ?? .none,
                anchor: anchor))
    }

    deinit {
        state.withLock { $0.timer }?.cancel()
    }

    // MARK: Writing

    public func enqueue(_ record: LogRecord) throws(WALError) {
        let mustStart = try state.withLock { (state) throws(WALError) in try state.commit.enqueue(record) }
        if mustStart { startCommitter() }
    }

    public func waitUntilDurable(_ sequence: SequenceNumber) async throws(WALError) {
        let result: Result<Void, WALError> = await withCheckedContinuation { continuation in
            let answer = state.withLock { $0.commit.wait(for: sequence, continuation) }
            if let answer { continuation.resume(returning: answer) }
        }
        try result.get()
    }

    /// When it has returned or thrown nothing touches the directory any more: another log may be opened on it.
    public func close() async throws(WALError) {
        let result: Result<Void, WALError> = await withCheckedContinuation { continuation in
            let (answer, mustStart) = state.withLock { $0.commit.close(continuation) }
            if let answer { continuation.resume(returning: answer) }
            if mustStart { startCommitter() }
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
            if case .failed(let reason) = state.spare { counts.spareFailure = reason }
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
