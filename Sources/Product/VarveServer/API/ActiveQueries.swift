import Platform
import Synchronization

/// The queries that are running or waiting for their turn, for operators. Bounded by the server's connections.
final class ActiveQueries: Sendable {
    struct Entry: Sendable {
        /// Counts up from 1 since the start.
        var id: Int
        var text: String
        /// Milliseconds. An instant query begins and ends at its time, with step 0.
        var start: Int64
        var end: Int64
        var step: Int64
        /// Monotonic nanoseconds.
        var arrived: UInt64
        var isRunning = false
    }

    /// Bytes of a query's text that are kept to be shown.
    static let shownLength = 4_096

    private struct State {
        var lastID = 0
        var entries: [Int: Entry] = [:]
    }
    private let state = Mutex(State())

    /// - Returns: what `began` and `remove` take.
    func add(_ question: Question, arrived: UInt64) -> Int {
        state.withLock { state in
            state.lastID += 1
            state.entries[state.lastID] = Entry(
                id: state.lastID, text: question.shownText, start: question.start, end: question.end,
                step: question.step, arrived: arrived)
            return state.lastID
        }
    }

    func began(_ id: Int) { state.withLock { $0.entries[id]?.isRunning = true } }
    func remove(_ id: Int) { state.withLock { _ = $0.entries.removeValue(forKey: id) } }

    /// In order of arrival.
    var all: [Entry] { state.withLock { $0.entries.values.sorted { $0.id < $1.id } } }
}

/// What a query asks, for those who look on.
struct Question: Sendable {
    var text: String
    var start: Int64
    var end: Int64
    /// 0: an instant query.
    var step: Int64 = 0

    var shownText: String { String(decoding: text.utf8.prefix(ActiveQueries.shownLength), as: UTF8.self) }
}
