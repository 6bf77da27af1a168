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

    /// Removes log segments wholly up to `sequence`, oldest first, each gone for good before the next, so that a crash
    /// leaves no gap. Stops at one that is being read: the next call gets it. The youngest one with a synced batch stays:
    /// it knows the last sequence number.
    /// - Throws: `WALError.io` when a file would not go: nothing is lost, the next call tries again.
    public func release(upTo sequence: SequenceNumber) async throws(WALError) {
        let candidates = try state.withLock { (state) throws(WALError) -> [LogSegmentNumber] in
            switch state.commit.phase {
            case .closing, .closed: throw .closed
            case .open, .poisoned: break  // a way out of a full disk: stays open
            }
            var candidates: [LogSegmentNumber] = []
            for segment in state.segments {
                guard segment.number < state.anchor, segment.last.map({ $0 <= sequence }) ?? true,
                    state.pins[segment.number] == nil,
                    !state.removing.contains(segment.number)
                else { break }
                candidates.append(segment.number)
            }
            state.removing.formUnion(candidates)
            return candidates
        }
        guard !candidates.isEmpty else { return }
        defer { state.withLock { $0.removing.subtract(candidates) } }
        try await Self.onThread(environment) { [self] in
            for number in candidates {
                try directory.fileSystem.remove(directory.path(of: number))
                try directory.fileSystem.syncDirectory(directory.path)
                state.withLock { state in state.segments.removeAll { $0.number == number } }
            }
        }
    }
}
