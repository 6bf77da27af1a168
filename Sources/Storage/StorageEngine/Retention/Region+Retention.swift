import Columnar
import ManifestLog
import Platform
import Synchronization

extension Region {
    /// Rows before `now - retention` are invisible from now on. Their objects go with `removeExpired`.
    func updateRetention() {
        guard let oldest = Expiry.oldestTime(now: environment.time.now(), retention: options.retention) else { return }
        // Once a minute is often enough for a window of hours. A clock that was ahead and is set back takes it back.
        let known = snapshot.parts.oldestTime
        guard oldest >= known.addingSaturating(60_000) || oldest <= known.addingSaturating(-60_000) else { return }
        let old = introducer.introduce { parts in
            guard parts.oldestTime != oldest else { return false }
            parts.oldestTime = oldest
            return true
        }
        withExtendedLifetime(old) {}
    }

    /// Removes all segments past retention in one change of the manifest; in quiet tables too. Their objects are
    /// deleted when nobody reads them any more.
    ///
    /// - Not while the clock is doubted: what a wrong one hides comes back, what is removed does not.
    /// - What the log holds may need rows of these segments at the next replay: so the contributor stops counting on them,
    ///   and the log is flushed, before they go.
    func removeExpired() async throws(StorageError) {
        let time = environment.time
        guard clockTrust.withLock({ $0.mayExpire(wall: time.now(), monotonic: time.monotonic()) }) else { return }
        try await compactionLock.withLock { () async throws(StorageError) in
            guard !writer.isClosed else { return }
            try await settleDoubt()
            guard let oldest = Expiry.oldestTime(now: environment.time.now(), retention: options.retention) else {
                return
            }
            // What is still visible is not removed, whatever the clock says meanwhile.
            let past = min(oldest, snapshot.parts.oldestTime)
            guard !Expiry.expired(snapshot.objects, oldestTime: past).isEmpty else { return }
            contributor?.willExpire(before: past)
            try await flush()
            let expired = Expiry.expired(snapshot.objects, oldestTime: past)
            var change = ManifestChange()
            change.removed = expired.flatMap(\.ids)
            try await commit(change) { [self] in
                for (place, ids) in expired { replace(ids, by: [], in: place) }
                lastAddition.withLock { times in for (place, _) in expired { times[place] = nil } }
                counts.expirations.add(UInt64(expired.count), ordering: .relaxed)
            }
        }
    }
}
