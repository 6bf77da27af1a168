public import Platform

/// An object in the making, piece by piece: whole under its key after `finish`, absent before it and after `abandon`.
/// Used by one task at a time; whoever begins one ends it, by `finish` or by `abandon`.
public protocol ObjectUpload: AnyObject, Sendable {
    /// The next bytes of the object.
    func append(_ bytes: Bytes) async throws(ObjectStoreError)
    /// Durable when it returns, as a put with `.ifAbsent` is; `.unanswered` means that nobody knows whether it is there.
    func finish() async throws(ObjectStoreError)
    /// Lets go of what was uploaded. Never fails: what cannot be removed now is no object and goes at the next start.
    func abandon() async
}

extension ObjectStore {
    /// Gathers the pieces in memory and puts them at the end: for stores that cannot do better.
    public func upload(to key: ObjectKey) async throws(ObjectStoreError) -> any ObjectUpload {
        GatheredUpload(key: key, store: self)
    }

    /// Not known, or without bound.
    public func freeBytes() async throws(ObjectStoreError) -> UInt64? { nil }

    /// What is listed is durable anyhow.
    public func settleNames() async throws(ObjectStoreError) {}
}

private final class GatheredUpload: ObjectUpload {
    private let key: ObjectKey
    private let store: any ObjectStore
    private let gathered = PieceList()

    init(key: ObjectKey, store: any ObjectStore) {
        self.key = key
        self.store = store
    }

    func append(_ bytes: Bytes) async throws(ObjectStoreError) { gathered.append(bytes) }

    func finish() async throws(ObjectStoreError) {
        try await store.put(gathered.take(), at: key, .ifAbsent)
    }

    func abandon() async { _ = gathered.take() }
}
