public import ObjectStorage
public import Platform
import Synchronization
public import Varve

/// Keeps a read-only database up with the bucket that another node writes.
///
/// - Asks for the head twice in `staleness`; an unchanged one costs one small request.
/// - What is shown was the truth when the last answered look began: `age` is the time since then.
/// - A bucket that does not answer is looked at again, for ever: old answers with a warning are better than none.
public final class BucketFollower: Sendable {
    private struct State {
        /// Monotonic nanoseconds.
        var lastLook: UInt64
        var changes: UInt64 = 0
        var failures: UInt64 = 0
        var lastFailure: String?
    }
    private let database: Database
    private let objects: any ObjectStore
    public let staleness: Duration
    private let environment: Environment
    private let state: Mutex<State>

    /// - Parameters:
    ///   - database: just opened for reading from `objects`.
    ///   - staleness: 100 ms … 1 h.
    public init(_ database: Database, objects: any ObjectStore, staleness: Duration, environment: Environment = .live) {
        self.database = database
        self.objects = objects
        self.staleness = staleness
        self.environment = environment
        state = Mutex(State(lastLook: environment.time.monotonic()))
    }

    /// Looks until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do { try await environment.time.sleep(for: staleness / 2) } catch { return }
            _ = await look()
        }
    }

    /// Looks once. - Returns: whether anything is new.
    @discardableResult
    public func look() async -> Bool {
        let began = environment.time.monotonic()
        do {
            let isNew = try await database.follow(objects)
            state.withLock { state in
                state.lastLook = max(state.lastLook, began)
                state.lastFailure = nil
                if isNew { state.changes += 1 }
            }
            return isNew
        } catch {
            state.withLock { state in
                state.failures += 1
                state.lastFailure = "\(error)"
            }
            return false
        }
    }

    /// Seconds since what is shown was known to be what the bucket has.
    public var age: Double {
        let now = environment.time.monotonic()
        return state.withLock { now > $0.lastLook ? Double(now - $0.lastLook) / 1e9 : 0 }
    }

    /// What whoever asks should hear; nil while `age` is within `staleness`.
    public var warning: String? {
        let age = age
        guard age > Double(staleness.milliseconds) / 1_000 else { return nil }
        let reason = state.withLock { $0.lastFailure }.map { ": \($0)" } ?? ""
        return "this read-only node has not seen the bucket's state for \(Int(age * 10 + 0.5) / 10) s (--staleness is "
            + "\(ServeSettings.text(staleness))): newer data may be missing\(reason)"
    }

    var statistics: [DatabaseStatistic] {
        let state = state.withLock { $0 }
        return [
            DatabaseStatistic(
                name: "varve_reader_staleness_seconds",
                help:
                    "Time since the data shown was known to be what the bucket has; the writer's flush age comes on top.",
                kind: .gauge, value: age),
            DatabaseStatistic(
                name: "varve_reader_manifest_version", help: "Version of the writer's manifest that is shown.",
                kind: .gauge, value: Double(database.followedVersion ?? 0)),
            DatabaseStatistic(
                name: "varve_reader_changes_total", help: "Versions of the manifest taken over.", kind: .counter,
                value: Double(state.changes)),
            DatabaseStatistic(
                name: "varve_reader_failures_total", help: "Looks at the manifest that failed.", kind: .counter,
                value: Double(state.failures)),
        ]
    }
}
