import Platform
import Synchronization

/// Pages that queries have unpacked, kept for the next ones.
///
/// - Pages never change. Those of a file go with its reader.
final class PageCache: Sendable {
    struct Key: Hashable {
        var file: UInt64
        var rowGroup: UInt32
        var column: UInt32
        var page: UInt32
    }
    private struct State {
        var pages = SecondChance<Key, IntegerPage>()
        var files: UInt64 = 0
    }
    private let limit: Int
    private let state = Mutex(State())

    init(limit: ByteCount) { self.limit = limit.bytes }

    /// Bytes held, about.
    var memory: Int { state.withLock { $0.pages.totalSize } }

    /// A number for a file that is opened.
    func newFile() -> UInt64 {
        state.withLock { state in
            state.files += 1
            return state.files
        }
    }

    /// What is there of these pages, in their order.
    func pages(_ numbers: [Int], of chunk: Key) -> [IntegerPage?] {
        state.withLock { state in
            var key = chunk
            return numbers.map { number in
                key.page = UInt32(truncatingIfNeeded: number)
                return state.pages.use(key)
            }
        }
    }

    func keep(_ page: IntegerPage, at key: Key) {
        guard page.memory <= limit / 16 else { return }
        state.withLock { $0.pages.keep(page, at: key, size: page.memory, limit: limit) }
    }

    /// Nobody will ask for pages of this file again.
    func forget(file: UInt64) {
        state.withLock { $0.pages.forget { $0.file == file } }
    }
}
