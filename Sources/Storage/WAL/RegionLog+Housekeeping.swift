public import Columnar
public import Platform
import Synchronization

/// What happens beside the writing: syncs by the clock, seals, and the removal of what is no longer needed.
extension RegionLog {
    static let tick = Duration.seconds(1)

    /// Starts the timer if there is something for it to do. It ends by itself when there is not, so that an idle log
    /// costs nothing.
    func startTimer(_ state: inout State) {
        guard state.timer == nil, options.durability != .os, state.commit.phase == .open else { return }
        state.commitsAtTick = state.counts.commits
        let time = environment.time
        state.timer = environment.spawn { [weak self] in
            while true {
                do { try await time.sleep(for: Self.tick) } catch { return }
                guard let self, self.tickOnce() else { return }
            }
        }
    }

    /// - Returns: whether the timer goes on.
    private func tickOnce() -> Bool {
        let (goesOn, mustStart) = state.withLock { state -> (Bool, Bool) in
            guard state.commit.phase == .open, state.isUnsynced || state.isUnsealed else {
                state.timer = nil
                return (false, false)
            }
            let isIdle = state.counts.commits == state.commitsAtTick
            state.commitsAtTick = state.counts.commits
            if isIdle { return (true, state.commit.request(.seal)) }
            return (true, options.durability == .interval && state.commit.request(.sync))
        }
        if mustStart { startCommitter() }
        return goesOn
    }

    /// Removes log segments that nobody needs, oldest first, each gone for good before the next, so that a crash leaves no
    /// gap; some are kept under another name, to be written over. Stops at one that is being read: the next call gets it. The youngest one with a synced batch stays: it knows
    /// the last sequence number.
    /// - Throws: `WALError.io` when a file would not go: nothing is lost, the next call tries again.
    public func release(upTo sequence: SequenceNumber) async throws(WALError) {
        try await removeUnneeded { state in state.released = max(state.released ?? sequence, sequence) }
    }

    public func markDeleted(table: UInt16, upTo sequence: SequenceNumber) async throws(WALError) {
        try await removeUnneeded { state in state.marks.note(table, sequence) }
    }

    private func removeUnneeded(_ mark: @Sendable (inout State) -> Void) async throws(WALError) {
        try await segmentsLock.withLock { () async throws(WALError) in
            let candidates = try state.withLock { (state) throws(WALError) -> [LogSegmentNumber] in
                switch state.commit.phase {
                case .closing, .closed: throw .closed
                case .open, .broken, .poisoned: break  // a way out of a full disk: stays open
                }
                mark(&state)
                let unneeded = state.segments.prefix { segment in
                    segment.number < state.anchor && state.pins[segment.number] == nil && state.isUnneeded(segment)
                }
                return unneeded.map(\.number)
            }
            guard !candidates.isEmpty else { return }
            try await Self.onThread(environment) { [self] in
                for number in candidates {
                    let isKept = try retire(number)
                    state.withLock { state in
                        state.segments.removeAll { $0.number == number }
                        if isKept { state.free.append(number) }
                    }
                }
            }
        }
    }
}

extension RegionLog.State {
    /// All of it was released, or every table in it is past it.
    fileprivate func isUnneeded(_ segment: LogSegmentInfo) -> Bool {
        guard let last = segment.last else { return true }
        if let released, last <= released { return true }
        return !marks.marks.isEmpty && segment.tables.areCovered(by: marks, all: released)
    }
}
