public import Platform

/// A flat map from key to bytes: what the engine asks of a directory or a bucket.
public protocol ObjectStore: Sendable {
    /// Durable when it returns. `.ifAbsent`: only the first succeeds, until the key is deleted. `.ifMatches`: only when
    /// the object still has that tag. A refusal throws `.conditionFailed` and changes nothing; `.unanswered` means that
    /// nobody knows whether it took effect.
    @discardableResult
    func put(_ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition) async throws(ObjectStoreError) -> ObjectTag
    /// The whole object and its tag.
    func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes
    /// The whole object and its tag, unless its tag is the one given: then nil.
    func get(_ key: ObjectKey, unless tag: ObjectTag) async throws(ObjectStoreError) -> TaggedBytes?
    /// The bytes of `range`, clamped to the object's end.
    func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes
    func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata
    /// At most 1,000 objects whose keys start with `prefix` and come after `start`, in byte order of keys.
    func list(under prefix: String, after start: ObjectKey?) async throws(ObjectStoreError) -> [ObjectMetadata]
    /// An absent key is a success.
    func delete(_ key: ObjectKey) async throws(ObjectStoreError)
    /// Begins an object that is too large for memory. Not more than one at a time under a key.
    func upload(to key: ObjectKey) async throws(ObjectStoreError) -> any ObjectUpload
    /// Bytes that may still be stored; nil: not known, or without bound.
    func freeBytes() async throws(ObjectStoreError) -> UInt64?
    /// Every name that a listing shows now is durable when it returns. For whoever is about to believe a listing: an
    /// earlier process may have been killed between giving an object its name and making the name last.
    func settleNames() async throws(ObjectStoreError)
    /// Lets go of uploads that were begun under `prefix` and neither finished nor abandoned, as far as `isOver` says that
    /// their writer is gone. Returns how many.
    func abandonUploads(
        under prefix: String, where isOver: @Sendable (ObjectKey) -> Bool
    ) async throws(ObjectStoreError) -> Int
    /// Whether bytes come over a network: then small ranges are worth more than whole objects.
    var isRemote: Bool { get }
}

public enum PutCondition: Sendable, Hashable {
    case always
    case ifAbsent
    case ifMatches(ObjectTag)
}

/// Names one content of one key: changes whenever the object is replaced.
public struct ObjectTag: Sendable, Hashable {
    public let text: String
    public init(_ text: String) { self.text = text }
}

public struct TaggedBytes: Sendable, Equatable {
    public let bytes: Bytes
    public let tag: ObjectTag
    public init(bytes: Bytes, tag: ObjectTag) {
        self.bytes = bytes
        self.tag = tag
    }
}

public struct ObjectMetadata: Sendable, Equatable {
    public let key: ObjectKey
    public let size: UInt64
    /// Milliseconds since the epoch, by the store's clock.
    public let modified: Int64
    public init(key: ObjectKey, size: UInt64, modified: Int64) {
        self.key = key
        self.size = size
        self.modified = modified
    }
}

extension ObjectStore {
    public func get(_ key: ObjectKey, unless tag: ObjectTag) async throws(ObjectStoreError) -> TaggedBytes? {
        let found = try await get(key)
        return found.tag == tag ? nil : found
    }

    /// Such a store leaves nothing behind, or tidies up by itself.
    public func abandonUploads(
        under prefix: String, where isOver: @Sendable (ObjectKey) -> Bool
    ) async throws(ObjectStoreError) -> Int { 0 }

    public var isRemote: Bool { false }

    /// All objects under `prefix`, page by page.
    public func listAll(under prefix: String) async throws(ObjectStoreError) -> [ObjectMetadata] {
        var found: [ObjectMetadata] = []
        while true {
            let page = try await list(under: prefix, after: found.last?.key)
            if page.isEmpty { return found }
            found += page
        }
    }
}
