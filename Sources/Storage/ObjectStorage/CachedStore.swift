public import Platform

/// A store whose immutable objects are read through a cache of ranges. Everything else goes straight through.
public final class CachedStore: ObjectStore {
    private let store: any ObjectStore
    public let cache: RangeCache
    private let isImmutable: @Sendable (ObjectKey) -> Bool

    /// - Parameter isImmutable: whether an object never changes under its key, from its birth to its deletion.
    public init(
        _ store: any ObjectStore, cache: RangeCache, isImmutable: @escaping @Sendable (ObjectKey) -> Bool
    ) {
        self.store = store
        self.cache = cache
        self.isImmutable = isImmutable
    }

    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        guard isImmutable(key), !range.isEmpty else { return try await store.read(key, range) }
        if let known = await cache.find(key, range) { return known }
        let bytes = try await store.read(key, range)
        // Less than asked for: the object ends there, which is the caller's to judge.
        if UInt64(bytes.count) == range.upperBound - range.lowerBound {
            await cache.keep(bytes, of: key, at: range.lowerBound)
        }
        return bytes
    }

    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        try await store.delete(key)
        if isImmutable(key) { await cache.forget(key) }
    }

    // MARK: as they are

    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag { try await store.put(bytes, at: key, condition) }
    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes { try await store.get(key) }
    public func get(_ key: ObjectKey, unless tag: ObjectTag) async throws(ObjectStoreError) -> TaggedBytes? {
        try await store.get(key, unless: tag)
    }
    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        try await store.metadata(of: key)
    }
    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] { try await store.list(under: prefix, after: start) }
    public func upload(to key: ObjectKey) async throws(ObjectStoreError) -> any ObjectUpload {
        try await store.upload(to: key)
    }
    public func freeBytes() async throws(ObjectStoreError) -> UInt64? { try await store.freeBytes() }
    public func settleNames() async throws(ObjectStoreError) { try await store.settleNames() }
    public func abandonUploads(
        under prefix: String, where isOver: @Sendable (ObjectKey) -> Bool
    ) async throws(ObjectStoreError) -> Int { try await store.abandonUploads(under: prefix, where: isOver) }
    public var isRemote: Bool { store.isRemote }
}
