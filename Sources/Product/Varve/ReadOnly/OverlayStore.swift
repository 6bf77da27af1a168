import ObjectStorage
import Platform
import Synchronization

/// A store as it is, and over it in memory what was put and deleted since: the store itself is never changed.
///
/// One process uses it; conditions hold for what it sees.
final class OverlayStore: ObjectStore {
    private let base: any ObjectStore
    private let written: MemoryStore
    /// Deleted here, or covered by what was written: the base does not count.
    private let hidden = Mutex<Set<ObjectKey>>([])

    init(over base: any ObjectStore, time: any TimeSource) {
        self.base = base
        written = MemoryStore(time: time)
    }

    private func isHidden(_ key: ObjectKey) -> Bool { hidden.withLock { $0.contains(key) } }

    /// Where an object is to be sought.
    private func layer(of key: ObjectKey) -> any ObjectStore { isHidden(key) ? written : base }

    @discardableResult
    func put(_ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition) async throws(ObjectStoreError) -> ObjectTag {
        switch condition {
        case .always: break
        case .ifAbsent:
            do throws(ObjectStoreError) { _ = try await metadata(of: key) } catch {
                guard error.kind == .absent else { throw error }
                break
            }
            throw ObjectStoreError(.conditionFailed, "put", key.path)
        case .ifMatches(let tag):
            guard try await get(key).tag == tag else { throw ObjectStoreError(.conditionFailed, "put", key.path) }
        }
        let tag = try await written.put(bytes, at: key, .always)
        _ = hidden.withLock { $0.insert(key) }
        return tag
    }

    var isRemote: Bool { base.isRemote }

    func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes { try await layer(of: key).get(key) }

    func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        try await layer(of: key).read(key, range)
    }

    func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        try await layer(of: key).metadata(of: key)
    }

    func list(under prefix: String, after start: ObjectKey?) async throws(ObjectStoreError) -> [ObjectMetadata] {
        let over = try await written.list(under: prefix, after: start)
        var start = start
        while true {
            let below = try await base.list(under: prefix, after: start)
            guard let last = below.last else { return over }
            var page = below.filter { !isHidden($0.key) }
            // What is further on comes with a later page.
            page += over.filter { $0.key <= last.key }
            if !page.isEmpty { return page.sorted { $0.key < $1.key } }
            start = last.key
        }
    }

    func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        try await written.delete(key)
        _ = hidden.withLock { $0.insert(key) }
    }
}
