import Columnar
import Platform
import Synchronization
import Testing

@testable import WAL

/// A clock that stands until it is told to go on.
final class ManualTime: TimeSource {
    private struct Sleeper {
        var until: UInt64
        var wake: CheckedContinuation<Bool, Never>
    }
    private struct State {
        var now: UInt64 = 0
        var sleepers: [UInt64: Sleeper] = [:]
        var next: UInt64 = 0
        var watchers: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func now() -> Int64 { Int64(monotonic() / 1_000_000) }
    func monotonic() -> UInt64 { state.withLock { $0.now } }
    func sleep(for duration: Duration) async throws {
        let nanoseconds = UInt64(duration / .nanoseconds(1))
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        let slept = await withTaskCancellationHandler {
            await withCheckedContinuation { wake in
                let watchers = state.withLock { state in
                    state.sleepers[id] = Sleeper(until: state.now + nanoseconds, wake: wake)
                    defer { state.watchers = [] }
                    return state.watchers
                }
                for watcher in watchers { watcher.resume() }
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
        if !slept { throw CancellationError() }
    }
    private func cancel(_ id: UInt64) {
        state.withLock { $0.sleepers.removeValue(forKey: id) }?.wake.resume(returning: false)
    }
    /// Returns when somebody sleeps.
    func somebodySleeps() async {
        await withCheckedContinuation { watcher in
            let sleeps = state.withLock { state in
                if state.sleepers.isEmpty { state.watchers.append(watcher) }
                return !state.sleepers.isEmpty
            }
            if sleeps { watcher.resume() }
        }
    }
    /// Wakes whoever has slept long enough.
    func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now += UInt64(duration / .nanoseconds(1))
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.wake)
        }
        for wake in woken { wake.resume(returning: true) }
    }
    var sleepers: Int { state.withLock { $0.sleepers.count } }
}

/// One region's log on a disk of its own.
struct LogWorld {
    static let directory = "/data/wal/r"
    var disk = CrashingFileSystem()
    var time = ManualTime()
    var options = WALOptions()

    init(segmentSize: Int = 32 << 10) {
        options.segmentSize = ByteCount(segmentSize)
        options.dataDirectory = "/data"
    }

    var environment: Environment {
        Environment(fileSystem: disk, time: time, random: SeededRandomSource(seed: 1), blocking: InlineExecutor())
    }
    func open() async throws(WALError) -> RegionLog {
        try await RegionLog.open(
            directory: Self.directory, region: "r", options: options, environment: environment)
    }
    func path(_ number: UInt64) -> String {
        "\(Self.directory)/\(LogDirectory.name(of: LogSegmentNumber(number)))"
    }
    var segmentPaths: [String] { disk.paths.filter { $0.hasSuffix(".log") } }
}

func record(_ sequence: UInt64, bytes: Int = 10, table: UInt16 = 0) -> LogRecord {
    var numbers = SeededGenerator(seed: sequence)
    let payload = randomBytes(bytes, &numbers)
    return LogRecord(sequence: SequenceNumber(sequence), entries: [LogEntry(table: table, payload: payload)])
}

func randomBytes(_ count: Int, _ random: inout SeededGenerator) -> Bytes {
    let words = (0..<(count + 7) / 8).map { _ in random.next() }
    return words.withUnsafeBytes { Bytes($0.prefix(count)) }
}

func randomRecord(_ sequence: UInt64, _ random: inout SeededGenerator, upTo size: Int = 3_000) -> LogRecord {
    let entries = (0..<Int.random(in: 0...3, using: &random)).map { _ in
        LogEntry(
            table: UInt16.random(in: 0...3, using: &random),
            payload: randomBytes(Int.random(in: 0...size, using: &random), &random))
    }
    return LogRecord(sequence: SequenceNumber(sequence), entries: entries)
}

extension RegionLog {
    func append(_ record: LogRecord) async throws {
        try enqueue(record)
        try await waitUntilDurable(record.sequence)
    }
    func contents(after sequence: UInt64 = 0, batchBytes: Int = 4_096) async throws -> [LogRecord] {
        let all = Collected()
        try await replay(after: SequenceNumber(sequence), batchBytes: batchBytes) { all.add($0) }
        return all.records
    }
    var sequences: [UInt64] {
        get async throws { try await contents().map(\.sequence.rawValue) }
    }
}

final class Collected: Sendable {
    private let held = Mutex<(records: [LogRecord], batches: Int)>(([], 0))
    func add(_ more: [LogRecord]) {
        held.withLock {
            $0.records += more
            $0.batches += 1
        }
    }
    var records: [LogRecord] { held.withLock { $0.records } }
    var batches: Int { held.withLock { $0.batches } }
}
