import ObjectStorage
import Parquet
import Platform
import Synchronization

/// Small objects whole, in memory: what is read once is read again soon.
///
/// - Objects never change under a key, so a copy can never be stale.
final class ObjectCache: Sendable {
    /// Above this an object is read by range and not kept.
    static let largestObject: UInt64 = 8 << 20
    /// …where its bytes come over a network: what is not asked for costs as much as what is.
    static let largestRemoteObject: UInt64 = 128 << 10

    let store: any ObjectStore
    private let limit: Int
    private let contents = Mutex(SecondChance<ObjectKey, Bytes>())

    init(store: any ObjectStore, limit: ByteCount) {
        self.store = store
        self.limit = limit.bytes
    }

    /// Bytes held.
    var memory: Int { contents.withLock { $0.totalSize } }

    /// The whole object, when it is small enough to be kept.
    func whole(_ key: ObjectKey, size: UInt64) async throws(ObjectStoreError) -> Bytes? {
        if let known = contents.withLock({ $0.use(key) }) { return known }
        let largest = store.isRemote ? Self.largestRemoteObject : Self.largestObject
        guard size <= min(largest, UInt64(limit / 4)) else { return nil }
        // By range where that is what a cache of the store keeps.
        let content = store.isRemote ? try await store.read(key, 0..<size) : try await store.get(key).bytes
        keep(content, at: key)
        return content
    }

    func keep(_ content: Bytes, at key: ObjectKey) {
        guard UInt64(content.count) <= Self.largestObject, content.count <= limit / 4 else { return }
        contents.withLock { $0.keep(content, at: key, size: content.count, limit: limit) }
    }

    func forget(_ key: ObjectKey) { contents.withLock { $0.forget(key) } }
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
