import Columnar
import ManifestLog
import ObjectStorage
import Platform
import Synchronization

/// Deletes objects that were replaced, after the last snapshot that names them is gone, and tells the manifest; and
/// those that a failed flush or merge left behind, which no manifest ever named.
///
/// - Only the claim's holder has one; a fenced or unsure writer stops it (`stop`) and deletes nothing until `resume`.
/// - A failing delete is tried again at `retry` and with the next release; the manifest keeps the object's name until
///   it is gone.
final class GarbageCollector: Sendable {
    private struct Item {
        let id: SSTID
        let key: ObjectKey
        /// The manifest has it among the removed: it must be told of the deletion.
        let isNamed: Bool
    }

    private struct State {
        /// Replaced, still held by some snapshot.
        var awaited: [SSTID: (key: ObjectKey, matureAt: UInt64)] = [:]
        /// Released, but readers elsewhere may still be at it.
        var maturing: [(item: Item, matureAt: UInt64)] = []
        /// Released, not yet deleted.
        var deletable: [Item] = []
        /// Tried in vain; at the next chance again.
        var failed: [Item] = []
        /// Deleted; the manifest does not know yet.
        var collected: [SSTID] = []
        var isRunning = false
        var isStopped = false
        var nextWaiter: UInt64 = 0
        /// `needsReaders`: waits for the awaited too.
        var waiters: [UInt64: (continuation: UnsafeContinuation<Void, Never>, needsReaders: Bool)] = [:]

        /// Whether somebody has to start running.
        mutating func mustStart() -> Bool {
            guard !isRunning, !isStopped, !deletable.isEmpty else { return false }
            isRunning = true
            return true
        }

        mutating func takeSatisfied() -> [UnsafeContinuation<Void, Never>] {
            guard !isRunning else { return [] }
            let satisfied = waiters.filter { !$0.value.needsReaders || awaited.isEmpty }
            for id in satisfied.keys { waiters[id] = nil }
            return satisfied.values.map(\.continuation)
        }
    }
    private let state = Mutex(State())
    private let store: any ObjectStore
    private let objects: ObjectCache
    private let environment: Environment
    /// How long after its removal an object stays for readers elsewhere.
    private let grace: UInt64

    init(store: any ObjectStore, objects: ObjectCache, environment: Environment, grace: Duration = .zero) {
        self.grace = UInt64(clamping: grace.components.seconds) * 1_000_000_000
        self.store = store
        self.objects = objects
        self.environment = environment
    }

    /// The manifest no longer names this object; its part reports when nobody reads it any more.
    func expect(_ id: SSTID, at key: ObjectKey) {
        let matureAt = environment.time.monotonic() + grace
        state.withLock { $0.awaited[id] = (key, matureAt) }
        #if PLANTED_BUGS
            if PlantedBug.current == .deletesInputsUnderReaders { wasReleased(id) }
        #endif
    }

    func wasReleased(_ id: SSTID) {
        let mustRun = state.withLock { state -> Bool in
            guard let (key, matureAt) = state.awaited.removeValue(forKey: id) else { return false }
            let item = Item(id: id, key: key, isNamed: true)
            guard grace == 0 || environment.time.monotonic() >= matureAt else {
                state.maturing.append((item, matureAt))
                return false
            }
            state.deletable.append(item)
            return state.mustStart()
        }
        if mustRun { environment.spawn { [self] in await run() } }
    }

    /// Objects of this claim that no manifest names and none ever will: their commit surely did not happen.
    func discard(_ made: [(id: SSTID, key: ObjectKey)]) {
        let mustRun = state.withLock { state -> Bool in
            for (id, key) in made { state.deletable.append(Item(id: id, key: key, isNamed: false)) }
            return state.mustStart()
        }
        if mustRun { environment.spawn { [self] in await run() } }
    }

    /// Deletes once more what could not be deleted, and what readers elsewhere have had time to let go of.
    func retry() {
        let now = environment.time.monotonic()
        let mustRun = state.withLock { state -> Bool in
            state.deletable += state.failed
            state.failed = []
            state.deletable += state.maturing.filter { $0.matureAt <= now }.map(\.item)
            state.maturing.removeAll { $0.matureAt <= now }
            return state.mustStart()
        }
        if mustRun { environment.spawn { [self] in await run() } }
    }

    private func run() async {
        while let item = takeOne() {
            do {
                try await StorePurpose.during(.garbage) { () async throws(ObjectStoreError) in
                    try await store.delete(item.key)
                }
                objects.forget(item.key)
                if item.isNamed { state.withLock { $0.collected.append(item.id) } }
            } catch {
                state.withLock { $0.failed.append(item) }
            }
        }
    }

    /// The next one; nil ends the run, in the same step: what is released after it starts another.
    private func takeOne() -> Item? {
        let (item, waiters) = state.withLock { state -> (Item?, [UnsafeContinuation<Void, Never>]) in
            if !state.isStopped, let item = state.deletable.popLast() { return (item, []) }
            state.isRunning = false
            return (nil, state.takeSatisfied())
        }
        for waiter in waiters { waiter.resume() }
        return item
    }

    /// Returns when every replaced object was released and its deletion tried, or readers have kept one for so long.
    func waitUntilQuiet(readersFor patience: Duration) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timer = environment.spawn { [self] in
            do { try await environment.time.sleep(for: patience) } catch { return }
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
        await wait(id, needsReaders: true)
        timer.cancel()
    }

    /// Returns when no deletion is under way.
    func waitUntilIdle() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await wait(id, needsReaders: false)
    }

    private func wait(_ id: UInt64, needsReaders: Bool) async {
        await withUnsafeContinuation { continuation in
            let satisfied = state.withLock { state in
                state.waiters[id] = (continuation, needsReaders)
                return state.takeSatisfied()
            }
            for waiter in satisfied { waiter.resume() }
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

    /// The doubt is over.
    func resume() {
        let mustRun = state.withLock { state -> Bool in
            state.isStopped = false
            return state.mustStart()
        }
        if mustRun { environment.spawn { [self] in await run() } }
    }
}
