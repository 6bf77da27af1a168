import Columnar
import ManifestLog
import Platform
import Synchronization

/// The only place that changes a region's part list, one change at a time; readers never wait for it.
///
/// - A change is made on a copy, under a lock of its own; readers share only the lock of the swap.
/// - Each change makes a new snapshot with epoch + 1 by copy and swaps it in; no change, no epoch.
/// - The old snapshot is released by the caller, outside every lock: that may end parts and delete their objects.
final class Introducer: Sendable {
    private let changing = Mutex<Void>(())
    private let published: Mutex<Snapshot>
    private let watchers = EpochWatchers()
    private let scanTotals: ScanCounters

    init(_ parts: PartList, scanTotals: ScanCounters = ScanCounters()) {
        self.scanTotals = scanTotals
        published = Mutex(Snapshot(epoch: .zero, parts: parts, scanTotals: scanTotals))
    }

    /// The snapshot of this moment; the lock is held for one retain.
    var current: Snapshot { published.withLock { $0 } }

    /// Applies `change`; false from it means that nothing changed. The caller lets go of the old snapshot that is
    /// returned, when it holds no lock any more.
    func introduce(_ change: (inout PartList) -> Bool) -> Snapshot? {
        let (old, epoch) = changing.withLock { _ -> (Snapshot?, Epoch) in
            let old = current
            var parts = old.parts
            guard change(&parts), let epoch = old.epoch.next else { return (nil, old.epoch) }
            let next = Snapshot(epoch: epoch, parts: parts, scanTotals: scanTotals)
            published.withLock { $0 = next }
            return (old, epoch)
        }
        if old != nil { watchers.reached(epoch) }
        return old
    }

    /// Returns with a snapshot newer than `epoch`, at once where there is one; nil when the region closes first.
    /// - Throws: `CancellationError`.
    func snapshot(after epoch: Epoch) async throws(CancellationError) -> Snapshot? {
        guard try await watchers.wait(after: epoch, current: { self.current.epoch }) else { return nil }
        return current
    }

    /// Nobody waits any more, now or later.
    func endWatching() { watchers.end() }
}
