import Columnar
import Platform
import Synchronization

/// A table and one of its time segments.
struct TableSegment: Hashable, Sendable {
    let table: UInt16
    let segment: TimeRange
}

/// How far a mem part is published: everything of the chunks before `chunk`, and `rows` of that one.
struct PublishedLength: Sendable, Equatable {
    var chunk: Int
    var rows: Int
}

/// Rows of one table and segment that are in the log and not yet in objects.
///
/// - `chunks` and their counts change under the region's writer lock only; snapshots hold the array as it was.
/// - Chunks double from 64 to 65,536 rows, or are as large as the write that needs one: rows scattered over many
///   segments stay small in each.
/// - Its memory goes back to the budget when the last snapshot lets go of it.
final class MemPart: @unchecked Sendable {
    static let smallestChunk = 64
    static let largestChunk = 65_536

    let place: TableSegment
    let schema: Schema
    let reservation: MemoryReservation
    /// Guarded by the writer's lock, as are the chunks' contents behind the published length.
    private(set) var chunks: [MemChunk] = []
    /// All chunks but the last, with all their rows: shared by every view since the last one was begun.
    private var sealed: [MemPartView.Piece] = []
    /// The bits that any integer of a column has so far. They only grow: a chunk that does not cover them is followed by
    /// one that does, at most once for each bit.
    private var bits: [UInt64]
    private(set) var minSequence: SequenceNumber?
    private(set) var maxSequence: SequenceNumber?

    private let memory: ChunkMemory

    /// - Parameter memory: where its chunks' buffers come from and go to.
    init(
        place: TableSegment, schema: Schema, reservation: MemoryReservation, memory: ChunkMemory = ChunkMemory(limit: 0)
    ) {
        self.memory = memory
        self.place = place
        self.schema = schema
        self.reservation = reservation
        bits = [UInt64](repeating: 0, count: schema.columns.count)
    }

    /// Writer's lock held. Sequence numbers rise from call to call.
    func append(_ batch: RecordBatch, _ range: Range<Int>, sequence: SequenceNumber) {
        var rest = range
        noteBits(batch, range)
        while !rest.isEmpty {
            if let last = chunks.last, last.covers(bits) {
                let taken = last.append(batch, rest)
                rest = rest.lowerBound + taken..<rest.upperBound
                if rest.isEmpty { break }
            }
            let next = makeChunk(for: batch, rest)
            if let last = chunks.last { sealed.append(.init(chunk: last, rows: last.count)) }
            chunks.append(next)
        }
        minSequence = minSequence ?? sequence
        maxSequence = sequence
    }

    private func makeChunk(for batch: RecordBatch, _ range: Range<Int>) -> MemChunk {
        let previous = chunks.last?.capacity ?? Self.smallestChunk / 2
        let capacity = min(max(previous * 2, range.count), Self.largestChunk)
        var widest = 0
        for column in batch.columns {
            guard case .bytes(let strings) = column.values else { continue }
            for row in range { widest = max(widest, strings.offsets[row + 1] - strings.offsets[row]) }
        }
        let packings = bits.indices.map { IntegerPacking(base: base(of: $0), covering: bits[$0]) }
        return MemChunk(
            schema: schema, capacity: capacity, arenaCapacity: max(capacity * 64, widest), packings: packings,
            memory: memory)
    }

    private func base(of column: Int) -> Int64 { column == schema.timeColumn ? place.segment.lowerBound : 0 }

    private func noteBits(_ batch: RecordBatch, _ range: Range<Int>) {
        for (i, column) in batch.columns.enumerated() {
            guard case .int64(let values) = column.values else { continue }
            values.withUnsafeBufferPointer {
                bits[i] |= IntegerPacking.bits(of: UnsafeBufferPointer(rebasing: $0[range]), base: base(of: i))
            }
        }
    }

    /// Where the next row would go. Writer's lock held.
    var length: PublishedLength {
        PublishedLength(chunk: max(chunks.count - 1, 0), rows: chunks.last?.count ?? 0)
    }

