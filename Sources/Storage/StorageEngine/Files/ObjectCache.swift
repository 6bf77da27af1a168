import ObjectStorage
import Parquet
import Platform
import Synchronization

/// Small objects whole, in memory: what is read once is read again soon. The oldest goes first, but one that was used
/// since it was last looked at is passed over once: no search, whatever the number of objects.
///
/// - Objects never change under a key, so a copy can never be stale.
final class ObjectCache: Sendable {
    /// Above this an object is read by range and not kept.
    static let largestObject: UInt64 = 8 << 20
    /// …where its bytes come over a network: what is not asked for costs as much as what is.
    static let largestRemoteObject: UInt64 = 128 << 10

    private struct State {
        var bytes: [ObjectKey: (content: Bytes, wasUsed: Bool)] = [:]
        var total = 0
        /// In order of arrival, from `head` on; keys that were forgotten stay until their turn.
        var queue: [ObjectKey] = []
        var head = 0

        mutating func evict(to limit: Int) {
            while total > limit, head < queue.count {
                let key = queue[head]
                head += 1
                guard let entry = bytes[key] else { continue }
                if entry.wasUsed {
                    bytes[key]?.wasUsed = false
                    queue.append(key)
                } else {
                    bytes[key] = nil
                    total -= entry.content.count
                }
            }
            if head > 64, head > queue.count / 2 {
                queue.removeFirst(head)
                head = 0
            }
        }
    }
    let store: any ObjectStore
    private let limit: Int
    private let state = Mutex(State())

    init(store: any ObjectStore, limit: ByteCount) {
        self.store = store
        self.limit = limit.bytes
    }

    /// Bytes held.
    var memory: Int { state.withLock { $0.total } }

    /// The whole object, when it is small enough to be kept.
    func whole(_ key: ObjectKey, size: UInt64) async throws(ObjectStoreError) -> Bytes? {
        let known = state.withLock { state -> Bytes? in
            state.bytes[key]?.wasUsed = true
            return state.bytes[key]?.content
        }
        if let known { return known }
        let largest = store.isRemote ? Self.largestRemoteObject : Self.largestObject
        guard size <= min(largest, UInt64(limit / 4)) else { return nil }
        // By range where that is what a cache of the store keeps.
        let content = store.isRemote ? try await store.read(key, 0..<size) : try await store.get(key).bytes
        keep(content, at: key)
        return content
    }

    func keep(_ content: Bytes, at key: ObjectKey) {
        guard UInt64(content.count) <= Self.largestObject, content.count <= limit / 4 else { return }
        state.withLock { state in
            guard state.bytes[key] == nil else { return }
            state.bytes[key] = (content, false)
            state.queue.append(key)
            state.total += content.count
            state.evict(to: limit)
        }
    }

    func forget(_ key: ObjectKey) {
        state.withLock { state in
            guard let gone = state.bytes.removeValue(forKey: key) else { return }
            state.total -= gone.content.count
            // Names of what is gone are not kept without bound.
            if state.queue.count > 64, state.queue.count > 2 * state.bytes.count {
                state.queue = state.queue[state.head...].filter { state.bytes[$0] != nil }
                state.head = 0
            }
        }
    }
}

/// One object as bytes that can be read by range.
struct ObjectSource: ByteSource {
    let key: ObjectKey
    let size: UInt64
    let objects: ObjectCache

    func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        let bytes: Bytes
        if let whole = try await objects.whole(key, size: size) {
            guard range.upperBound <= UInt64(whole.count) else { throw shorter(whole.count) }
            if range == 0..<UInt64(whole.count) { return whole }
            bytes = Array(whole[Int(range.lowerBound)..<Int(range.upperBound)])
        } else {
            bytes = try await objects.store.read(key, range)
        }
        guard bytes.count == range.count else { throw shorter(bytes.count) }
        return bytes
    }

    /// A store over a network is asked for all of them at once.
    func read(_ ranges: [Range<UInt64>]) async throws -> [[UInt8]] {
        guard objects.store.isRemote, ranges.count > 1 else {
            var parts: [[UInt8]] = []
            for range in ranges { parts.append(try await read(range)) }
            return parts
        }
        return try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            for (index, range) in ranges.enumerated() { group.addTask { (index, try await read(range)) } }
            var parts = [[UInt8]](repeating: [], count: ranges.count)
            for try await (index, bytes) in group { parts[index] = bytes }
            return parts
        }
    }

    private func shorter(_ found: Int) -> StorageError {
        StorageError(
            .damaged,
            "object \(key) is shorter than the \(size) bytes the manifest says; `varve verify` checks every object")
    }
}
