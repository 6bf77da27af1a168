import Platform
import Synchronization

/// Bytes of an upload that were not handed on yet.
final class PieceList: Sendable {
    private let bytes = Mutex<Bytes>([])

    func append(_ more: Bytes) { bytes.withLock { $0.append(contentsOf: more) } }

    /// Everything so far; the list is empty afterwards.
    func take() -> Bytes {
        bytes.withLock { held in
            defer { held = [] }
            return held
        }
    }
}
