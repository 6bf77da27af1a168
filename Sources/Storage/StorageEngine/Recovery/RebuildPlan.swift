import Columnar
import ManifestLog
import Platform

/// An SST as its own footer describes it.
struct FoundSST: Sendable, Equatable {
    var metadata: SSTMetadata
    /// The inputs of the merge that wrote it; none: a flush did.
    var replaces: [SSTID] = []
    /// The first object of the flush or merge that wrote it; nil in files that do not say: each is a change of its own.
    var change: SSTID?
    var piece: Int?
    /// In the last object of its change.
    var pieces: Int?

    var place: TableSegment { TableSegment(table: metadata.table, segment: metadata.segment) }
}

/// What lives, by what the objects say of themselves: a pure function.
///
/// - A merge counts when all its pieces are there, or when an input is gone: inputs go only after it was committed. A
///   merge that does not count holds nothing that its inputs do not hold.
/// - What a merge that counts replaced is dead, however often merged. Of two that replace the same input the younger one
///   counts: the older was never committed, else the input had not been there for the younger.
/// - A flush that failed was repeated under other names, with at least the same rows: an object whose sequence range lies
///   within that of a younger one of its place is dead.
/// - Of the last flush pieces may be missing because it was never finished: then the log still holds its rows, and it does
///   not count. Where the log does not hold them, they were committed.
struct RebuildPlan: Equatable {
    var live: [SSTMetadata] = []
    /// Held whole by others: the next start removes them.
    var replaced: [SSTMetadata] = []
    /// Of flushes and merges that were not finished.
    var unfinished: [SSTMetadata] = []
    /// Every log record up to here is in `live`.
    var cut = SequenceNumber.zero

    private struct Change {
        var id: SSTID
        var files: [FoundSST]
        var replaces: [SSTID]

        /// Every piece that was ever written is among the files.
        var isWhole: Bool {
            guard files.contains(where: { $0.change != nil }) else { return true }
            guard let count = files.compactMap(\.pieces).max() else { return false }
            return Set(files.compactMap(\.piece)).isSuperset(of: 0..<max(count, 0))
        }
        var firstSequence: SequenceNumber { files.map(\.metadata.minSequence).min() ?? .zero }
        var lastSequence: SequenceNumber { files.map(\.metadata.maxSequence).max() ?? .zero }
    }

    /// - Parameter log: first and last sequence number that the log still holds; nil: it holds none.
    init(_ files: [FoundSST], log: ClosedRange<SequenceNumber>?) {
        let changes = Dictionary(grouping: files) { $0.change ?? $0.metadata.id }
            .map { Change(id: $0.key, files: $0.value, replaces: $0.value.first?.replaces ?? []) }
            .sorted { $0.id > $1.id }
        let present = Set(files.map(\.metadata.id))
        var dead: Set<SSTID> = []
        var counting: [FoundSST] = []

        for merge in changes where !merge.replaces.isEmpty {
            if merge.files.contains(where: { dead.contains($0.metadata.id) }) {
                // Merged again: what it replaced is as dead as it is.
                dead.formUnion(merge.replaces)
                dead.formUnion(merge.files.map(\.metadata.id))
            } else if merge.replaces.contains(where: { dead.contains($0) }) {
                unfinished += merge.files.map(\.metadata)
            } else if merge.isWhole || !present.isSuperset(of: merge.replaces) {
                dead.formUnion(merge.replaces)
                counting += merge.files
            } else {
                unfinished += merge.files.map(\.metadata)
            }
        }
        var flushes = changes.filter(\.replaces.isEmpty)
        dead.formUnion(Self.covered(flushes.flatMap(\.files) + counting))
        // A merge reads what was committed, so everything up to its numbers was.
        let merged = changes.filter { !$0.replaces.isEmpty }.map(\.lastSequence).max() ?? .zero
        flushes.sort { $0.lastSequence < $1.lastSequence }
        if let last = flushes.last, !last.isWhole, last.lastSequence > merged, let log,
            log.lowerBound <= last.firstSequence
        {
            unfinished += last.files.map(\.metadata)
            flushes.removeLast()
        }
        counting += flushes.flatMap(\.files)
        live = counting.map(\.metadata).filter { !dead.contains($0.id) }.sorted { $0.id < $1.id }
        let known = Set((live + unfinished).map(\.id))
        replaced = files.map(\.metadata).filter { !known.contains($0.id) }.sorted { $0.id < $1.id }
        unfinished.sort { $0.id < $1.id }
        cut = live.map(\.maxSequence).max() ?? .zero
    }

    /// Files whose sequence range lies within that of a younger one of the same place, but for pieces of the same run.
    private static func covered(_ files: [FoundSST]) -> Set<SSTID> {
        var found: Set<SSTID> = []
        for (_, members) in Dictionary(grouping: files, by: \.place) {
            for file in members {
                let isCovered = members.contains { other in
                    other.metadata.id > file.metadata.id && !other.metadata.isPieceOfOneRun(with: file.metadata)
                        && other.metadata.minSequence <= file.metadata.minSequence
                        && other.metadata.maxSequence >= file.metadata.maxSequence
                }
                if isCovered { found.insert(file.metadata.id) }
            }
        }
        return found
    }
}
