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

    init(_ parts: PartList) {
        published = Mutex(Snapshot(epoch: .zero, parts: parts))
    }

    /// The snapshot of this moment; the lock is held for one retain.
    var current: Snapshot { published.withLock { $0 } }

    /// Applies `change`; false from it means that nothing changed. The caller lets go of the old snapshot that is
    /// returned, when it holds no lock any more.
    func introduce(_ change: (inout PartList) -> Bool) -> Snapshot? {
        changing.withLock { _ in
            let old = current
            var parts = old.parts
            guard change(&parts), let epoch = old.epoch.next else { return nil }
            let next = Snapshot(epoch: epoch, parts: parts)
            published.withLock { $0 = next }
            return old
        }
    }
}
