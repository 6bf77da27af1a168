import Platform
public import Simulation
import Synchronization

/// A fixed run on one disk, and how to see whether a crash in it broke a promise.
public protocol Story: Sendable {
    /// What is owed; a class or a value, in which case `copy` does nothing.
    associatedtype Books: Sendable
    var name: String { get }
    func makeBooks() -> Books
    func copy(_ books: Books) -> Books
    /// Plays it whole. The clock is the disk's.
    func play(_ disk: MemoryFileSystem, _ time: SimulatedTime, _ books: Books) throws
    /// Opens what a crash left on `disk` and compares it with the books.
    func recover(
        _ disk: MemoryFileSystem, at now: Int64, _ books: Books, seed: UInt64, thorough: Bool,
        observe: (@Sendable (Int) -> Void)?
    ) throws -> [String]
}

/// A crash state and what is owed in it.
struct CrashPoint<Books: Sendable>: Sendable {
    let operation: Int
    let disk: MemoryFileSystem
    let now: Int64
    let books: Books
}

/// Keeps the crash points of a run: all, or some chosen by chance.
private final class CrashPoints<Books: Sendable>: Sendable {
    private struct State {
        var kept: [CrashPoint<Books>] = []
        var seen = 0
        var random: SeededGenerator
    }
    private let state: Mutex<State>
    private let limit: Int

    /// - Parameter limit: so many are kept, each with the same chance.
    init(limit: Int = .max, seed: UInt64 = 0) {
        self.limit = limit
        state = Mutex(State(random: SeededGenerator(seed: seed)))
    }

    func add(_ make: @Sendable () -> CrashPoint<Books>) {
        state.withLock { state in
            state.seen += 1
            var slot = state.kept.count
            if slot >= limit {
                slot = Int.random(in: 0..<state.seen, using: &state.random)
                guard slot < limit else { return }
                state.kept.remove(at: slot)
            }
            state.kept.append(make())
        }
    }

    var all: [CrashPoint<Books>] { state.withLock { $0.kept } }
}

/// How much of a story is crashed.
public struct SweepPlan: Sendable {
    /// Each outcome at every so manieth operation, each at others: with 2, every operation is crashed, with three outcomes
    /// once or twice.
    public var stride = 1
    /// The second recovery and what comes after it are looked at in every so manieth point.
    public var thoroughStride = 8
    /// Every so manieth point is crashed again inside its recovery, and so on.
    public var deepStride = 80
    public var depth = 5
    /// At every so manieth point the process is killed, too.
    public var killStride = 4
    /// Crashes chosen inside each recovery.
    public var inner = 1
    public init() {}
}

public struct SweepReport: Sendable {
    public var name: String
    public var points = 0
    /// By depth: crashes of the story, crashes inside their recoveries, and so on.
    public var recoveries: [Int] = []
    public var problems: [String] = []
    public var took = Duration.zero

    public var line: String {
        "sweep \(name): \(points) points, recoveries by depth \(recoveries), \(took.components.seconds) s"
    }
}

/// Crashes a story before each of its operations, with each outcome, and inside the recoveries of some.
public struct Sweep<Told: Story>: Sendable {
    let story: Told
    let plan: SweepPlan

    public init(_ story: Told, _ plan: SweepPlan = SweepPlan()) {
        self.story = story
        self.plan = plan
    }

    private func crashPoints() throws -> [CrashPoint<Told.Books>] {
        let time = SimulatedTime()
        let (disk, books) = (MemoryFileSystem(time: time), story.makeBooks())
        let points = CrashPoints<Told.Books>()
        let look: @Sendable (Int) -> Void = { [unowned disk, story] operation in
            points.add {
                CrashPoint(operation: operation, disk: disk.copy(), now: time.now(), books: story.copy(books))
            }
        }
        disk.observe(look)
        try story.play(disk, time, books)
        disk.observe(nil)
        look(disk.operationCount + 1)
        return points.all
    }

    public func run(_ outcomes: [CrashOutcome]) -> SweepReport {
        let start = ContinuousClock.now
        var report = SweepReport(name: story.name)
        report.recoveries = [Int](repeating: 0, count: plan.depth + 1)
        let points: [CrashPoint<Told.Books>]
        do { points = try crashPoints() } catch {
            report.problems = ["\(story.name) cannot be played: \(error)"]
            return report
        }
        report.points = points.count
        for point in points {
            for (index, outcome) in outcomes.enumerated()
            where (point.operation + index) % plan.stride == 0 && report.problems.count < 4 {
                let depth = point.operation % plan.deepStride == 0 ? plan.depth : 0
                report.problems += recover(point, outcome, depth: depth, path: "", &report.recoveries)
            }
            // A process that is killed leaves everything it wrote.
            if point.operation % (plan.killStride * plan.stride) == 0, report.problems.count < 4 {
                report.problems += recover(point, nil, depth: 0, path: "", &report.recoveries)
            }
        }
        report.took = ContinuousClock.now - start
        return report
    }

    /// The same crash at the same place of the opening, four times over, at every place: what each leaves behind must not
    /// add up to something that the last one cannot open.
    public func runOpeningsThatNeverGetFurther(_ outcome: CrashOutcome) -> SweepReport {
        var report = SweepReport(name: "\(story.name), openings")
        guard let point = try? crashPoints().last else {
            report.problems = ["\(story.name) cannot be played"]
            return report
        }
        var wasCut = true
        while wasCut, report.problems.isEmpty {
            report.points += 1
            wasCut = false
            var disk = point.disk.crash(outcome, seed: 3)
            for life in 0..<4 {
                disk.cutPower(atOperation: report.points)
                _ = try? story.recover(
                    disk, at: point.now, story.copy(point.books), seed: UInt64(report.points * 10 + life),
                    thorough: false, observe: nil)
                wasCut = wasCut || disk.isPowerCut
                disk = disk.crash(outcome, seed: UInt64(life))
            }
            do {
                report.problems += try story.recover(
                    disk, at: point.now, story.copy(point.books), seed: 5, thorough: true, observe: nil)
            } catch { report.problems.append("\(error)") }
        }
        report.problems = report.problems.map { "four crashes at operation \(report.points) of the opening: \($0)" }
        return report
    }

    /// Recovers from `point` after an outcome, or after a kill; crashes inside that recovery and recovers from those, and so on, `depth` deep.
    private func recover(
        _ point: CrashPoint<Told.Books>, _ outcome: CrashOutcome?, depth: Int, path: String, _ counts: inout [Int]
    ) -> [String] {
        let seed = UInt64(point.operation) &* 31 &+ UInt64(depth)
        let disk = outcome.map { point.disk.crash($0, seed: seed) } ?? point.disk.killed()
        let points = CrashPoints<Told.Books>(limit: depth > 0 ? plan.inner : 0, seed: seed)
        let path = "\(path) \(point.operation)"
        counts[path.split(separator: " ").count - 1] += 1
        let look: @Sendable (Int) -> Void = { [unowned disk] operation in
            points.add { CrashPoint(operation: operation, disk: disk.copy(), now: point.now, books: point.books) }
        }
        var found: [String] = []
        do {
            found = try story.recover(
                disk, at: point.now, story.copy(point.books), seed: seed,
                thorough: point.operation % plan.thoroughStride == 0, observe: depth == 0 ? nil : look)
        } catch { found = ["recovery says \(error)"] }
        guard found.isEmpty else {
            return found.map { "\(story.name), crash at\(path), \(outcome.map { "\($0)" } ?? "killed"): \($0)" }
        }
        for next in points.all {
            found += recover(next, outcome, depth: depth - 1, path: path, &counts)
        }
        return found
    }
}
