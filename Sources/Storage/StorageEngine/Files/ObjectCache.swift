import ObjectStorage
import Parquet
import Platform
import Synchronization

/// Small objects whole, in memory, least recently used first out: what is read once is read again soon.
///
/// - Objects never change under a key, so a copy can never be stale.
final class ObjectCache: Sendable {
    /// Above this an object is read by range and not kept.
    static let largestObject: UInt64 = 8 << 20

    private struct State {
        var bytes: [ObjectKey: (content: Bytes, used: UInt64)] = [:]
        var total = 0
        var clock: UInt64 = 0
    }
    let store: any ObjectStore
    private let limit: Int
    private let state = Mutex(State())

    init(store: any ObjectStore, limit: ByteCount) {
        self.store = store
        self.limit = limit.bytes
    }

    /// The whole object, when it is small enough to be kept.
    func whole(_ key: ObjectKey, size: UInt64) async throws(ObjectStoreError) -> Bytes? {
        guard size <= min(Self.largestObject, UInt64(limit / 4)) else { return nil }
        let known = state.withLock { state -> Bytes? in
            state.clock += 1
            state.bytes[key]?.used = state.clock
            return state.bytes[key]?.content
        }
        if let known { return known }
        let content = try await store.get(key).bytes
        keep(content, at: key)
        return content
    }

    func keep(_ content: Bytes, at key: ObjectKey) {
        guard UInt64(content.count) <= Self.largestObject, content.count <= limit / 4 else { return }
        state.withLock { state in
            guard state.bytes[key] == nil else { return }
            state.clock += 1
            state.bytes[key] = (content, state.clock)
            state.total += content.count
            while state.total > limit, let oldest = state.bytes.min(by: { $0.value.used < $1.value.used }) {
                state.bytes[oldest.key] = nil
                state.total -= oldest.value.content.count
            }
        }
    }

    func forget(_ key: ObjectKey) {
        state.withLock { state in
            if let gone = state.bytes.removeValue(forKey: key) { state.total -= gone.content.count }
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

    private func shorter(_ found: Int) -> StorageError {
        StorageError(
            .damaged,
            "object \(key) is shorter than the \(size) bytes the manifest says; `varve verify` checks every object")
    }
}
