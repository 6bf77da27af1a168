public import Columnar
import ObjectStorage
public import Platform
import Synchronization

/// The one writer of a region's manifest, for as long as nobody claims after it.
///
/// - The only commit is a compare-and-swap of the head from exactly the one it was computed from (rule R1). One at a
///   time; folds are commits.
/// - What a head names was durable before. A name is never used for two contents: every attempt has a version of its own.
/// - An answer that is lost or strange is resolved by reading the head (rule R3). A fenced or unsure writer changes and
///   deletes nothing more; `resolveDoubt` is the only way on from doubt.
/// - `manifest` is what was last known committed.
public final class ManifestWriter: Sendable {
    /// The claim that this writer holds.
    public let claim: ClaimNumber
    public let claimant: UInt64
    /// What was found odd at opening and did no harm, for the operator.
    public let notes: [String]

    let store: any ObjectStore
    let options: ManifestOptions
    let environment: Environment
    /// Held by whoever commits, folds or deletes.
    let turn = Turn()
    /// Changed only by the holder of the turn, but for `background`.
    let state: Mutex<State>

    struct State {
        var head: Head
        var tag: ObjectTag
        var manifest: Manifest
        /// The highest version ever tried.
        var lastVersion: ManifestVersion
        var standing = Standing.writing
        var background: Task<Void, Never>?
    }

    enum Standing {
        case writing
        case fenced(by: ClaimNumber)
        case unknown(reason: String, Swap)
    }

    /// A head that shall replace another, and the manifest that it stands for.
    struct Swap {
        let head: Head
        let manifest: Manifest
        /// It changes how the manifest is written down, not what it says.
        var isFold = false
    }

    init(
        _ loaded: LoadedManifest, store: any ObjectStore, options: ManifestOptions, environment: Environment
    ) {
        claim = loaded.head.claim
        claimant = loaded.head.claimant
        notes = loaded.notes
        self.store = store
        self.options = options
        self.environment = environment
        state = Mutex(
            State(
                head: loaded.head, tag: loaded.tag, manifest: loaded.manifest, lastVersion: loaded.head.version))
    }

    /// The manifest after the last commit.
    public var manifest: Manifest { state.withLock { $0.manifest } }

    /// nil while this writer may commit. A fold in doubt is no hindrance: the next commit settles it first.
    public var stopped: ManifestError? {
        switch state.withLock({ $0.standing }) {
        case .writing: nil
        case .fenced(let claim): .fenced(by: claim)
        case .unknown(let reason, let pending): pending.isFold ? nil : .unknown(reason: reason)
        }
    }

    /// Neither fenced nor in any doubt: only then is anything begun or deleted.
    var isSure: Bool {
        if case .writing = state.withLock({ $0.standing }) { return true }
        return false
    }

    /// Makes `change` durable, wholly, and returns the manifest with it. An empty change is no commit.
    ///
    /// - Throws: `.invalid` and `.store`: nothing happened, go on. `.fenced`: nothing happened and nothing ever will.
    ///   `.unknown`: it may have happened; later commits are not begun and throw the same until `resolveDoubt` says more.
    public func commit(_ change: ManifestChange) async throws(ManifestError) -> Manifest {
        await turn.take()
        defer { turn.giveBack() }
        try await settleFold()
        if state.withLock({ $0.head.unfolded.count }) >= options.foldBeforeCommit {
            await foldIfPossible()
            try await settleFold()
        }
        if change.isEmpty { return manifest }
        let (base, head, version) = try state.withLock { state throws(ManifestError) in
            (state.manifest, state.head, try state.takeVersion())
        }
        var next = try base.applying(change, version: version, removedAt: 0)

        let bytes = ManifestDelta(version: version, claim: claim, change: change).encoded()
        let key = ManifestPaths.delta(version, claim)
        try await putOnce(bytes, at: key)
        var written: Int64 = 0
        if !change.removed.isEmpty {
            // The time of removal, by the store's clock: foreign readers are given a grace from it.
            do {
                written = try await store.metadata(of: key).modified
            } catch {
                throw .store(error)
            }
            for id in change.removed { next.removed[id]?.removedAt = written }
        }
        let reference = ObjectReference(version: version, claim: claim, bytes: bytes, written: written)
        try await swap(Swap(head: head.adding(reference), manifest: next))
        // It is committed: from here on nothing may fail it.
        await foldWhenDue()
        return next
    }

    /// After `.unknown`: asks the head again, and swaps again with the same bytes where it must. Returns the manifest,
    /// with the change or without, and commits are possible again.
    ///
    /// - Throws: `.unknown` while the doubt lasts, `.fenced`.
    public func resolveDoubt() async throws(ManifestError) -> Manifest {
        await turn.take()
        defer { turn.giveBack() }
        switch state.withLock({ $0.standing }) {
        case .writing: break
        case .fenced(let claim): throw .fenced(by: claim)
        case .unknown(_, let pending): try await swap(pending, inDoubt: true)
        }
        return manifest
    }

    /// Throws unless a commit may begin. A fold in doubt is asked for again: its outcome changes no content.
    private func settleFold() async throws(ManifestError) {
        if let stopped { throw stopped }
        guard case .unknown(_, let pending) = state.withLock({ $0.standing }) else { return }
        do {
            try await swap(pending, inDoubt: true)
        } catch {
            // The commit that waits for it was not begun: for that one nothing is in doubt.
            guard case .unknown(let reason) = error else { throw error }
            throw .store(ObjectStoreError(.unavailable, "replace", ManifestPaths.head.path, reason))
        }
        if let stopped { throw stopped }
    }

    /// Returns when no work in the background is under way.
    public func finishBackgroundWork() async {
        while let task = state.withLock({ $0.background }) {
            await task.value
            state.withLock { state in
                if state.background == task { state.background = nil }
            }
        }
    }
}

extension ManifestWriter.State {
    /// A version that no object of this claim has in its name yet.
    mutating func takeVersion() throws(ManifestError) -> ManifestVersion {
        guard let version = lastVersion.next else { throw .invalid("versions are spent") }
        lastVersion = version
        return version
    }
}
