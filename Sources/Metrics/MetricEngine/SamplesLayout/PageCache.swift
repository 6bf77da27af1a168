import Platform
import Synchronization

/// Pages that queries have unpacked, kept for the next ones. The oldest goes first, but one that was used since it was last
/// looked at is passed over once.
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
        var pages: [Key: (page: IntegerPage, wasUsed: Bool)] = [:]
        var total = 0
        var files: UInt64 = 0
        /// In order of arrival, from `head` on.
        var queue: [Key] = []
        var head = 0

        mutating func evict(to limit: Int) {
            while total > limit, head < queue.count {
                let key = queue[head]
                head += 1
                guard let entry = pages[key] else { continue }
                if entry.wasUsed {
                    pages[key]?.wasUsed = false
                    queue.append(key)
                } else {
                    pages[key] = nil
                    total -= entry.page.memory
                }
            }
            if head > 1_024, head > queue.count / 2 {
                queue.removeFirst(head)
                head = 0
            }
        }
    }
    private let limit: Int
    private let state = Mutex(State())

    init(limit: ByteCount) { self.limit = limit.bytes }

    /// Bytes held, about.
    var memory: Int { state.withLock { $0.total } }

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
                guard let found = state.pages[key] else { return nil }
                if !found.wasUsed { state.pages[key]?.wasUsed = true }
                return found.page
            }
        }
    }

    func keep(_ page: IntegerPage, at key: Key) {
        guard page.memory <= limit / 16 else { return }
        state.withLock { state in
            guard state.pages[key] == nil else { return }
            state.pages[key] = (page, false)
            state.queue.append(key)
            state.total += page.memory
            state.evict(to: limit)
        }
    }

    /// Nobody will ask for pages of this file again.
    func forget(file: UInt64) {
        state.withLock { state in
            for (key, entry) in state.pages where key.file == file {
                state.pages[key] = nil
                state.total -= entry.page.memory
            }
            state.queue = state.queue[state.head...].filter { $0.file != file }
            state.head = 0
        }
    }
}
