import ManifestLog
import Platform
import Synchronization

/// What merges under way hold: inputs, memory, disk. Taken in one step before a merge starts, or not at all.
///
/// - A `MergeReservation` gives back everything exactly once, whichever way its merge ends.
/// - Of the free disk a flush's worth is set aside for ever: a merge never takes what a flush needs to make room.
final class WorkLedger: Sendable {
    private struct State {
        var inputs: Set<SSTID> = []
        var disk: UInt64 = 0
        var reservations: UInt64 = 0
        var releases: UInt64 = 0
    }
    private let state = Mutex(State())
    let memory: MemoryBudget
    private let setAside: UInt64

    /// - Parameter setAside: bytes of disk for a flush: a quarter of what it holds, for files are compressed.
    init(memory: ByteCount, setAside: ByteCount) {
        self.memory = MemoryBudget(limit: memory)
        self.setAside = UInt64(max(setAside.bytes, 0))
    }

    enum Refusal: Error, Equatable {
        case inputsAreBusy
        case memory(wanted: Int, free: Int)
        case disk(wanted: UInt64, free: UInt64)
    }

    /// - Parameter free: bytes that the store may still take; nil: it has no bound.
    func reserve(_ inputs: [SSTID], _ estimate: MergeEstimate, free: UInt64?) throws(Refusal) -> MergeReservation {
        // A merge larger than all of the budget still runs, alone: its bound is its own.
        let bytes = min(estimate.memory, memory.limit)
        guard let reserved = memory.reserve(bytes) else {
            throw .memory(wanted: bytes, free: memory.limit - memory.inUse)
        }
        try state.withLock { state throws(Refusal) in
            guard state.inputs.isDisjoint(with: inputs) else { throw .inputsAreBusy }
            if let free {
                let left = free - min(free, state.disk.saturating(setAside))
                guard estimate.diskWanted <= left else { throw .disk(wanted: estimate.diskWanted, free: left) }
            }
            state.inputs.formUnion(inputs)
            state.disk = state.disk.saturating(estimate.diskWanted)
            state.reservations += 1
        }
        return MergeReservation(self, inputs, memory: reserved, disk: estimate.diskWanted)
    }

    fileprivate func release(_ inputs: [SSTID], disk: UInt64) {
        state.withLock { state in
            state.inputs.subtract(inputs)
            state.disk -= min(state.disk, disk)
            state.releases += 1
        }
    }

    var busy: Set<SSTID> { state.withLock { $0.inputs } }

    /// For tests: everything is given back, each reservation once.
    func problems() -> [String] {
        state.withLock { state in
            var found: [String] = []
            if !state.inputs.isEmpty { found.append("\(state.inputs.count) inputs are still marked") }
            if state.disk > 0 { found.append("\(state.disk) bytes of disk are still reserved") }
            if memory.inUse != 0 { found.append("\(memory.inUse) bytes of memory are still reserved") }
            if state.reservations != state.releases {
                found.append("\(state.reservations) reservations, \(state.releases) releases")
            }
            return found
        }
    }
}

/// Held for as long as a merge runs.
final class MergeReservation: Sendable {
    private let ledger: WorkLedger
    private let inputs: [SSTID]
    private let disk: UInt64
    private let memory: Mutex<MemoryReservation?>

    fileprivate init(_ ledger: WorkLedger, _ inputs: [SSTID], memory: MemoryReservation, disk: UInt64) {
        self.ledger = ledger
        self.inputs = inputs
        self.disk = disk
        self.memory = Mutex(memory)
    }
    deinit { release() }

    /// The second time does nothing.
    func release() {
        let held = memory.withLock { memory in
            defer { memory = nil }
            return memory
        }
        guard held != nil else { return }
        ledger.release(inputs, disk: disk)
    }
}
