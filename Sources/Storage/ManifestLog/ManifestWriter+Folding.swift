import Columnar
import ObjectStorage
import Platform
import Synchronization

// Folding: many deltas become one snapshot. Two snapshots are kept, with the deltas between, so that one damaged object
// loses nothing (rule R10); what the head no longer names is deleted, never before.

extension ManifestWriter {
    /// After a commit, its turn still held.
    func foldWhenDue() async {
        guard isSure else { return }
        let waiting = state.withLock { $0.head.unfolded.count }
        if waiting >= options.foldAtOnce {
            await foldIfPossible()
        } else if waiting >= options.foldInBackground {
            inBackground { writer in
                let stillWaiting = writer.state.withLock { $0.head.unfolded.count }
                if stillWaiting >= writer.options.foldInBackground { await writer.foldIfPossible() }
            }
        }
    }

    /// Removes what earlier writers left behind, and restores the second snapshot where one was damaged.
    func tidyAfterClaim() {
        inBackground { writer in
            if writer.notes.isEmpty {
                await writer.deleteUnnamed()
            } else {
                await writer.foldIfPossible()
            }
        }
    }

    /// One piece of work at a time, in its turn.
    private func inBackground(_ work: @escaping @Sendable (ManifestWriter) async -> Void) {
        state.withLock { held in
            guard held.background == nil else { return }
            held.background = environment.spawn { [self] in
                await turn.take()
                if isSure { await work(self) }
                state.withLock { $0.background = nil }
                turn.giveBack()
            }
        }
    }

    /// A fold that fails leaves everything as it was, and the next one tries again; one in doubt is settled by the next commit.
    func foldIfPossible() async {
        guard isSure else { return }
        do throws(ManifestError) {
            try await fold()
        } catch {
            return
        }
        if isSure { await deleteUnnamed() }
    }

    private func fold() async throws(ManifestError) {
        let (head, manifest, version) = try state.withLock { state throws(ManifestError) in
            (state.head, state.manifest, try state.takeVersion())
        }
        var next = manifest
        next.version = version
        let bytes = next.encodedSnapshot()
        try await putOnce(bytes, at: ManifestPaths.snapshot(version, claim))
        let reference = ObjectReference(version: version, claim: claim, bytes: bytes, written: 0)
        try await swap(Swap(head: head.folded(into: reference), manifest: next, isFold: true))
    }

    /// Deletes deltas and snapshots that the head does not name: of older claims, whose commits can no longer count, and
    /// of this claim, nothing of which is under way while the turn is held. Of newer claims never (rule R4). What cannot
    /// be deleted now is deleted the next time.
    private func deleteUnnamed() async {
        let named = state.withLock { $0.head.names }
        for prefix in [ManifestPaths.deltas, ManifestPaths.snapshots] {
            guard let there = try? await store.listAll(under: prefix) else { return }
            for object in there where !named.contains(object.key) {
                guard let (_, owner) = ManifestPaths.parse(object.key), owner <= claim else { continue }
                try? await store.delete(object.key)
            }
        }
    }
}
