import Platform
import Synchronization

/// What finds rows in files of samples, of all files together, up to a bound: row indexes, and the ids of whole files.
///
/// - A year of days with a million series each would otherwise hold gigabytes once a query has looked at all of them.
/// - A small question that meets a row group of 100,000 series would otherwise decode all of their places, 20 ms, to find one.
final class RowIndexCache: Sendable {
    struct Key: Hashable {
        let file: UInt64
        /// nil: the whole file.
        let rowGroup: Int?
    }
    private enum Finding {
        case index(SamplesRowIndex)
        case ids([Int64])
    }
    private let limit: Int
    private let state = Mutex(SecondChance<Key, Finding>())

    init(limit: ByteCount) { self.limit = limit.bytes }

    /// Bytes held.
    var memory: Int { state.withLock { $0.totalSize } }

    func index(ofFile file: UInt64, rowGroup: Int) -> SamplesRowIndex? {
        guard case .index(let index)? = state.withLock({ $0.use(Key(file: file, rowGroup: rowGroup)) }) else {
            return nil
        }
        return index
    }

    func keep(_ index: SamplesRowIndex, ofFile file: UInt64, rowGroup: Int) {
        keep(.index(index), at: Key(file: file, rowGroup: rowGroup), size: index.memory)
    }

    /// The ids of all series of a file, ascending.
    func ids(ofFile file: UInt64) -> [Int64]? {
        guard case .ids(let ids)? = state.withLock({ $0.use(Key(file: file, rowGroup: nil)) }) else { return nil }
        return ids
    }

    func keep(_ ids: [Int64], ofFile file: UInt64) {
        keep(.ids(ids), at: Key(file: file, rowGroup: nil), size: ids.capacity * 8)
    }

    /// Keeps it if it is at most half of the bound: one file shall not drive out all others.
    private func keep(_ finding: Finding, at key: Key, size: Int) {
        guard size <= limit / 2 else { return }
        state.withLock { $0.keep(finding, at: key, size: size, limit: limit) }
    }

    /// For a file that is closed.
    func forget(file: UInt64) { state.withLock { $0.forget { $0.file == file } } }
}
