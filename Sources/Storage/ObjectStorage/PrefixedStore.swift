public import Platform

/// The part of a store below a prefix, as a store of its own. Errors name the whole key.
public struct PrefixedStore: ObjectStore {
    public let store: any ObjectStore
    /// Ends with a slash.
    public let prefix: String

    /// - Parameter prefix: a key's text and a slash: `regions/metrics/`.
    public init(_ store: any ObjectStore, prefix: String) {
        precondition(prefix.hasSuffix("/") && ObjectKey(String(prefix.dropLast())) != nil, "not a prefix of keys")
        self.store = store
        self.prefix = prefix
    }

    private func whole(_ key: ObjectKey, _ operation: String) throws(ObjectStoreError) -> ObjectKey {
        guard let whole = ObjectKey(prefix + key.path) else {
            throw ObjectStoreError(.refused, operation, prefix + key.path, "the key is longer than 1,024 bytes")
        }
        return whole
    }

    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        try await store.put(bytes, at: try whole(key, "put"), condition)
    }

    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        try await store.get(try whole(key, "get"))
    }

    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        try await store.read(try whole(key, "read"), range)
    }

    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        let found = try await store.metadata(of: try whole(key, "look at"))
        return ObjectMetadata(key: key, size: found.size, modified: found.modified)
    }

    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] {
        var wholeStart: ObjectKey?
        if let start { wholeStart = try whole(start, "list") }
        let found = try await store.list(under: self.prefix + prefix, after: wholeStart)
        return found.compactMap { object in
            // A key that is nothing but our prefix cannot be: it would end with a slash.
            guard let key = ObjectKey(String(object.key.path.dropFirst(self.prefix.count))) else { return nil }
            return ObjectMetadata(key: key, size: object.size, modified: object.modified)
        }
    }

    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        try await store.delete(try whole(key, "delete"))
    }

    public func upload(to key: ObjectKey) async throws(ObjectStoreError) -> any ObjectUpload {
        try await store.upload(to: try whole(key, "put"))
    }

    public func freeBytes() async throws(ObjectStoreError) -> UInt64? { try await store.freeBytes() }

    public func settleNames() async throws(ObjectStoreError) { try await store.settleNames() }

    public func get(_ key: ObjectKey, unless tag: ObjectTag) async throws(ObjectStoreError) -> TaggedBytes? {
        try await store.get(try whole(key, "get"), unless: tag)
    }

    public func abandonUploads(
        under prefix: String, where isOver: @Sendable (ObjectKey) -> Bool
    ) async throws(ObjectStoreError) -> Int {
        let own = self.prefix
        return try await store.abandonUploads(under: own + prefix) { key in
            ObjectKey(String(key.path.dropFirst(own.count))).map(isOver) ?? false
        }
    }

    public var isRemote: Bool { store.isRemote }
}
