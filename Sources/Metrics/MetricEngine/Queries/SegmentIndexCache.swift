import Columnar
import ManifestLog
import MetricModel
import Platform
import StorageEngine
import Synchronization

/// The series of one older segment, as its objects tell.
struct SegmentIndex: Sendable {
    let index: LabelIndexView
    /// Every id of each ordinal: several, where a label set came back under a new one.
    let ids: [[Int64]]
    let all: OrdinalSet
    /// Bytes held, about.
    let memory: Int
}

/// Indexes of segments that were there before the start, loaded when a query asks, the longest unused given up.
///
/// What is written into such a segment later is in the registry: a query takes the union.
final class SegmentIndexCache: Sendable {
    private struct State {
        var indexes: [Int64: (index: SegmentIndex, parts: Set<SSTID>, used: UInt64)] = [:]
        var clock: UInt64 = 0
        var memory = 0
    }
    private let limit: Int
    private let hash: KeyedHash128
    /// Others write: an index is of the objects that it was made from, and of no others.
    private let isFollowing: Bool
    private let state = Mutex(State())

    init(limit: ByteCount, hash: KeyedHash128, isFollowing: Bool = false) {
        self.isFollowing = isFollowing
        self.limit = limit.bytes
        self.hash = hash
    }

    /// Bytes held, about.
    var memory: Int { state.withLock { $0.memory } }

    /// - Throws: `StorageError`, `CancellationError`.
    func index(_ segment: TimeRange, in snapshot: Snapshot) async throws -> SegmentIndex {
        let parts = isFollowing ? Self.parts(of: segment, in: snapshot) : []
        if let known = take(segment.lowerBound, parts) { return known }
        let loaded = try await load(segment, snapshot)
        state.withLock { state in
            if let other = state.indexes.removeValue(forKey: segment.lowerBound) { state.memory -= other.index.memory }
            state.clock += 1
            state.indexes[segment.lowerBound] = (loaded, parts, state.clock)
            state.memory += loaded.memory
            while state.memory > limit, let oldest = state.indexes.min(by: { $0.value.used < $1.value.used }) {
                state.indexes[oldest.key] = nil
                state.memory -= oldest.value.index.memory
            }
        }
        return loaded
    }

    private static func parts(of segment: TimeRange, in snapshot: Snapshot) -> Set<SSTID> {
        Set(snapshot.objects.filter { $0.table == SeriesTable.number && $0.segment == segment }.map(\.id))
    }

    private func take(_ start: Int64, _ parts: Set<SSTID>) -> SegmentIndex? {
        state.withLock { state in
            guard let known = state.indexes[start], known.parts == parts else { return nil }
            state.clock += 1
            state.indexes[start]?.used = state.clock
            return known.index
        }
    }

    private func load(_ segment: TimeRange, _ snapshot: Snapshot) async throws -> SegmentIndex {
        var index = LabelIndex(hash: hash)
        var ids: [[Int64]] = []
        let scan = snapshot.scan(ScanRequest(table: SeriesTable.number, segment: segment))
        while let batch = try await scan.next() {
            try Task.checkCancellation()
            RestingPoint.pass()
            let rows = try SeriesRows(batch)
            for row in 0..<rows.count {
                let (ordinal, isNew) = index.insert(metric: rows.metrics[row], labels: rows.labels[row])
                if isNew {
                    ids.append([rows.ids[row]])
                } else if !ids[Int(ordinal)].contains(rows.ids[row]) {
                    ids[Int(ordinal)].append(rows.ids[row])
                }
            }
        }
        let count = UInt32(index.count)
        return SegmentIndex(
            index: index.view(), ids: ids, all: OrdinalSet(0..<count), memory: index.memory + ids.count * 48)
    }
}
