public import Platform
import Synchronization

/// Objects in a dictionary: for tests, and for databases that shall vanish.
public final class MemoryStore: ObjectStore {
    private struct Object {
        var bytes: Bytes
        var tag: ObjectTag
        var modified: Int64
    }
    private struct Content {
        var objects: [ObjectKey: Object] = [:]
        /// How many puts there were: the next one's tag.
        var puts: UInt64 = 0
    }

    private let content = Mutex(Content())
    private let time: any TimeSource

    public init(time: any TimeSource = LiveTimeSource()) { self.time = time }

    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        let now = time.now()
        let tag: ObjectTag? = content.withLock { content in
            let current = content.objects[key]
            switch condition {
            case .always: break
            case .ifAbsent: guard current == nil else { return nil }
            case .ifMatches(let expected): guard current?.tag == expected else { return nil }
            }
            content.puts += 1
            let tag = ObjectTag("\(content.puts)")
            content.objects[key] = Object(bytes: bytes, tag: tag, modified: now)
            return tag
        }
        guard let tag else { throw ObjectStoreError(.conditionFailed, "put", key.path) }
        return tag
    }

    private func object(_ operation: String, _ key: ObjectKey) throws(ObjectStoreError) -> Object {
        guard let object = content.withLock({ $0.objects[key] }) else {
            throw ObjectStoreError(.absent, operation, key.path)
        }
        return object
    }

    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        let object = try object("get", key)
        return TaggedBytes(bytes: object.bytes, tag: object.tag)
    }

    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        let bytes = try object("read", key).bytes
        return Array(bytes[Int(range.lowerBound.clamped(to: bytes))..<Int(range.upperBound.clamped(to: bytes))])
    }

    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        let object = try object("look at", key)
        return ObjectMetadata(key: key, size: UInt64(object.bytes.count), modified: object.modified)
    }

    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] {
        let found = content.withLock { content in
            content.objects.filter { key, _ in
                key.path.utf8.starts(with: prefix.utf8) && (start.map { $0 < key } ?? true)
            }
        }
        return found.sorted { $0.key < $1.key }.prefix(1_000).map { key, object in
            ObjectMetadata(key: key, size: UInt64(object.bytes.count), modified: object.modified)
        }
    }

    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        content.withLock { _ = $0.objects.removeValue(forKey: key) }
    }

    /// A store of its own with the objects of this moment.
    public func copy() -> MemoryStore {
        let copy = MemoryStore(time: time)
        let now = content.withLock { $0 }
        copy.content.withLock { $0 = now }
        return copy
    }
}

extension UInt64 {
    /// An offset within `bytes`, or their end.
    fileprivate func clamped(to bytes: Bytes) -> UInt64 { Swift.min(self, UInt64(bytes.count)) }
}
