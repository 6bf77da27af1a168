public import ObjectStorage
public import Platform

/// A store that stands between another one and its user, and does something of its own about each operation.
public protocol StoreInBetween: ObjectStore {
    var inner: any ObjectStore { get }
    /// Runs `body`, which is the operation on `inner`.
    func around<Value: Sendable>(
        _ body: () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value
}

extension StoreInBetween {
    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        try await around { () async throws(ObjectStoreError) in try await inner.put(bytes, at: key, condition) }
    }
    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        try await around { () async throws(ObjectStoreError) in try await inner.get(key) }
    }
    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        try await around { () async throws(ObjectStoreError) in try await inner.read(key, range) }
    }
    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        try await around { () async throws(ObjectStoreError) in try await inner.metadata(of: key) }
    }
    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] {
        try await around { () async throws(ObjectStoreError) in try await inner.list(under: prefix, after: start) }
    }
    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        try await around { () async throws(ObjectStoreError) in try await inner.delete(key) }
    }
}

/// A slow store: each operation waits before it takes effect and before its answer comes, for as long as chance says.
/// Now and then that is long: whoever waits is overtaken by others.
public final class StallingStore: StoreInBetween {
    public let inner: any ObjectStore
    private let time: any TimeSource
    private let random: SeededRandomSource

    public init(_ inner: any ObjectStore, time: any TimeSource, seed: UInt64) {
        self.inner = inner
        self.time = time
        random = SeededRandomSource(seed: seed)
    }

    private func stall() async {
        let chance = random.next()
        switch chance % 16 {
        case 0..<8: await Task.yield()
        case 8..<15: try? await time.sleep(for: .milliseconds(Int(chance >> 8 % 20)))
        default: try? await time.sleep(for: .milliseconds(Int(chance >> 8 % 5_000)))
        }
    }

    public func around<Value: Sendable>(
        _ body: () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        await stall()
        let value = try await body()
        await stall()
        return value
    }
}

/// A store whose conditions are not what they say: what crash tests must notice, or they prove nothing.
public final class LyingStore: StoreInBetween {
    public enum Lie: Sendable, Hashable, CaseIterable {
        /// A swap that was refused is called a success: 412 taken for committed.
        case refusedSwapSucceeds
        /// A swap takes place whatever is there.
        case swapsUnconditionally
        /// Put-if-absent replaces what is there: a rename where a link was needed.
        case replacesWhatIsThere
    }
    public let inner: any ObjectStore
    private let lie: Lie

    public init(_ inner: any ObjectStore, _ lie: Lie) {
        self.inner = inner
        self.lie = lie
    }

    public func around<Value: Sendable>(
        _ body: () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        try await body()
    }

    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        switch (lie, condition) {
        case (.swapsUnconditionally, .ifMatches), (.replacesWhatIsThere, .ifAbsent):
            return try await inner.put(bytes, at: key, .always)
        case (.refusedSwapSucceeds, .ifMatches(let tag)):
            do {
                return try await inner.put(bytes, at: key, condition)
            } catch {
                guard error.kind == .conditionFailed else { throw error }
                return tag
            }
        default: return try await inner.put(bytes, at: key, condition)
        }
    }
}
