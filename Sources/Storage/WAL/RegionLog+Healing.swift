import Columnar
import Platform
import Synchronization

/// Repair in place after a failed write or sync (rule R6), or after an opening that found the disk full.
///
/// 1. Everybody who waits gets an error, at once; reading and releasing go on, nothing new is taken.
/// 2. Everything past the last good sync is written from memory into a new log segment, and synced: the page cache that
///    failed is not asked. None of its batches claims more than was known synced before.
/// 3. The old copies are cut off their log segment, and that is synced: only now may a later batch call 2 synced.
/// 4. The log is open again. The writes that failed are in it, whole: whoever sends them again does no harm.
///
/// - A crash between any two steps leaves what a crash before step 2 could leave, or a repetition, which readers skip.
/// - What `release` has passed meanwhile is owed no more.
/// - Memory: what was unsynced (`Committer.unsyncedLimit` and one commit) and what was queued at the failure; nothing is
///   queued after it.
/// - An attempt that fails is followed by the next after a pause of at most 2 s, for as long as the log lives.
enum HealingSchedule {
    /// Before attempt number `attempt`, from 0.
    static func pause(before attempt: Int) -> Duration {
        .milliseconds(min(2_000, 100 << min(max(attempt, 0), 5)))
    }
}

extension RegionLog {
    /// The committer has ended with `error`.
    func breakDown(_ committer: Committer, _ error: any Error) {
        let failure = SegmentFailure(error)
        let (waiters, heals) = state.withLock { state -> ([Waiter], Bool) in
            let (waiters, pending) = state.commit.breakDown(failure.description)
            committer.owed = committer.unsynced + committer.inHand.reversed() + pending
            committer.unsynced = []
            committer.unsyncedBytes = 0
            committer.inHand = []
            state.counts.failures += 1
            state.counts.failure = LogFailure(reason: failure.description, isDiskFull: failure.isDiskFull)
            guard case .broken = state.commit.phase else { return (waiters, false) }
            return (waiters, true)
        }
        for waiter in waiters { waiter.resume(returning: .failure(.poisoned(reason: failure.description))) }
        if heals { startHealing() }
    }

    /// Repairs until it succeeds, the log is closed, or nobody holds it any more.
    func startHealing() {
        let (environment, time) = (environment, environment.time)
        let healer = environment.spawn { [weak self] in
            var attempt = 0
            while true {
                let pause = HealingSchedule.pause(before: attempt)
                let nap = environment.spawn { try? await time.sleep(for: pause) }
                let isLeaving = self?.state.withLock { state in
                    state.nap = nap
                    return state.commit.isLeaving
                }
                guard let isLeaving else { return nap.cancel() }
                if isLeaving { nap.cancel() }
                await nap.value
                guard let self, await self.healOnce() else { return }
                attempt += 1
            }
        }
        state.withLock { $0.healer = healer }
    }

    /// - Returns: whether another attempt is owed.
    private func healOnce() async -> Bool {
        do {
            if let committer = state.withLock({ $0.committer }) {
                try await rewrite(with: committer)
            } else {
                try await recoverAgain()
            }
            return false
        } catch {
            let failure = SegmentFailure(error)
            let closers = state.withLock { state in
                state.counts.failure = LogFailure(reason: failure.description, isDiskFull: failure.isDiskFull)
                return state.commit.isLeaving ? state.commit.fail(failure.description) : nil
            }
            for closer in closers ?? [] {
                closer.resume(returning: .failure(.poisoned(reason: failure.description)))
            }
            return closers == nil
        }
    }

    // MARK: Steps 2 to 4

    private func rewrite(with committer: Committer) async throws {
        // A log segment that is being made is waited for: nothing else writes while this does.
        if case .making(let task) = state.withLock({ $0.spare }) { await task.value }
        let (spare, released) = state.withLock { state -> (SegmentFile?, SequenceNumber?) in
            defer { state.spare = .none }
            guard case .ready(let file) = state.spare else { return (nil, state.released) }
            return (file, state.released)
        }
        let (directory, region) = (directory, region)
        let wanted = options.firstSegmentSize
        try await environment.blocking.run { [self] in
            giveBackFree()
            if committer.rewritten == nil {
                committer.rewritten = try Self.rewrite(
                    committer, released, spare, wanted: wanted, region: region, in: directory)
            }
            let old = committer.appender
            if old.hasUnsynced || old.offset > old.soundEnd {
                try old.active.handle.truncate(to: old.soundEnd)
                try old.active.handle.sync()
            }
        }
        guard let appender = committer.rewritten else { return }
        takeOver(committer, appender, released)
    }