    /// What a snapshot holds of this part. Writer's lock held.
    func view(_ length: PublishedLength) -> MemPartView {
        // Mostly the last chunk is the one published last: then nothing is copied.
        let before = length.chunk == sealed.count ? sealed : Array(sealed.prefix(length.chunk))
        return MemPartView(part: self, sealed: before, last: .init(chunk: chunks[length.chunk], rows: length.rows))
    }
}

/// The published rows of a mem part, as one snapshot sees them.
struct MemPartView: Sendable {
    struct Piece: Sendable {
        let chunk: MemChunk
        let rows: Int
        var unsortedRows: Int { chunk.isSorted(rows: rows) ? 0 : rows }
    }
    let part: MemPart
    let sealed: [Piece]
    let last: Piece

    var pieces: [Piece] { sealed + [last] }
    var rowCount: Int { sealed.reduce(last.rows) { $0 + $1.rows } }

    /// Rows that the next scan sorts first.
    var unsortedRows: Int { sealed.reduce(last.unsortedRows) { $0 + $1.unsortedRows } }

    /// First and last time; nil without rows, or without a time column.
    var timeBounds: ClosedRange<Int64>? {
        var (first, last) = (Int64.max, Int64.min)
        for piece in pieces {
            guard let bounds = piece.chunk.timeBounds(rows: piece.rows) else { continue }
            (first, last) = (min(first, bounds.lowerBound), max(last, bounds.upperBound))
        }
        return first <= last ? first...last : nil
    }

    /// One cursor per chunk, older rows first. Nothing is sorted or copied before the first row is asked for.
    func cursors(_ scan: FileScan) -> [any BatchCursor] { timedCursors(scan).map(\.cursor) }

    /// …with the last time of each. Chunks that have no row of the wanted times are left out.
    func timedCursors(_ scan: FileScan) -> [(cursor: any BatchCursor, last: Int64)] {
        pieces.compactMap { piece in
            var last = Int64.max
            if let times = scan.times, let bounds = piece.chunk.timeBounds(rows: piece.rows) {
                if !bounds.overlaps(times) { return nil }
                last = bounds.upperBound
            }
            return (MemChunkCursor(piece.chunk, rows: piece.rows, scan), last)
        }
    }
}

extension MemChunk {
    /// Where the published rows stand that a scan wants, in key order.
    func wantedOrder(_ rows: Int, _ scan: FileScan) -> [UInt32] {
        var order = order(rows: rows)
        if let keys = scan.keys, let column = scan.selectionColumn {
            if column == 0, let chosen = keyStretches(in: order)?.select(keys, from: order) {
                order = chosen
            } else {
                order = Self.select(order, int64s(column, rows: rows), keys, isSortedByIt: column == 0)
            }
        }
        if let times = scan.times, let column = schema.timeColumn, !isWithin(times, rows: rows) {
            let values = int64s(column, rows: rows)
            order = order.filter { times.contains(values[Int($0)]) }
        }
        return order
    }

    func isWithin(_ times: ClosedRange<Int64>, rows: Int) -> Bool {
        guard let bounds = timeBounds(rows: rows) else { return false }
        return times.lowerBound <= bounds.lowerBound && bounds.upperBound <= times.upperBound
    }

    /// The rows of `order` whose key is among `wanted` (ascending).
    private static func select(
        _ order: [UInt32], _ keys: StoredIntegers, _ wanted: [Int64], isSortedByIt: Bool
    ) -> [UInt32] {
        guard isSortedByIt else {
            let set = Set(wanted)
            return order.filter { set.contains(keys[Int($0)]) }
        }
        return order.withUnsafeBufferPointer { order in
            wanted.withUnsafeBufferPointer { wanted in
                wanted.count < order.count ? rows(order, keys, ofEach: wanted) : rows(order, keys, among: wanted)
            }
        }
    }

