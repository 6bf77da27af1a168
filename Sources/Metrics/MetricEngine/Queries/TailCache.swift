import ManifestLog
import Platform
import Synchronization

/// The last sample of each series of an object, where somebody asked for it.
struct ObjectTail: Sendable {
    /// By place of the series in the object; `Int64.min`: not known.
    var times: [Int64]
    var values: [Double]
    var memory: Int { times.count * 16 }

    /// Of so many series nothing.
    static func unknown(_ series: Int) -> ObjectTail {
        ObjectTail(times: [Int64](repeating: .min, count: series), values: [Double](repeating: 0, count: series))
    }
}

/// Ends of series in objects, so that questions about now read no pages; the longest unused are given up.
///
/// - Ends of objects that were merged away go as soon as they may be most of what is kept (`sweep`).
/// - Objects never change, so what was learnt stays true. Two queries may learn at once: one of them learns again.
final class TailCache: Sendable {
    private struct State {
        var tails: [String: (tail: ObjectTail, used: UInt64)] = [:]
        var clock: UInt64 = 0
        var memory = 0
        /// Objects kept from which on a sweep is worth its time.
        var crowd = 32
    }
    private let limit: Int
    private let state = Mutex(State())

    init(limit: ByteCount) { self.limit = limit.bytes }

    /// Bytes held.
    var memory: Int { state.withLock { $0.memory } }

    /// Whether a sweep is due.
    var isCrowded: Bool { state.withLock { $0.tails.count >= $0.crowd } }

    /// Gives up the ends of objects that are no more.
    /// - Parameter live: ids of all objects that are.
    func sweep(live: Set<SSTID>) {
        let files = Set(live.map { "\($0).parquet" })
        state.withLock { state in
            for (name, entry) in state.tails
            where !files.contains(name.split(separator: "/").last.map(String.init) ?? name) {
                state.tails[name] = nil
                state.memory -= entry.tail.memory
            }
            state.crowd = max(32, 2 * state.tails.count)
        }
    }

    /// What is known of an object with so many series; nil: nothing.
    func tail(of object: String, series: Int) -> ObjectTail? {
        let known = state.withLock { state -> ObjectTail? in
            guard let known = state.tails[object] else { return nil }
            state.clock += 1
            state.tails[object]?.used = state.clock
            return known.tail
        }
        return known?.times.count == series ? known : nil
    }

    func keep(_ tail: ObjectTail, of object: String) {
        guard tail.memory <= limit / 2 else { return }
        state.withLock { state in
            if let other = state.tails.removeValue(forKey: object) { state.memory -= other.tail.memory }
            state.clock += 1
            state.tails[object] = (tail, state.clock)
            state.memory += tail.memory
            while state.memory > limit, let oldest = state.tails.min(by: { $0.value.used < $1.value.used }) {
                state.tails[oldest.key] = nil
                state.memory -= oldest.value.tail.memory
            }
        }
    }
}
