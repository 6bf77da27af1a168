import Columnar
import ObjectStorage
import Platform
import Synchronization

extension ManifestWriter {
    /// Replaces the head by its successor, resolves doubt, and publishes what came of it. The caller holds the turn.
    ///
    /// - Parameter inDoubt: an earlier attempt may still arrive: the head is read first, and only it can settle the matter.
    func swap(_ wanted: Swap, inDoubt: Bool = false) async throws(ManifestError) {
        let bytes = wanted.head.encoded()
        let base = state.withLock { $0.head }
        var tag = state.withLock { $0.tag }
        var mayArriveLate = inDoubt
        var lastError: ObjectStoreError?
        for attempt in 0..<options.attempts {
            await environment.pause(options.pause, before: attempt)
            if attempt > 0 || !inDoubt {
                do {
                    let newTag = try await store.put(bytes, at: ManifestPaths.head, .ifMatches(tag))
                    publish(wanted, newTag)
                    return
                } catch {
                    lastError = error
                    if error.kind == .unanswered { mayArriveLate = true }
                }
            }
            let shown = await ShownHead.read(from: store, options, environment)
            #if PLANTED_BUGS
                if PlantedBug.current == .ignoresClaim, case .head(let head, let newTag) = shown,
                    head.version >= wanted.head.version
                {
                    return publish(wanted, newTag)
                }
            #endif
            switch (verdict(on: ReadBack(shown, claim: claim, claimant: claimant), for: wanted.head.version), shown) {
            case (.committed, .head(wanted.head, let newTag)):
                publish(wanted, newTag)
                return
            case (.retrySameBytes, .head(base, let sameTag)):
                tag = sameTag
            case (.committedThenFenced(let other), _):
                publish(wanted, tag)
                state.withLock { $0.standing = .fenced(by: other) }
                return
            case (.fenced(let other), _):
                state.withLock { $0.standing = .fenced(by: other) }
                throw .fenced(by: other)
            case (.unknown, .unreadable):
                // When the put surely did not happen, nothing is in doubt: the store is merely away.
                if let lastError, lastError.surelyDidNotHappen, !mayArriveLate { throw .store(lastError) }
                throw stopUnsure(wanted, shown.reason(lastError))
            case (.unknown, _), (.committed, _), (.retrySameBytes, _):
                throw stopUnsure(wanted, shown.reason(lastError))
            }
        }
        guard !mayArriveLate, let lastError else {
            throw stopUnsure(wanted, lastError?.description ?? "the swap was not answered")
        }
        throw .store(lastError)
    }

    private func publish(_ swap: Swap, _ tag: ObjectTag) {
        state.withLock { state in
            state.head = swap.head
            state.tag = tag
            state.manifest = swap.manifest
            state.standing = .writing
        }
    }

    private func stopUnsure(_ swap: Swap, _ reason: String) -> ManifestError {
        state.withLock { $0.standing = .unknown(reason: reason, swap) }
        return .unknown(reason: reason)
    }

    /// Puts an immutable object of this writer's own name.
    func putOnce(_ bytes: Bytes, at key: ObjectKey) async throws(ManifestError) {
        var lastError = ObjectStoreError(.unavailable, "put", key.path)
        for attempt in 0..<options.attempts {
            await environment.pause(options.pause, before: attempt)
            do {
                try await store.put(bytes, at: key, .ifAbsent)
                return
            } catch {
                lastError = error
            }
            switch lastError.kind {
            case .unanswered, .unavailable: continue
            case .full, .refused, .absent: throw .store(lastError)
            case .conditionFailed:
                // The name is ours alone: an earlier try took effect.
                if let there = try? await store.get(key), there.bytes == bytes { return }
            }
        }
        throw .store(lastError)
    }
}

extension ShownHead {
    /// Looks until there is an answer.
    static func read(
        from store: any ObjectStore, _ options: ManifestOptions, _ environment: Environment
    ) async -> ShownHead {
        var reason = ""
        for attempt in 0..<options.attempts {
            await environment.pause(options.pause, before: attempt)
            do throws(ManifestError) {
                guard let (head, tag) = try await LoadedManifest.head(of: store) else { return .absent }
                return .head(head, tag)
            } catch {
                reason = error.description
            }
        }
        return .unreadable(reason)
    }

    /// Why it settles nothing.
    func reason(_ error: ObjectStoreError?) -> String {
        let found =
            switch self {
            case .head(let head, _): "the head shows version \(head.version) of claim \(head.claim)"
            case .absent: "the head is gone"
            case .unreadable(let reason): "the head cannot be read: \(reason)"
            }
        guard let error else { return found }
        return "\(error); \(found)"
    }
}

extension Environment {
    /// Waits before all attempts but the first, longer each time, at most ten seconds. A cancelled task does not wait.
    func pause(_ first: Duration, before attempt: Int) async {
        guard attempt > 0, first > .zero else { return }
        try? await time.sleep(for: min(first * (1 << min(attempt - 1, 10)), .seconds(10)))
    }
}

extension ObjectStoreError {
    /// Of a swap. A failed condition may be the answer to a repetition below us, after the first try took effect.
    fileprivate var surelyDidNotHappen: Bool {
        switch kind {
        case .unavailable, .full, .refused: true
        case .unanswered, .conditionFailed, .absent: false
        }
    }
}
