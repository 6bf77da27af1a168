import Synchronization

/// A bound in bytes that many share: what is taken is given back exactly once, whichever way the taker leaves.
public final class MemoryBudget: Sendable {
    public let limit: Int
    private let used = Atomic<Int>(0)
    /// Told after something was given back, by whoever gave it; may not block.
    private let onGiveBack: @Sendable () -> Void

    public init(limit: ByteCount, onGiveBack: @escaping @Sendable () -> Void = {}) {
        self.limit = limit.bytes
        self.onGiveBack = onGiveBack
    }

    public var inUse: Int { used.load(ordering: .relaxed) }

    /// nil when the bound would be passed; never waits.
    public func reserve(_ bytes: Int) -> MemoryReservation? {
        guard take(bytes) else { return nil }
        return MemoryReservation(budget: self, bytes: bytes)
    }

    fileprivate func take(_ bytes: Int) -> Bool {
        var current = used.load(ordering: .relaxed)
        while true {
            guard bytes >= 0, bytes <= limit - current else { return false }
            let (exchanged, seen) = used.weakCompareExchange(
                expected: current, desired: current + bytes, ordering: .relaxed)
            if exchanged { return true }
            current = seen
        }
    }

    fileprivate func giveBack(_ bytes: Int) {
        guard bytes > 0 else { return }
        used.subtract(bytes, ordering: .relaxed)
        onGiveBack()
    }

    /// Whether so many bytes would be given now.
    public func hasRoom(for bytes: Int) -> Bool { bytes <= limit - inUse }
}

/// Bytes taken from a budget, given back when the last holder lets go.
public final class MemoryReservation: Sendable {
    private let budget: MemoryBudget
    private let held: Atomic<Int>
    public var bytes: Int { held.load(ordering: .relaxed) }

    fileprivate init(budget: MemoryBudget, bytes: Int) {
        self.budget = budget
        held = Atomic(bytes)
    }
    deinit { budget.giveBack(held.load(ordering: .relaxed)) }

    /// Moves everything of `other`, of the same budget, into this one: what many writes took, one part gives back.
    public func absorb(_ other: MemoryReservation) {
        precondition(budget === other.budget)
        held.add(other.held.exchange(0, ordering: .relaxed), ordering: .relaxed)
    }
}

extension MemoryBudget {
    /// A reservation of no bytes, to absorb others.
    public func nothing() -> MemoryReservation { MemoryReservation(budget: self, bytes: 0) }
}
