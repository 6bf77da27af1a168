import Columnar

/// Rows of chunks in memory as one sorted stream, for keys of two integers: what a flush writes. Same promises as
/// `MergeCursor`.
///
/// - Chunks come older first. One first key at a time, from all the chunks that have it: mostly their rows follow one
///   another in the second key, because each chunk was written after the one before it. Then stretches are copied whole.
/// - A row is copied once, from its chunk to the batch.
final class MemChunkMerge: BatchCursor {
    /// Small enough that a batch's columns come from memory that was just let go.
    static let targetRows = 16_384
    private var rows: SortedChunks

    /// nil when the key is another, or rows of one key are combined.
    init?(_ pieces: [MemPartView.Piece], schema: Schema, mode: UpdateMode) {
        guard schema.hasTwoIntegerKeys, mode == .overwrite || mode == .append else { return nil }
        rows = SortedChunks(pieces.filter { $0.rows > 0 }, schema, mode)
    }

    func next() async throws -> RecordBatch? { rows.next(Self.targetRows) }

    /// Rows that were dropped because a newer one has the same key.
    var duplicates: Int { rows.duplicates }
}

/// What `MemChunkMerge` has in hand; a value, so that its parts are reached without the runtime's checks.
private struct SortedChunks {
    private struct Source {
        let chunk: MemChunk
        let order: GroupedOrder
        var group = 0
        var start = 0
    }

    /// Keys of a chunk between a row's fetching and its use; with as many chunks as a flush has, what is fetched fits the
    /// nearer caches.
    private static let ahead = 6

    /// Rows `rows` of a source's order.
    private struct Stretch {
        let source: Int
        var rows: Range<Int>
    }

    private let schema: Schema
    private let mode: UpdateMode
    private var pieces: [MemPartView.Piece]
    private var sources: [Source] = []
    /// First keys that come next, and whose they are, older sources first. Those without rows left are taken out.
    private var heads: [Int64] = []
    private var headSources: [Int] = []
    /// Rows of the current first key that are still to be given, older sources first; from `next` on.
    private var current: [Stretch] = []
    private var next = 0
    private var currentKey: Int64 = 0
    /// The second key of the first row of each.
    private var currentTimes: [Int64] = []
    /// Whether each of those begins after the one before it ends.
    private var currentRises = true

    // The batch in the making.
    private var keys: [(key: Int64, rows: Int)] = []
    private var times: [Int64] = []
    private var stretches: [Stretch] = []
    /// Rows that were dropped because a newer one has the same key.
    private(set) var duplicates = 0

    init(_ pieces: [MemPartView.Piece], _ schema: Schema, _ mode: UpdateMode) {
        self.pieces = pieces
        self.schema = schema
        self.mode = mode
    }

    /// A batch of `target` rows or some more; nil at the end.
    mutating func next(_ target: Int) -> RecordBatch? {
        if !pieces.isEmpty { sort() }
        while times.count < target {
            if next == current.count, !beginKey() { break }
            if currentRises { takeFirst(target) } else { takeLeast() }
        }
        return times.isEmpty ? nil : finish()
    }

    private mutating func sort() {
        var scratch = SortScratch()
        for piece in pieces {
            guard let order = piece.chunk.groupedOrder(rows: piece.rows, &scratch) else { continue }
            sources.append(Source(chunk: piece.chunk, order: order))
            headSources.append(sources.count - 1)
            heads.append(key(0, sources.count - 1, 0))
        }
        pieces = []
    }

    /// First or second key of the row at `place` of a source's order.
    private func key(_ column: Int, _ source: Int, _ place: Int) -> Int64 {
        sources[source].chunk.integer(column, at: sources[source].order.rows[place])
    }

    /// Rows in key order lie anywhere in their chunk: each column of each would be a miss of the cache.
    private func prefetch(_ source: Int, _ place: Int) {
        guard place < sources[source].order.rows.count else { return }
        sources[source].chunk.prefetch(sources[source].order.rows[place])
    }

    /// Gathers the rows of the least first key. - Returns: false when there is none.
    private mutating func beginKey() -> Bool {
        guard var least = heads.first else { return false }
        for head in heads { least = min(least, head) }
        currentKey = least
        current.removeAll(keepingCapacity: true)
        currentTimes.removeAll(keepingCapacity: true)
        next = 0
        currentRises = true
        var last = Int64.min
        var ended = false
        for i in heads.indices where heads[i] == least {
            let source = headSources[i]
            let rows = sources[source].start..<Int(sources[source].order.ends[sources[source].group])
            let first = key(1, source, rows.lowerBound)
            if !current.isEmpty, first <= last { currentRises = false }
            last = rows.count == 1 ? first : key(1, source, rows.upperBound - 1)
            current.append(Stretch(source: source, rows: rows))
            currentTimes.append(first)
            sources[source].start = rows.upperBound
            sources[source].group += 1
            if rows.upperBound < sources[source].order.rows.count {
                heads[i] = key(0, source, rows.upperBound)
                prefetch(source, rows.upperBound + Self.ahead)
            } else {
                ended = true
            }
        }
        if ended {
            let live = heads.indices.filter {
                sources[headSources[$0]].start < sources[headSources[$0]].order.rows.count
            }
            heads = live.map { heads[$0] }
            headSources = live.map { headSources[$0] }
        }
        return true
    }

    /// Rows of the oldest source of the current key, a batch at most, but all of one time.
    private mutating func takeFirst(_ target: Int) {
        let stretch = current[next]
        var end = stretch.rows.lowerBound + min(stretch.rows.count, target)
        while end < stretch.rows.upperBound, key(1, stretch.source, end) == key(1, stretch.source, end - 1) { end += 1 }
        take(stretch.source, stretch.rows.lowerBound..<end)
        if end < stretch.rows.upperBound { current[next].rows = end..<stretch.rows.upperBound } else { next += 1 }
    }

