import Synchronization

/// Row indexes of large row groups, of all files together, up to a bound; the one that was not used for longest goes first.
///
/// - A small question that meets a row group of 100,000 series would otherwise decode all of their places, 20 ms, to find one.
/// - Few are here, each of a megabyte or more, so that the oldest is found by looking at all.
final class RowIndexCache: Sendable {
    struct Key: Hashable {
        let file: ObjectIdentifier
        let rowGroup: Int
    }
    private struct State {
        var indexes: [Key: (index: SamplesRowIndex, used: UInt64)] = [:]
        var memory = 0
        var clock: UInt64 = 0

        mutating func remove(_ key: Key) {
            if let gone = indexes.removeValue(forKey: key) { memory -= gone.index.memory }
        }
    }
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: bytes.
    init(limit: Int) { self.limit = limit }

    /// Bytes held.
    var memory: Int { state.withLock { $0.memory } }

    func index(_ key: Key) -> SamplesRowIndex? {
        state.withLock { state in
            guard let known = state.indexes[key]?.index else { return nil }
            state.clock += 1
            state.indexes[key]?.used = state.clock
            return known
        }
    }

    /// Keeps it if it is at most half of the bound: one file shall not drive out all others.
    func keep(_ index: SamplesRowIndex, at key: Key) {
        guard index.memory <= limit / 2 else { return }
        state.withLock { state in
            state.remove(key)
            while state.memory + index.memory > limit,
                let oldest = state.indexes.min(by: { $0.value.used < $1.value.used })
            {
                state.remove(oldest.key)
            }
            state.clock += 1
            state.indexes[key] = (index, state.clock)
            state.memory += index.memory
        }
    }

    /// For a file that is closed.
    func forget(_ file: ObjectIdentifier) {
        state.withLock { state in
            for key in state.indexes.keys where key.file == file { state.remove(key) }
        }
    }
}
