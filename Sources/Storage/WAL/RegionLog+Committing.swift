import Columnar
import Platform
import Synchronization

/// What the one committer owns: the appender and the batches in its hands.
///
/// Reason for @unchecked: `GroupCommit.isCommitting` lets one committer work at a time, and each hands over to the next
/// through the log's mutex.
final class Committer: @unchecked Sendable {
    var appender: SegmentAppender
    /// Taken from the queue, not written yet, next one last.
    var inHand: [GroupCommit<RegionLog.Waiter>.Batch] = []
    let durability: Durability

    init(_ appender: SegmentAppender, durability: Durability) {
        self.appender = appender
        self.durability = durability
    }
}

/// The committer: woken by the first record that finds it idle, it works until nothing is pending.
///
/// It never waits for a timer: a single writer is written at once, and whoever comes meanwhile shares the next commit.
/// Waiters are answered from the blocking thread: one hop there serves every commit of a burst.
extension RegionLog {
    private enum Outcome { case idle, more, needsSegment }

    func startCommitter() {
        environment.spawn { await self.runCommitter() }
    }

    private func runCommitter() async {
        guard let committer else { return }
        while true {
            do {
                switch try await environment.blocking.run({ try self.commit(with: committer) }) {
                case .idle: return
                case .more: break
                case .needsSegment: try await takeSpare(committer)
                }
            } catch {
                poison("\(error)")
            }
        }
    }

    /// Blocks. Works until nothing is pending; gives the thread to others after a while.
    private func commit(with committer: Committer) throws -> Outcome {
        for _ in 0..<64 {
            if committer.inHand.isEmpty {
                guard let work = state.withLock({ $0.commit.nextWork() }) else { return .idle }
                switch work {
                case .write:
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

    /// Writes the batches in hand, syncs and acknowledges them. - Returns: whether one is left that needs a new segment.
    private func writeInHand(_ committer: Committer) throws -> Bool {
        var written: [(sequences: ClosedRange<SequenceNumber>, count: UInt64)] = []
        var buffer: Bytes = []
        while let length = committer.inHand.last?.length, committer.appender.fits(recordBytes: length) {
            var next = committer.inHand.removeLast()
            try committer.appender.write(&next.bytes, first: next.first, last: next.last, count: next.count)
            written.append((next.first...next.last, UInt64(next.count)))
            buffer = next.bytes
        }
        let isFull = !committer.inHand.isEmpty
        // A full log segment is synced whatever the setting: its successor's first batch vouches for it.
        let syncs = committer.durability == .always || isFull
        let hadUnsynced = committer.appender.hasUnsynced
        #if PLANTED_BUGS
            if PlantedBug.current == .acknowledgesBeforeSync, let last = written.last?.sequences.upperBound {
                let early = state.withLock { $0.commit.acknowledge(last) }
                for waiter in early { waiter.resume(returning: .success(())) }
            }
        #endif
        if syncs { try committer.appender.sync() }
        let appender = committer.appender
        let ready = state.withLock { state -> [Waiter] in
            state.counts.syncs += syncs && hadUnsynced ? 1 : 0
            state.note(appender)
            guard let last = written.last, let active = state.segments.indices.last else { return [] }
            state.isUnsealed = true
            state.counts.commits += 1
            state.segments[active].end = appender.offset
            for (sequences, count) in written {
                state.segments[active].cover(sequences)
                state.counts.records += count
            }
            state.commit.recycle(&buffer)
            startTimer(&state)
            return state.commit.acknowledge(last.sequences.upperBound)
        }
        for waiter in ready { waiter.resume(returning: .success(())) }
        prepareAhead(appender)
        return isFull
    }

    private func syncActive(_ committer: Committer) throws {
        guard committer.appender.hasUnsynced else { return }
        try committer.appender.sync()
        let appender = committer.appender
        state.withLock { state in
            state.counts.syncs += 1
            state.note(appender)
        }
    }

    private func seal(_ committer: Committer) throws {
        guard state.withLock({ $0.isUnsealed }) else { return }
        try committer.appender.seal()
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

    private func poison(_ reason: String) {
        committer?.inHand = []
        let waiters = state.withLock { $0.commit.fail(reason) }
        for waiter in waiters { waiter.resume(returning: .failure(.poisoned(reason: reason))) }
    }

    // MARK: Log segments made ahead

    /// Half-way through the active log segment the next one is made, in the background.
    private func prepareAhead(_ appender: SegmentAppender) {
        guard appender.offset > appender.active.size / 2 else { return }
        state.withLock { state in
            guard case .none = state.spare else { return }
            startMaking(&state, after: appender.active.number)
        }
    }

    private func startMaking(_ state: inout State, after number: LogSegmentNumber) {
        let (environment, directory, region) = (environment, directory, region)
        let size = UInt64(options.segmentSize.bytes)
        state.spare = .making(
            environment.spawn {
                let made: Spare
                do {
                    guard let next = number.next, next.rawValue <= UInt64(UInt32.max) else {
                        throw WALError.io("the numbers of log segments are spent")
                    }
                    made = .ready(
                        try await environment.blocking.run {
                            try SegmentFile.make(next, region: region, size: size, in: directory)
                        })
                } catch {
                    made = .failed("\(error)")
                }
                self.state.withLock { $0.spare = made }
            })
    }

    /// Makes the next log segment the active one; waits for it if it must be made first.
    private func takeSpare(_ committer: Committer) async throws {
        let number = committer.appender.active.number
        // What was made ahead, or one attempt now: an earlier failure may be over.
        let making: Task<Void, Never>? = state.withLock { state in
            switch state.spare {
            case .ready: return nil
            case .making(let task): return task
            case .none, .failed: startMaking(&state, after: number)
            }
            guard case .making(let task) = state.spare else { return nil }
            return task
        }
        await making?.value
        let next: SegmentFile = try state.withLock { state throws(WALError) in
            switch state.spare {
            case .ready(let file):
                state.spare = .none
                return file
            case .failed(let reason): throw .io(reason)
            case .none, .making: throw .io("no log segment could be made")
            }
        }
        try committer.appender.advance(to: next)
        state.withLock {
            $0.segments.append(LogSegmentInfo(number: next.number, end: UInt64(LogSegmentHeader.size)))
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
