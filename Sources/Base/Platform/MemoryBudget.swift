import Synchronization

/// A bound in bytes that many share: what is taken is given back exactly once, whichever way the taker leaves.
public final class MemoryBudget: Sendable {
    public let limit: Int
    private let used = Atomic<Int>(0)

    public init(limit: ByteCount) { self.limit = limit.bytes }

    public var inUse: Int { used.load(ordering: .relaxed) }

    /// nil when the bound would be passed; never waits.
    public func reserve(_ bytes: Int) -> MemoryReservation? {
        var current = used.load(ordering: .relaxed)
        while true {
            guard bytes >= 0, bytes <= limit - current else { return nil }
            let (exchanged, seen) = used.weakCompareExchange(
                expected: current, desired: current + bytes, ordering: .relaxed)
            if exchanged { return MemoryReservation(budget: self, bytes: bytes) }
            current = seen
        }
    }

    fileprivate func giveBack(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }
}

/// Bytes taken from a budget, given back when the last holder lets go.
public final class MemoryReservation: Sendable {
    private let budget: MemoryBudget
    public let bytes: Int
    fileprivate init(budget: MemoryBudget, bytes: Int) {
        self.budget = budget
        self.bytes = bytes
    }
    deinit { budget.giveBack(bytes) }
}
