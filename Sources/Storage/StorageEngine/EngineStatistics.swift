import Synchronization
public import WAL

/// What a region has done since it was opened, and what it holds.
public struct EngineStatistics: Sendable {
    public var writes: UInt64 = 0
    public var rowsWritten: UInt64 = 0
    /// Writes refused for want of memory or disk.
    public var overloads: UInt64 = 0
    public var flushes: UInt64 = 0
    public var flushFailures: UInt64 = 0
    public var rowsFlushed: UInt64 = 0
    public var bytesFlushed: UInt64 = 0
    public var compactions: UInt64 = 0
    public var compactionFailures: UInt64 = 0
    /// Merges that were due and did not start, for want of disk or memory.
    public var compactionsPostponed: UInt64 = 0
    public var rowsCompacted: UInt64 = 0
    public var bytesCompacted: UInt64 = 0
    public var rowsReplayed: UInt64 = 0
    /// Segments of tables removed because they are past retention.
    public var expirations: UInt64 = 0
    /// Live SSTs and their size.
    public var objects = 0
    public var objectBytes: UInt64 = 0
    /// Held by mem parts, as the budget counts.
    public var memoryBytes = 0
    public var epoch: UInt64 = 0
    public var manifestVersion: UInt64 = 0
    /// Writers that wait for memory at this moment.
    public var waitingWriters = 0
    /// Free disk is below the reserve: writes are refused.
    public var isDiskShort = false
    /// Held by merges under way, as their budget counts.
    public var compactionMemoryBytes = 0
    /// Inputs that merges leave alone, with the reasons.
    public var quarantined: [QuarantinedInput] = []
    /// Why the last merge that was due did not start; nil: it did.
    public var compactionHindrance: String?
    /// Orphans of older claims that were deleted.
    public var orphansCollected: UInt64 = 0
    /// Bytes of objects kept in memory.
    public var cachedBytes = 0
    /// What all scans together passed over and read.
    public var scans = ScanStatistics()
    public var log = LogStatistics()
}

/// The counters behind it.
final class EngineCounts: Sendable {
    let writes = Atomic<UInt64>(0)
    let rowsWritten = Atomic<UInt64>(0)
    let overloads = Atomic<UInt64>(0)
    let flushes = Atomic<UInt64>(0)
    let flushFailures = Atomic<UInt64>(0)
    let rowsFlushed = Atomic<UInt64>(0)
    let bytesFlushed = Atomic<UInt64>(0)
    let compactions = Atomic<UInt64>(0)
    let compactionFailures = Atomic<UInt64>(0)
    let compactionsPostponed = Atomic<UInt64>(0)
    let orphansCollected = Atomic<UInt64>(0)
    let rowsCompacted = Atomic<UInt64>(0)
    let bytesCompacted = Atomic<UInt64>(0)
    let rowsReplayed = Atomic<UInt64>(0)
    let expirations = Atomic<UInt64>(0)

    func read() -> EngineStatistics {
        var result = EngineStatistics()
        result.writes = writes.load(ordering: .relaxed)
        result.rowsWritten = rowsWritten.load(ordering: .relaxed)
        result.overloads = overloads.load(ordering: .relaxed)
        result.flushes = flushes.load(ordering: .relaxed)
        result.flushFailures = flushFailures.load(ordering: .relaxed)
        result.rowsFlushed = rowsFlushed.load(ordering: .relaxed)
        result.bytesFlushed = bytesFlushed.load(ordering: .relaxed)
        result.compactions = compactions.load(ordering: .relaxed)
        result.compactionFailures = compactionFailures.load(ordering: .relaxed)
        result.compactionsPostponed = compactionsPostponed.load(ordering: .relaxed)
        result.orphansCollected = orphansCollected.load(ordering: .relaxed)
        result.rowsCompacted = rowsCompacted.load(ordering: .relaxed)
        result.bytesCompacted = bytesCompacted.load(ordering: .relaxed)
        result.rowsReplayed = rowsReplayed.load(ordering: .relaxed)
        result.expirations = expirations.load(ordering: .relaxed)
        return result
    }
}
