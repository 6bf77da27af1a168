import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

/// Deletes objects that were replaced, after the last snapshot that names them is gone, and tells the manifest.
///
/// - Only the claim's holder has one; a fenced or unsure writer stops it (`stop`) and deletes nothing more.
/// - A failing delete is tried again at the next chance; the manifest keeps the object's name until it is gone.
final class GarbageCollector: Sendable {
    private struct State {
        /// Replaced, still held by some snapshot.
        var awaited: [SSTID: ObjectKey] = [:]
        /// Released, not yet deleted.
        var deletable: [SSTID: ObjectKey] = [:]
        /// Deleted; the manifest does not know yet.
        var collected: [SSTID] = []
        var isRunning = false
        var isStopped = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())
    private let store: any ObjectStore
    private let objects: ObjectCache
    private let environment: Environment

    init(store: any ObjectStore, objects: ObjectCache, environment: Environment) {
        self.store = store
        self.objects = objects
        self.environment = environment
    }

    /// The manifest no longer names this object; its part reports when nobody reads it any more.
    func expect(_ id: SSTID, at key: ObjectKey) { state.withLock { $0.awaited[id] = key } }

    func wasReleased(_ id: SSTID) {
        let mustRun = state.withLock { state -> Bool in
            guard let key = state.awaited.removeValue(forKey: id) else { return false }
            state.deletable[id] = key
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustRun { environment.spawn { [self] in await run() } }
    }

    private func run() async {
        var failed: [SSTID: ObjectKey] = [:]
        while let (id, key) = takeOne() {
            do {
                try await store.delete(key)
                objects.forget(key)
                state.withLock { $0.collected.append(id) }
            } catch {
                failed[id] = key
            }
        }
        let waiters = state.withLock { state -> [UnsafeContinuation<Void, Never>] in
            state.deletable.merge(failed) { first, _ in first }
            state.isRunning = false
            guard state.awaited.isEmpty else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func takeOne() -> (SSTID, ObjectKey)? {
        state.withLock { state in
            guard !state.isStopped, let (id, key) = state.deletable.first else { return nil }
            state.deletable[id] = nil
            return (id, key)
        }
    }

    /// Returns when every replaced object was released and its deletion tried.
    func waitUntilQuiet() async {
        await withUnsafeContinuation { continuation in
            let isQuiet = state.withLock { state -> Bool in
                if state.awaited.isEmpty && !state.isRunning { return true }
                state.waiters.append(continuation)
                return false
            }
            if isQuiet { continuation.resume() }
        }
    }

    /// Deleted objects that the next commit can tell the manifest of.
    func takeCollected() -> [SSTID] {
        state.withLock { state in
            defer { state.collected = [] }
            return state.collected
        }
    }
    func putBack(_ ids: [SSTID]) { state.withLock { $0.collected += ids } }

    /// Whether the manifest knows of every deletion.
    var isEmpty: Bool { state.withLock { $0.collected.isEmpty } }

    /// Doubt deletes nothing.
    func stop() { state.withLock { $0.isStopped = true } }
}
