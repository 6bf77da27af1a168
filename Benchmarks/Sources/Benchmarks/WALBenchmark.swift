import Columnar
import Compression
import Platform
import Synchronization
import Varve
import WAL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The write-ahead log: how far group commit is from the bare disk, and how fast a log is read into memory again.
///
///     varve-bench wal [append] [replay] [--directory DIR] [--writers N] [--seconds S] [--repeats N]
///
/// - `append`: 64 writers of 1 KiB, each waiting for its record; against one thread that writes and syncs the very same
///   batches, in the same run, in turn.
/// - `replay`: opening a database whose log holds samples of known series, until they can be read.
enum WALBenchmark {
    struct Options {
        var directory = "varve-bench-data"
        var writers = 64
        var seconds = 2.0
        var repeats = 5
        var parts: [String] = []
    }

    static func run(_ arguments: [String]) async throws {
        var options = Options()
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--directory": options.directory = rest.popFirst() ?? options.directory
            case "--writers": options.writers = rest.popFirst().flatMap { Int($0) } ?? options.writers
            case "--seconds": options.seconds = rest.popFirst().flatMap { Double($0) } ?? options.seconds
            case "--repeats": options.repeats = rest.popFirst().flatMap { Int($0) } ?? options.repeats
            default: options.parts.append(word)
            }
        }
        if options.parts.isEmpty { options.parts = ["append", "replay"] }
        try Environment.live.fileSystem.createDirectory(options.directory)
        if options.parts.contains("append") { try await append(options) }
        if options.parts.contains("replay") { try await replay(options) }
    }

    // MARK: Append

    private static func append(_ options: Options) async throws {
        var ratios: [Double] = []
        var costs: [Double] = []
        for round in 1...options.repeats {
            let sizes = WriteSizes()
            var environment = Environment.live
            environment.fileSystem = RecordingFileSystem(sizes)
            let directory = "\(options.directory)/log-\(round)"
            try removeTree(directory)
            let log = try await RegionLog.open(
                directory: directory, region: "bench", options: WALOptions(), environment: environment)
            let writers = Writers(log)
            let releaser = Task { await writers.releaseBehind() }
            // To warm up: the first log segment is small, the next ones are made of zeros; then they are used again.
            await writers.run(count: options.writers, seconds: 2)
            sizes.begin()
            let before = writers.appended
            let effort = await Effort.of { await writers.run(count: options.writers, seconds: options.seconds) }
            let appended = Double(writers.appended - before)
            let batches = sizes.end()
            let inside = sizes.seconds
            let syncs = batches.count
            releaser.cancel()
            await releaser.value
            try await log.close()
            try removeTree(directory)
            guard syncs > 0 else { continue }

            let bare = try bareLoop(batches, options.directory + "/bare")
            let ours = appended / effort.wall
            let theirs = appended / bare.wall
            ratios.append(ours / theirs)
            costs.append(effort.cpu / appended * 1e6)
            let each = 1e6 / Double(syncs)
            print(
                "append \(round): of \(figure(effort.wall * each)) µs a commit \(figure(inside.writes * each)) in the "
                    + "write, \(figure(inside.syncs * each)) in the sync; the bare loop \(figure(bare.wall * each)) in all"
            )
            print(
                "append \(round): \(figure(ours))/s in \(syncs) commits (\(figure(appended / Double(syncs), digits: 1)) "
                    + "each), CPU \(figure(effort.cpu / appended * 1e6, digits: 2)) µs an append; bare pwrite + fdatasync "
                    + "of the same batches \(figure(theirs))/s, CPU \(figure(bare.cpu / appended * 1e6, digits: 2)) µs; "
                    + "\(figure(ours / theirs * 100)) %")
        }
        print(
            "append: median \(figure(median(ratios) * 100)) % of the bare disk (at least 60), "
                + "\(figure(median(costs), digits: 2)) µs of CPU an append (at most 4)")
    }

    /// One thread, one file at a time, zeros written ahead as the log does.
    private static func bareLoop(_ sizes: [Int], _ path: String) throws -> Effort {
        let segment = 64 << 20
        let buffer = [UInt8](repeating: 0x5a, count: sizes.max() ?? 0)
        var files: [Int32] = []
        var used = segment
        for size in sizes {
            if used + size > segment {
                let file = open("\(path)-\(files.count)", O_RDWR | O_CREAT | O_TRUNC, 0o644)
                let zeros = [UInt8](repeating: 0, count: 1 << 20)
                for piece in 0..<segment >> 20 { pwrite(file, zeros, zeros.count, off_t(piece << 20)) }
                fsync(file)
                files.append(file)
                used = 4_096
            }
            used += size
        }
        defer {
            for (i, file) in files.enumerated() {
                close(file)
                unlink("\(path)-\(i)")
            }
        }
        var result = Effort(wall: 0, cpu: 0)
        let start = Effort.now()
        var current = 0
        used = 4_096
        let cpu = threadSeconds()
        for size in sizes {
            if used + size > segment {
                current += 1
                used = 4_096
            }
            guard pwrite(files[current], buffer, size, off_t(used)) == size else { throw BenchmarkFailure("pwrite") }
            guard fdatasync(files[current]) == 0 else { throw BenchmarkFailure("fdatasync") }
            used += size
        }
        result.wall = Effort.now() - start
        result.cpu = threadSeconds() - cpu
        return result
    }

    private static func threadSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    // MARK: Replay

    private static func replay(_ options: Options) async throws {
        let source = options.directory + "/replay-source"
        try removeTree(source)
        let series = 5_000
        let rounds = 800
        let written = try await fill(source, series: series, rounds: rounds)
        var rates: [Double] = []
        for round in 1...options.repeats {
            let target = options.directory + "/replay-\(round)"
            try removeTree(target)
            try copyTree(source + "/wal", target + "/wal")
            var database: Database?
            let effort = try await Effort.of { database = try await Database.open(at: target, options: large) }
            guard let database, database.engineStatistics.rowsReplayed >= UInt64(written) else {
                throw BenchmarkFailure("not everything was replayed")
            }
            let rate = Double(written) / effort.cpu
            rates.append(rate)
            print(
                "replay \(round): \(figure(Double(written))) samples of \(figure(Double(series))) series, "
                    + "\(figure(effort.cpu, digits: 2)) s of CPU, \(figure(effort.wall, digits: 2)) s: "
                    + "\(figure(rate / 1e6, digits: 2)) M samples per CPU-second")
            try await database.close()
            try removeTree(target)
        }
        try removeTree(source)
        print("replay: median \(figure(median(rates) / 1e6, digits: 2)) M samples per CPU-second (at least 5)")
    }

    private static var large: DatabaseOptions {
        var options = DatabaseOptions()
        options.flushSize = .mebibytes(1_024)
        options.memoryLimit = .mebibytes(4_096)
        options.runsInBackground = false
        return options
    }

    /// A database's log with `series` × `rounds` samples in bodies of 2,500. - Returns: how many.
    private static func fill(_ path: String, series: Int, rounds: Int) async throws -> Int {
        let writing = path + "-writing"
        try removeTree(writing)
        let database = try await Database.open(at: writing, options: large)
        let labels = (0..<series).map { i in
            RemoteWriteBody.labels([
                ("__name__", "node_metric_\(i / 200)"), ("instance", "host-\(i % 50).example.net:9100"),
                ("job", "node"), ("mode", "value-\(i)"),
            ])
        }
        let start = Int64.now() - Int64(rounds) * 1_000
        var written = 0
        for round in 0..<rounds {
            for first in stride(from: 0, to: series, by: 2_500) {
                let places = first..<min(first + 2_500, series)
                let body = places.map { i in
                    RemoteWriteBody.series(labels[i], start + Int64(round) * 1_000, Double(round) * 1.5 + Double(i))
                }
                _ = try await database.storeRemoteWrite(try Snappy.compress(Array(body.joined())))
                written += places.count
            }
        }
        // As a crash would leave it: closing would flush.
        try copyTree(writing + "/wal", path + "/wal")
        try await database.close()
        try removeTree(writing)
        return written
    }
}

struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Remote write 1.0, as far as it takes to send one sample of a series.
enum RemoteWriteBody {
    static func labels(_ pairs: [(String, String)]) -> [UInt8] {
        var message = ByteWriter()
        for (name, value) in pairs {
            var pair = ByteWriter()
            pair.append(UInt8(0x0a))
            pair.append(string: name)
            pair.append(UInt8(0x12))
            pair.append(string: value)
            message.append(UInt8(0x0a))
            message.append(lengthPrefixed: pair.bytes)
        }
        return message.bytes
    }

    static func series(_ labels: [UInt8], _ time: Int64, _ value: Double) -> [UInt8] {
        var sample = ByteWriter()
        sample.append(UInt8(0x09))
        sample.append(value)
        sample.append(UInt8(0x10))
        sample.append(varint: UInt64(bitPattern: time))
        var message = ByteWriter()
        message.append(bytes: labels)
        message.append(UInt8(0x12))
        message.append(lengthPrefixed: sample.bytes)
        var series = ByteWriter()
        series.append(UInt8(0x0a))
        series.append(lengthPrefixed: message.bytes)
        return series.bytes
    }
}

/// Writers that each wait for their own record before the next.
private final class Writers: Sendable {
    private let log: RegionLog
    private let next = Mutex<UInt64>(1)
    private let done = Atomic<Int>(0)
    private static let payload = Bytes(repeating: 0x41, count: 1_024)

    init(_ log: RegionLog) { self.log = log }
    var appended: Int { done.load(ordering: .relaxed) }