    /// The rows before which no other of the current key comes.
    private mutating func takeLeast() {
        var least = 0
        var bound: Int64?
        for i in 1..<max(current.count, 1) {
            if currentTimes[i] < currentTimes[least] {
                bound = currentTimes[least]
                least = i
            } else {
                bound = min(bound ?? currentTimes[i], currentTimes[i])
            }
        }
        let stretch = current[least]
        var end = stretch.rows.upperBound
        if let bound {
            end = stretch.rows.lowerBound
            while end < stretch.rows.upperBound, key(1, stretch.source, end) < bound { end += 1 }
            if end == stretch.rows.lowerBound {
                // Another source has the key as well, a newer one: the oldest came first above.
                end += 1
                if mode == .append { take(stretch.source, stretch.rows.lowerBound..<end) } else { duplicates += 1 }
                advance(least, to: end)
                return
            }
        }
        take(stretch.source, stretch.rows.lowerBound..<end)
        advance(least, to: end)
    }

    private mutating func advance(_ i: Int, to place: Int) {
        if place < current[i].rows.upperBound {
            current[i].rows = place..<current[i].rows.upperBound
            currentTimes[i] = key(1, current[i].source, place)
        } else {
            current.remove(at: i)
            currentTimes.remove(at: i)
        }
    }

    /// Rows of one source and key into the batch; of those with one time only the last, when the newest wins.
    private mutating func take(_ source: Int, _ rows: Range<Int>) {
        let before = times.count
        times.append(contentsOf: repeatElement(0, count: rows.count))
        let order = sources[source].order.rows[rows]
        let repeats = times.withUnsafeMutableBufferPointer { times in
            let target = UnsafeMutableBufferPointer(rebasing: times[before...])
            sources[source].chunk.fill(1, at: order, target)
            guard mode == .overwrite else { return false }
            var repeats = false
            for i in 1..<max(target.count, 1) { repeats = repeats || target[i] == target[i - 1] }
            return repeats
        }
        if repeats {
            keepLast(source, rows, from: before)
        } else {
            stretches.append(Stretch(source: source, rows: rows))
        }
        let taken = times.count - before
        if let last = keys.indices.last, keys[last].key == currentKey {
            keys[last].rows += taken
        } else {
            keys.append((currentKey, taken))
        }
    }

    private mutating func keepLast(_ source: Int, _ rows: Range<Int>, from first: Int) {
        var kept = first
        var start = 0
        for i in 0..<rows.count {
            let isLast = i + 1 == rows.count || times[first + i] != times[first + i + 1]
            if isLast {
                times[kept] = times[first + i]
                kept += 1
                continue
            }
            note(source, rows, start..<i)
            duplicates += 1
            start = i + 1
        }
        note(source, rows, start..<rows.count)
        times.removeSubrange(kept...)
    }

    private mutating func note(_ source: Int, _ rows: Range<Int>, _ part: Range<Int>) {
        guard !part.isEmpty else { return }
        let first = rows.lowerBound
        stretches.append(Stretch(source: source, rows: first + part.lowerBound..<first + part.upperBound))
    }

    private mutating func finish() -> RecordBatch {
        let rows = times.count
        let firsts = [Int64](unsafeUninitializedCapacity: rows) { target, filled in
            for (key, count) in keys {
                UnsafeMutableBufferPointer(rebasing: target[filled..<filled + count]).initialize(repeating: key)
                filled += count
            }
        }
        var columns = [Column(.int64(firsts)), Column(.int64(times))]
        for i in 2..<max(schema.columns.count, 2) { columns.append(column(i, rows)) }
        keys.removeAll(keepingCapacity: true)
        stretches.removeAll(keepingCapacity: true)
        times = []
        times.reserveCapacity(rows)
        return RecordBatch(trusted: schema, columns)
    }

    private func column(_ i: Int, _ rows: Int) -> Column {
        switch schema.columns[i].type {
        case .float64 where !schema.columns[i].isNullable:
            return Column(
                .float64(
                    [Double](unsafeUninitializedCapacity: rows) { target, filled in
                        for stretch in stretches {
                            let source = sources[stretch.source]
                            source.chunk.fill(
                                i, at: source.order.rows[stretch.rows], .init(rebasing: target[filled...]))
                            filled += stretch.rows.count
                        }
                    }))
        case .bytes where !schema.columns[i].isNullable, .text where !schema.columns[i].isNullable:
            return Column(.bytes(byteStrings(i, rows)))
        default: return general(i)
        }
    }

    private func byteStrings(_ i: Int, _ rows: Int) -> BytesColumn {
        var offsets = [0]
        offsets.reserveCapacity(rows + 1)
        for stretch in stretches {
            let source = sources[stretch.source]
            source.chunk.appendEnds(i, at: source.order.rows[stretch.rows], to: &offsets)
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: offsets[rows]) { target, filled in
            for stretch in stretches {
                let source = sources[stretch.source]
                filled += source.chunk.fill(
                    i, at: source.order.rows[stretch.rows], .init(rebasing: target[filled...]))
            }
        }
        return BytesColumn(offsets: offsets, bytes: bytes)
    }

    /// Other types are rare in such tables: a batch a stretch.
    private func general(_ i: Int) -> Column {
        let alone = Schema([schema.columns[i]], keyCount: 1, timeColumn: nil)
        var builder = RecordBatchBuilder(alone)
        for stretch in stretches {
            let source = sources[stretch.source]
            let part = source.chunk.gatherColumns(source.order.rows[stretch.rows], [i])
            builder.append(RecordBatch(trusted: alone, part), 0..<stretch.rows.count)
        }
        return builder.finish().columns[0]
    }
}