    /// Step 2. Blocks. What it leaves when it fails goes at the next attempt.
    private static func rewrite(
        _ committer: Committer, _ released: SequenceNumber?, _ spare: SegmentFile?, wanted: UInt64, region: String,
        in directory: LogDirectory
    ) throws -> SegmentAppender {
        let old = committer.appender
        let owed = committer.owed.indices.filter { i in released.map { committer.owed[i].last > $0 } ?? true }
        let bytes = owed.reduce(UInt64(0)) { $0 + committer.owed[$1].sizeInLog }
        let file: SegmentFile
        if let spare, spare.holds(bytes) {
            file = spare
        } else {
            file = try SegmentFile.make(
                after: old.active.number, region: region, wanted: wanted, records: bytes, in: directory)
        }
        let known = [old.syncedSequence, owed.isEmpty ? committer.owed.last?.last : nil].compactMap { $0 }.max()
        var appender = SegmentAppender(
            file, offset: UInt64(LogSegmentHeader.size), synced: old.synced, lastSequence: known)
        do {
            for i in owed { try appender.write(&committer.owed[i]) }
            if owed.isEmpty { try appender.seal() } else { try appender.sync() }
        } catch {
            try? SegmentFile.remove(file.number, in: directory)  // gives the space back
            throw error
        }
        return appender
    }

    /// Step 4.
    private func takeOver(_ committer: Committer, _ appender: SegmentAppender, _ released: SequenceNumber?) {
        let old = committer.appender
        let owed = committer.owed
        committer.appender = appender
        committer.owed = []
        committer.rewritten = nil
        let mustStart = state.withLock { state in
            if let active = state.segments.indices.last {
                state.segments[active].cut(to: min(state.segments[active].end, old.soundEnd), last: old.syncedSequence)
            }
            var info = LogSegmentInfo(number: appender.active.number, end: appender.offset)
            for batch in owed where released.map({ batch.last > $0 }) ?? true {
                info.cover(batch.first...batch.last, batch.tables)
                state.counts.records += UInt64(batch.count)
            }
            state.segments.append(info)
            state.note(appender)
            state.isUnsealed = !owed.isEmpty
            state.counts.failure = nil
            state.counts.repairs += 1
            let mustStart = state.commit.heal(upTo: owed.last?.last)
            startTimer(&state)
            return mustStart
        }
        if mustStart { startCommitter() }
    }

    /// An opening that found no room is tried again from the start: nothing was taken in since.
    private func recoverAgain() async throws {
        try await segmentsLock.withLock {
            let isQuiet = state.withLock { $0.pins.isEmpty }
            guard isQuiet else { throw SegmentFailure(description: "the log is being read", isDiskFull: true) }
            let (directory, region, options) = (directory, region, options)
            let outcome = try await environment.blocking.run {
                // A cheap question first: reading a long log over and over while the disk is full helps nobody.
                let free = (try? directory.fileSystem.freeBytes(at: directory.path)) ?? .max
                guard free >= 128 << 10 else {
                    throw SegmentFailure(
                        description: "the disk of \(directory.path) has \(free) bytes left", isDiskFull: true)
                }
                return try LogRecovery(directory: directory, region: region, options: options).run()
            }
            guard let appender = outcome.appender else {
                throw SegmentFailure(description: outcome.report.refusal ?? "no room", isDiskFull: true)
            }
            let mustStart = state.withLock { state in
                state.committer = Committer(appender, durability: options.durability)
                state.segments = outcome.segments
                state.anchor = Self.anchor(of: outcome.segments)
                state.spare = outcome.spare.map { .ready($0) } ?? .none
                state.recovery = outcome.report
                state.counts.failure = nil
                state.counts.repairs += 1
                return state.commit.heal(upTo: outcome.last)
            }
            if mustStart { startCommitter() }
        }
    }
}
