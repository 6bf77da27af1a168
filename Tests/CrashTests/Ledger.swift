import StorageEngine
import Synchronization

/// What writers know of their writes, and what therefore must and may be found: the oracle.
///
/// - Writes are kept in the order in which the engine took them, which is the order that decides over repeated keys.
/// - A write is *owed* when it was acknowledged, or when a reader or a recovery has shown it: durable comes before visible.
/// - A write that a recovery has not shown is gone for good: it may not come back.
final class Ledger: Sendable {
    struct State {
        var order: [NumberedWrite] = []
        var owed: Set<Int> = []
        var gone: Set<Int> = []
        var nextNumber = 0
    }
    private let state: Mutex<State>

    init() { state = Mutex(State()) }
    private init(_ state: State) { self.state = Mutex(state) }

    /// The ledger of this moment: for the crash that happens at this moment.
    func copy() -> Ledger { Ledger(state.withLock { $0 }) }

    /// Writes, and keeps the books.
    func write(_ region: Region, _ make: (Int) -> NumberedWrite) async throws(StorageError) {
        let (number, staged) = try state.withLock { state throws(StorageError) in
            let number = state.nextNumber
            state.nextNumber += 1
            let write = make(number)
            // Under this lock, so that the order here is the engine's. A refusal here has changed nothing.
            let staged = try region.stage(write.batch)
            state.order.append(write)
            return (number, staged)
        }
        try await region.commit(staged)
        state.withLock { _ = $0.owed.insert(number) }
    }

    var owed: Set<Int> { state.withLock { $0.owed } }
    var count: Int { state.withLock { $0.order.count } }

    /// What is wrong with what a snapshot shows that was taken when `owed` was owed; what it shows is owed from now on.
    func problems(_ found: Contents, owed: Set<Int>) -> [String] {
        state.withLock { state in
            var problems = found.oddities
            let shown = found.writes
            var expected = Contents()
            for write in state.order where shown.contains(write.number) { expected.apply(write) }
            let missing = owed.subtracting(shown)
            if !missing.isEmpty { problems.append("owed and not there: writes \(missing.sorted())") }
            let invented = shown.subtracting(state.order.map(\.number))
            if !invented.isEmpty { problems.append("never written: \(invented.sorted())") }
            let returned = shown.intersection(state.gone)
            if !returned.isEmpty { problems.append("came back: writes \(returned.sorted())") }
            // What is published is a prefix of the order, but for writes of earlier lives that are gone.
            let present = state.order.map(\.number).filter { !state.gone.contains($0) }
            if let last = present.lastIndex(where: shown.contains) {
                let holes = present[...last].filter { !shown.contains($0) }
                if !holes.isEmpty { problems.append("holes in the order of writes: \(holes)") }
            }
            problems += differences(expected, found)
            state.owed.formUnion(shown)
            return problems
        }
    }

    private func differences(_ expected: Contents, _ found: Contents) -> [String] {
        var problems: [String] = []
        for (key, bits) in expected.samples where found.samples[key] != bits {
            problems.append(found.samples[key] == nil ? "sample \(key) is missing" : "sample \(key) has another value")
        }
        for key in found.samples.keys where expected.samples[key] == nil {
            problems.append("sample \(key) is invented")
        }
        for (name, text) in expected.notes where found.notes[name] != .some(text) {
            problems.append(found.notes[name] == nil ? "note \(name) is missing" : "note \(name) has another text")
        }
        for name in found.notes.keys where expected.notes[name] == nil { problems.append("note \(name) is invented") }
        return problems.sorted()
    }

    /// A recovery has shown `found`: everything else is gone for good.
    func settle(_ found: Contents) {
        let shown = found.writes
        state.withLock { state in
            state.owed = shown
            state.gone.formUnion(state.order.map(\.number).filter { !shown.contains($0) })
        }
    }
}
