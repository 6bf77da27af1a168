import Columnar
import Platform
import Synchronization

/// What the one committer owns: the appender and the batches in its hands.
///
/// Reason for @unchecked: `GroupCommit.isCommitting` lets one committer work at a time, and each hands over to the next,
/// or to the healer, through the log's mutex.
final class Committer: @unchecked Sendable {
    /// Without a sync these many bytes are the most that are held in memory, whatever the durability setting.
    static let unsyncedLimit = 8 << 20

    var appender: SegmentAppender
    /// Taken from the queue, not written yet, next one last.
    var inHand: [LogBatch] = []
    /// Written since the last sync, in order: what a failed sync must write again.
    var unsynced: [LogBatch] = []
    var unsyncedBytes = 0
    /// While broken: what must come into the log before anything new, in order.
    var owed: [LogBatch] = []
    /// While broken: a new log segment that holds what is owed, synced; the old copies are not cut off yet.
    var rewritten: SegmentAppender?
    let durability: Durability
    var patience = CrowdPatience()

    init(_ appender: SegmentAppender, durability: Durability) {
        self.appender = appender
        self.durability = durability
    }

    func keep(_ batch: LogBatch) {
        unsyncedBytes += batch.bytes.count
        unsynced.append(batch)
    }

    /// After a sync: nothing of it is needed again. - Returns: a buffer to use again.
    func letGo() -> Bytes {
        let largest = unsynced.indices.max { unsynced[$0].bytes.capacity < unsynced[$1].bytes.capacity }
        let buffer = largest.map { unsynced.remove(at: $0).bytes }
        unsynced.removeAll(keepingCapacity: true)
        unsyncedBytes = 0
        return buffer ?? []
    }
}

/// The committer: woken by the first record that finds it idle, it works until nothing is pending.
///
/// A single writer is written at once, and whoever comes meanwhile shares the next commit. Only few of many that were there
/// a moment ago wait for the others (`CrowdPatience`).
/// Waiters are answered from the blocking thread: one hop there serves every commit of a burst.
extension RegionLog {
    /// So few waiters cost less than a hop to another thread.
    private static let answeredAtOnce = 2
    /// …and so few where nobody waits for the next commit meanwhile.
    private static let answeredWhenIdle = 8

    private enum Outcome { case idle, more, needsSegment }

    func startCommitter() {
        environment.startBlocking { self.runCommitter() }
    }

    /// On a thread that may block. Only a new log segment is waited for in a task.
    private func runCommitter() {
        guard let committer = state.withLock({ $0.committer }) else { return }
        do {
            switch try commit(with: committer) {
            case .idle: return
            case .more: startCommitter()
            case .needsSegment: environment.spawn { await self.advance(committer) }
            }
        } catch {
            breakDown(committer, error)
        }
    }

    private func advance(_ committer: Committer) async {
        do {
            try await takeSpare(committer)
            startCommitter()
        } catch {
            breakDown(committer, error)
        }
    }

    /// Blocks. Works until nothing is pending; gives the thread to others after a while.
    private func commit(with committer: Committer) throws -> Outcome {
        for _ in 0..<64 {
            if committer.inHand.isEmpty {
                guard let work = state.withLock({ $0.commit.nextWork() }) else { return .idle }
                switch work {
                case .write:
                    waitForCrowd(committer)
                    committer.inHand = state.withLock { $0.commit.takePending() }
                    committer.inHand.reverse()
                case .sync:
                    try syncActive(committer)
                    continue
                case .seal:
                    try seal(committer)
                    continue
                case .close:
                    try seal(committer)
                    finishClosing()
                    continue
                }
            }
            if try writeInHand(committer) { return .needsSegment }
        }
        return .more
    }

    private func waitForCrowd(_ committer: Committer) {
        guard committer.durability == .always else { return }
        let before = state.withLock { $0.commit.pendingRecords }
        let rest = committer.patience.wait(pending: before, now: environment.time.monotonic())
        guard rest > 0 else { return }
        environment.blocking.rest(nanoseconds: rest)
        committer.patience.waited(before: before, after: state.withLock { $0.commit.pendingRecords })
    }

    /// Writes the batches in hand, syncs and acknowledges them. - Returns: whether one is left that needs a new segment.
    private func writeInHand(_ committer: Committer) throws -> Bool {
        var written: ClosedRange<SequenceNumber>?
        var records: UInt64 = 0
        var tables = TableMarks()
        while let length = committer.inHand.last?.length, committer.appender.fits(recordBytes: length) {
            var next = committer.inHand.removeLast()
            // Also a batch whose write fails is owed: any part of it may be there.
            defer { committer.keep(next) }
            try committer.appender.write(&next)
            written = (written?.lowerBound ?? next.first)...next.last
            records += UInt64(next.count)
            tables.note(next.tables)
        }
        let isFull = !committer.inHand.isEmpty
        // A full log segment is synced whatever the setting: its successor's first batch vouches for it.
        let syncs =
            committer.durability == .always || isFull || committer.unsyncedBytes > Committer.unsyncedLimit
        let hadUnsynced = committer.appender.hasUnsynced
        #if PLANTED_BUGS
            if PlantedBug.current == .acknowledgesBeforeSync, let last = written?.upperBound {
                let early = state.withLock { $0.commit.acknowledge(last) }
                for waiter in early { waiter.resume(returning: .success(())) }
            }
        #endif
        var buffer: Bytes = []
        if syncs {
            try committer.appender.sync()
            buffer = committer.letGo()
        }
        let appender = committer.appender
        let (ready, isIdle) = state.withLock { state -> ([Waiter], Bool) in
            state.counts.syncs += syncs && hadUnsynced ? 1 : 0
            state.note(appender)
            guard let written, let active = state.segments.indices.last else { return ([], true) }
            state.isUnsealed = true
            state.counts.commits += 1
            state.counts.records += records
            state.segments[active].end = appender.offset
            state.segments[active].cover(written, tables)
            state.commit.recycle(&buffer)
            startTimer(&state)
            return (state.commit.acknowledge(written.upperBound), state.commit.pendingRecords == 0)
        }
        committer.patience.committed(records: Int(records), at: environment.time.monotonic())
        answer(ready, isIdle: isIdle)
        prepareAhead(appender)
        return isFull
    }

