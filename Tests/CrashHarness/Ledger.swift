import Columnar
public import StorageEngine
import Synchronization

/// What writers know of their writes, and what therefore must and may be found: the oracle.
///
/// - For one key the write with the highest sequence number decides; each life's writes are kept in the order in which
///   the engine took them, and what is found of them is a prefix of that.
/// - A write is *owed* to a node when it was acknowledged there, or when a reader or a recovery there has shown it:
///   durable comes before visible.
/// - A write is *stored* when a flush after its acknowledgement succeeded: it is owed to every later opener.
/// - A write that a recovery of its own node has not shown is gone for good: it may not come back.
public final class Ledger: Sendable {
    struct Entry: Sendable {
        let write: NumberedWrite
        let sequence: SequenceNumber
        let node: Int
        let life: Int
    }
    struct State {
        var entries: [Entry] = []
        var owed: [Int: Set<Int>] = [:]
        var stored: Set<Int> = []
        /// On disk whatever happens: stored, or shown by a recovery.
        var safe: [Int: Set<Int>] = [:]
        var gone: Set<Int> = []
        var nextNumber = 0
        var life: [Int: Int] = [:]
    }
    private let state: Mutex<State>

    public init() { state = Mutex(State()) }
    private init(_ state: State) { self.state = Mutex(state) }

    /// The ledger of this moment: for the crash that happens at this moment.
    public func copy() -> Ledger { Ledger(state.withLock { $0 }) }

    /// Writes, and keeps the books.
    public func write(
        _ region: Region, node: Int = 0, _ make: (Int) -> NumberedWrite
    ) async throws(StorageError) {
        let (number, staged) = try state.withLock { state throws(StorageError) in
            let number = state.nextNumber
            state.nextNumber += 1
            let write = make(number)
            // Under this lock, so that the order here is the engine's. A refusal here has changed nothing.
            let staged = try region.stage(write.batch)
            state.entries.append(
                Entry(write: write, sequence: staged.sequence, node: node, life: state.life[node] ?? 0))
            return (number, staged)
        }
        try await region.commit(staged)
        state.withLock { _ = $0.owed[node, default: []].insert(number) }
    }

    /// Flushes; what was owed before is stored afterwards, however the node ends.
    public func flush(_ region: Region, node: Int = 0) async throws(StorageError) {
        let before = owed(to: node)
        try await region.flush()
        markStored(before)
    }

    /// A flush of all of these has succeeded.
    func markStored(_ writes: Set<Int>) { state.withLock { $0.stored.formUnion(writes) } }

    public func owed(to node: Int = 0) -> Set<Int> { state.withLock { $0.owed[node] ?? [] } }
    /// What whoever opens now must find: what is owed to its node, and what anybody has stored.
    public func owedAtOpen(to node: Int = 0) -> Set<Int> {
        state.withLock { ($0.owed[node] ?? []).union($0.stored) }
    }
    var stored: Set<Int> { state.withLock { $0.stored } }
    public var count: Int { state.withLock { $0.entries.count } }

    /// Acknowledged by, or shown to, any node.
    public var owedCount: Int { state.withLock { $0.owed.values.reduce(into: Set()) { $0.formUnion($1) }.count } }

    /// Acknowledged writes of a node, whatever became of them.
    func owedWrites(of node: Int) -> Set<Int> {
        state.withLock { state in
            let own = Set(state.entries.lazy.filter { $0.node == node }.map(\.write.number))
            return own.intersection(state.owed[node] ?? [])
        }
    }

    /// What is wrong with what a snapshot shows that was taken when `owed` was owed; what it shows is owed from now on.
    public func problems(
        _ found: Contents, owed: Set<Int>, node: Int = 0, _ retained: Retained = .everything
    ) -> [String] {
        state.withLock { state in
            var problems = found.oddities
            let shown = found.writes
            var expected = Contents()
            let inOrder = state.entries.sorted { $0.sequence < $1.sequence }
            for entry in inOrder where shown.contains(entry.write.number) { expected.apply(entry.write) }
            let missing = owed.subtracting(shown)
            if !missing.isEmpty { problems.append("owed and not there: writes \(missing.sorted())") }
            let invented = shown.subtracting(state.entries.map(\.write.number))
            if !invented.isEmpty { problems.append("never written: \(invented.sorted())") }
            let returned = shown.intersection(state.gone)
            if !returned.isEmpty { problems.append("came back: writes \(returned.sorted())") }
            problems += holes(state, shown)
            problems += found.differences(from: expected, retained)
            state.owed[node, default: []].formUnion(shown)
            return problems
        }
    }

    /// What is published of a life is a prefix of its writes, but for those that are gone.
    private func holes(_ state: State, _ shown: Set<Int>) -> [String] {
        struct LifeOfNode: Hashable { let node, life: Int }
        let lives = Dictionary(
            grouping: state.entries.filter { !state.gone.contains($0.write.number) },
            by: { LifeOfNode(node: $0.node, life: $0.life) })
        var problems: [String] = []
        for life in lives.values {
            let numbers = life.map(\.write.number)
            guard let last = numbers.lastIndex(where: shown.contains) else { continue }
            let holes = numbers[...last].filter { !shown.contains($0) }
            if !holes.isEmpty { problems.append("holes in the order of writes: \(holes)") }
        }
        return problems
    }

    /// An opening on `node` has shown `found`: all else of this node is gone for good, and another life begins.
    public func settle(_ found: Contents, node: Int = 0) {
        let shown = found.writes
        state.withLock { state in
            state.owed[node] = shown
            state.safe[node] = shown
            state.gone.formUnion(state.entries.filter { $0.node == node }.map(\.write.number))
            state.gone.subtract(shown)
            state.life[node, default: 0] += 1
        }
    }

    /// The power went on a node that acknowledges before it syncs: what was neither stored nor recovered is owed no more.
    public func forgiveUnsynced(node: Int = 0) {
        state.withLock { state in
            let kept = state.stored.union(state.safe[node] ?? [])
            state.owed[node]?.formIntersection(kept)
        }
    }
}