    /// As an engine does that flushes: what is 64 MiB old is needed no more.
    func releaseBehind() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(50))
            let last = log.lastSequence?.rawValue ?? 0
            if last > 64 << 10 { try? await log.release(upTo: SequenceNumber(last - 64 << 10)) }
        }
    }

    func run(count: Int, seconds: Double) async {
        let end = Effort.now() + seconds
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask { [self] in
                    while Effort.now() < end {
                        do {
                            let entry = LogEntry(table: 1, payload: Self.payload)
                            // The order of numbers is the order of the queue: one lock round both, as the engine has it.
                            let sequence = try next.withLock { next in
                                let sequence = SequenceNumber(next)
                                try log.enqueue(LogRecord(sequence: sequence, entries: [entry]))
                                next += 1
                                return sequence
                            }
                            try await log.waitUntilDurable(sequence)
                            done.add(1, ordering: .relaxed)
                        } catch {
                            print("append failed: \(error)")
                            return
                        }
                    }
                }
            }
        }
    }
}

/// The sizes of the batches that went to log segments.
private final class WriteSizes: Sendable {
    private let held = Mutex<(isOn: Bool, sizes: [Int])>((false, []))
    private let inWrites = Mutex(0.0)
    private let inSyncs = Mutex(0.0)
    /// Seconds in writes and in syncs, since `begin`.
    var seconds: (writes: Double, syncs: Double) { (inWrites.withLock { $0 }, inSyncs.withLock { $0 }) }
    func begin() {
        held.withLock { $0 = (true, []) }
        inWrites.withLock { $0 = 0 }
        inSyncs.withLock { $0 = 0 }
    }
    func note(_ size: Int, _ seconds: Double) {
        held.withLock { if $0.isOn { $0.sizes.append(size) } }
        inWrites.withLock { $0 += seconds }
    }
    func noteSync(_ seconds: Double) { inSyncs.withLock { $0 += seconds } }
    func end() -> [Int] {
        held.withLock { held in
            held.isOn = false
            return held.sizes
        }
    }
}

/// The real file system; remembers what was written to log segments in use.
private struct RecordingFileSystem: FileSystem {
    let live = LiveFileSystem()
    let sizes: WriteSizes
    init(_ sizes: WriteSizes) { self.sizes = sizes }

    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any FileHandle {
        let handle = try live.open(path, mode)
        return path.hasSuffix(".log") ? RecordingHandle(handle, sizes) : handle
    }
    func status(of path: String) throws(FileSystemError) -> FileStatus? { try live.status(of: path) }
    func list(_ path: String) throws(FileSystemError) -> [String] { try live.list(path) }
    func createDirectory(_ path: String) throws(FileSystemError) { try live.createDirectory(path) }
    func rename(_ source: String, replacing target: String) throws(FileSystemError) {
        try live.rename(source, replacing: target)
    }
    func rename(_ source: String, ifAbsent target: String) throws(FileSystemError) {
        try live.rename(source, ifAbsent: target)
    }
    func remove(_ path: String) throws(FileSystemError) { try live.remove(path) }
    func syncDirectory(_ path: String) throws(FileSystemError) { try live.syncDirectory(path) }
    func lock(_ path: String, note: String) throws(FileSystemError) -> any FileLock {
        try live.lock(path, note: note)
    }
    func freeBytes(at path: String) throws(FileSystemError) -> UInt64 { try live.freeBytes(at: path) }
}

private final class RecordingHandle: FileHandle {
    let inner: any FileHandle
    let sizes: WriteSizes
    init(_ inner: any FileHandle, _ sizes: WriteSizes) {
        self.inner = inner
        self.sizes = sizes
    }
    var path: String { inner.path }
    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> [UInt8] {
        try inner.read(at: offset, count: count)
    }
    func write(_ bytes: [UInt8], at offset: UInt64) throws(FileSystemError) {
        let start = Effort.now()
        try inner.write(bytes, at: offset)
        sizes.note(bytes.count, Effort.now() - start)
    }
    func size() throws(FileSystemError) -> UInt64 { try inner.size() }
    func truncate(to size: UInt64) throws(FileSystemError) { try inner.truncate(to: size) }
    func sync() throws(FileSystemError) {
        let start = Effort.now()
        try inner.sync()
        sizes.noteSync(Effort.now() - start)
    }
}

private func removeTree(_ path: String) throws {
    let fileSystem = LiveFileSystem()
    guard let status = try fileSystem.status(of: path) else { return }
    if status.kind == .directory {
        for name in try fileSystem.list(path) { try removeTree("\(path)/\(name)") }
    }
    try fileSystem.remove(path)
}

private func copyTree(_ source: String, _ target: String) throws {
    let fileSystem = LiveFileSystem()
    guard let status = try fileSystem.status(of: source) else { return }
    if status.kind == .directory {
        try fileSystem.createDirectory(target)
        for name in try fileSystem.list(source) { try copyTree("\(source)/\(name)", "\(target)/\(name)") }
        return
    }
    let (from, to) = (try fileSystem.open(source, .read), try fileSystem.open(target, .createNew))
    var offset: UInt64 = 0
    while offset < status.size {
        let piece = try from.read(at: offset, count: 8 << 20)
        try to.write(piece, at: offset)
        offset += UInt64(piece.count)
    }
    try to.sync()
}