    /// Few rows among many keys: each row looks for its key from where the row before found its own.
    private static func rows(
        _ order: UnsafeBufferPointer<UInt32>, _ keys: StoredIntegers, among wanted: UnsafeBufferPointer<Int64>
    ) -> [UInt32] {
        var found: [UInt32] = []
        var at = 0
        for row in order {
            let key = keys[Int(row)]
            at = wanted.firstIndex(notBelow: key, galloping: at)
            if at == wanted.count { break }
            if wanted[at] == key { found.append(row) }
        }
        return found
    }

    /// Few keys among many rows. Gallops: both sides ascend, so the search starts where the last one ended.
    private static func rows(
        _ order: UnsafeBufferPointer<UInt32>, _ keys: StoredIntegers, ofEach wanted: UnsafeBufferPointer<Int64>
    ) -> [UInt32] {
        var found: [UInt32] = []
        var from = 0
        for key in wanted {
            var low = from
            var step = 1
            while low + step < order.count, keys[Int(order[low + step])] < key {
                low += step
                step *= 2
            }
            var high = min(low + step, order.count)
            while low < high {
                let middle = (low + high) / 2
                if keys[Int(order[middle])] < key { low = middle + 1 } else { high = middle }
            }
            while low < order.count, keys[Int(order[low])] == key {
                found.append(order[low])
                low += 1
            }
            from = low
            if from == order.count { break }
        }
        return found
    }
}

extension [Int64] {
    /// The first index from `start` on whose element is not below `value`; the elements ascend. Fast where it is near.
    package func firstIndex(notBelow value: Int64, galloping start: Int) -> Int {
        withUnsafeBufferPointer { $0.firstIndex(notBelow: value, galloping: start) }
    }
}

extension UnsafeBufferPointer<Int64> {
    @inline(__always)
    package func firstIndex(notBelow value: Int64, galloping start: Int) -> Int {
        guard start < count, self[start] < value else { return start }
        var low = start
        var step = 1
        while low + step < count, self[low + step] < value {
            low += step
            step *= 2
        }
        // self[low] is below; the one looked for is at most `high`.
        var high = Swift.min(low + step, count)
        low += 1
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The rows of a chunk that a scan wants, copied some thousand at a time.
///
/// - A filter that was given is one that may be asked of a row alone.
/// - Rows of one key come in one batch, however many: whoever drops repeated keys looks at one batch at a time.
final class MemChunkCursor: BatchCursor {
    static let batchRows = 8_192
    private let chunk: MemChunk
    private let rows: Int
    private let scan: FileScan
    private var order: [UInt32]?
    private var position = 0

    init(_ chunk: MemChunk, rows: Int, _ scan: FileScan) {
        self.chunk = chunk
        self.rows = rows
        self.scan = scan
    }

    /// All rows key by key, instead of `next`: see `MemChunk.forEachKey`. false: it has to be `next`.
    func forEachKey(
        _ body: (Int64, UnsafeBufferPointer<Int64>, UnsafeBufferPointer<Double>) throws -> Void
    ) rethrows -> Bool {
        guard order == nil, let looked = try chunk.forEachKey(rows, scan, body) else { return false }
        order = []
        scan.counters?.add { $0.rowsRead += UInt64(looked) }
        return true
    }

    func next() async throws -> RecordBatch? {
        let order = self.order ?? chunk.wantedOrder(rows, scan)
        self.order = order
        while position < order.count {
            var end = min(position + Self.batchRows, order.count)
            while end < order.count, chunk.hasSameKey(order[end - 1], order[end]) { end += 1 }
            var rows = order[position..<end]
            position = end
            if let filter = scan.filter {
                let columns = filter.columns.sorted()
                let batch = chunk.gatherColumns(rows, columns)
                rows =
                    filter.matchingRows(rows.count) { column in batch[columns.firstIndex(of: column) ?? 0] }
                    .map { rows[rows.startIndex + $0] }[...]
                if rows.isEmpty { continue }
            }
            scan.counters?.add { $0.rowsRead += UInt64(rows.count) }
            return chunk.gather(rows, columns: scan.columns)
        }
        return nil
    }
}

extension BatchCursor {
    /// Whether a key may come several times, within one batch: rows from memory are as they arrived.
    var mayRepeatKeys: Bool { self is MemChunkCursor }
}