    /// Many are answered beside the next commit: waking a task costs some microseconds, and the disk would wait for all.
    private func answer(_ ready: [Waiter], isIdle: Bool) {
        // The last one first: what it makes visible are the others' records, too.
        guard ready.count > (isIdle ? Self.answeredWhenIdle : Self.answeredAtOnce) else {
            for waiter in ready.reversed() { waiter.resume(returning: .success(())) }
            return
        }
        environment.spawn {
            for waiter in ready.reversed() { waiter.resume(returning: .success(())) }
        }
    }

    private func syncActive(_ committer: Committer) throws {
        guard committer.appender.hasUnsynced else { return }
        try committer.appender.sync()
        _ = committer.letGo()
        let appender = committer.appender
        state.withLock { state in
            state.counts.syncs += 1
            state.note(appender)
        }
    }

    private func seal(_ committer: Committer) throws {
        guard state.withLock({ $0.isUnsealed }) else { return }
        try committer.appender.seal()
        _ = committer.letGo()
        let appender = committer.appender
        state.withLock { state in
            state.counts.syncs += 1
            state.isUnsealed = false
            state.note(appender)
            if let active = state.segments.indices.last { state.segments[active].end = appender.offset }
        }
    }

    private func finishClosing() {
        let (closers, late) = state.withLock { $0.commit.finishClosing() }
        for waiter in late { waiter.resume(returning: .failure(.closed)) }
        for waiter in closers { waiter.resume(returning: .success(())) }
    }

    // MARK: Log segments made ahead

    /// Half-way through the active log segment the next one is made, in the background.
    private func prepareAhead(_ appender: SegmentAppender) {
        guard appender.offset > appender.active.size / 2 else { return }
        state.withLock { state in
            guard case .none = state.spare else { return }
            startMaking(&state, after: appender.active.number, records: 0)
        }
    }

    private func startMaking(_ state: inout State, after number: LogSegmentNumber, records: UInt64) {
        let (environment, directory, region) = (environment, directory, region)
        let wanted = UInt64(options.segmentSize.bytes)
        let free = state.free.popLast()
        state.spare = .making(
            environment.spawn {
                let made: Spare
                do {
                    made = .ready(
                        try await environment.blocking.run {
                            if let free,
                                let file = SegmentFile.reuse(
                                    free, after: number, region: region, size: wanted, in: directory)
                            {
                                return file
                            }
                            return try SegmentFile.make(
                                after: number, region: region, wanted: wanted, records: records, in: directory)
                        })
                } catch {
                    made = .failed(SegmentFailure(error))
                }
                self.state.withLock { $0.spare = made }
            })
    }

    /// Makes the next log segment the active one; waits for it if it must be made first.
    private func takeSpare(_ committer: Committer) async throws {
        let number = committer.appender.active.number
        let needed = committer.inHand.last?.sizeInLog ?? 0
        // What was made ahead, or one attempt now: an earlier failure may be over.
        await takeMade(ahead: needed)
        let making: Task<Void, Never>? = state.withLock { state in
            switch state.spare {
            case .ready: return nil
            case .making(let task): return task
            case .none, .failed: startMaking(&state, after: number, records: needed)
            }
            guard case .making(let task) = state.spare else { return nil }
            return task
        }
        await making?.value
        let next: SegmentFile = try state.withLock { state in
            switch state.spare {
            case .ready(let file):
                state.spare = .none
                return file
            case .failed(let failure): throw failure
            case .none, .making: throw WALError.io("no log segment could be made")
            }
        }
        try committer.appender.advance(to: next)
        state.withLock {
            $0.segments.append(LogSegmentInfo(number: next.number, end: UInt64(LogSegmentHeader.size)))
        }
    }

    /// Waits for a log segment that is being made; gives back one that is too small for `records` bytes of batches.
    private func takeMade(ahead records: UInt64) async {
        if case .making(let task) = state.withLock({ $0.spare }) { await task.value }
        let small: SegmentFile? = state.withLock { state in
            guard case .ready(let file) = state.spare, !file.holds(records) else { return nil }
            state.spare = .none
            return file
        }
        guard let small else { return }
        let directory = directory
        // What stays in the way is found by the next attempt to make one.
        _ = try? await environment.blocking.run { try SegmentFile.remove(small.number, in: directory) }
    }
}

extension RegionLog.SegmentFailure {
    init(_ error: any Error) {
        switch error {
        case let failure as Self: self = failure
        case let error as FileSystemError: self.init(description: "\(error)", isDiskFull: error.kind == .full)
        default: self.init(description: "\(error)", isDiskFull: false)
        }
    }
}

extension RegionLog.State {
    /// Takes over what the appender knows to be synced.
    mutating func note(_ appender: SegmentAppender) {
        isUnsynced = appender.hasUnsynced
        let hasBatches = appender.offset > UInt64(LogSegmentHeader.size)
        if !appender.hasUnsynced, hasBatches { anchor = appender.active.number }
    }
}
