import Columnar
import ManifestLog
import Platform
import Synchronization

/// The only place that changes a region's part list, one change at a time; readers never wait for it.
///
/// - Each change makes a new snapshot with epoch + 1 by copy and swaps it in; no change, no epoch.
/// - The old snapshot is released by the caller, outside every lock: that may end parts and delete their objects.
final class Introducer: Sendable {
    private let published: Mutex<Snapshot>

    init(_ parts: PartList) {
        published = Mutex(Snapshot(epoch: .zero, parts: parts))
    }

    /// The snapshot of this moment; the lock is held for one retain.
    var current: Snapshot { published.withLock { $0 } }

    /// Applies `change`; false from it means that nothing changed. The caller lets go of the old snapshot that is
    /// returned, when it holds no lock any more.
    func introduce(_ change: (inout PartList) -> Bool) -> Snapshot? {
        published.withLock { held in
            var parts = held.parts
            guard change(&parts), let epoch = held.epoch.next else { return nil }
            let old = held
            held = Snapshot(epoch: epoch, parts: parts)
            return old
        }
    }
}
