import Columnar
import ManifestLog

/// One flush on its way to objects: the contributor's leading table first, whose keys are noted while its rows pass; then the
/// others, with the rows that follow from those keys.
///
/// - The last object of all says how many there are: whether one of the leading table is the last is known when its rows have
///   passed and the contributor was asked.
/// - Each flush has one, used by one task.
final class FlushWriting {
    private let region: Region
    private let cut: SequenceNumber
    private let contributor: (any FlushContributor)?
    private var leading: [TableSegment: FlushInput] = [:]
    private var others: [TableSegment: FlushInput] = [:]
    private var contents = FlushContents(parts: [])
    private var isAsked = false
    /// What was written, also when `write` throws.
    private(set) var added: [SSTMetadata] = []

    init(_ views: [MemPartView], cut: SequenceNumber, _ contributor: (any FlushContributor)?, in region: Region) {
        self.region = region
        self.cut = cut
        self.contributor = contributor
        for view in views where view.pieces.contains(where: { $0.rows > 0 }) {
            if view.part.place.table == contributor?.leadingTable {
                leading[view.part.place, default: FlushInput()].views.append(view)
            } else {
                others[view.part.place, default: FlushInput()].views.append(view)
            }
        }
    }

    /// - Returns: what the contributor was told.
    func write() async throws -> FlushContents {
        let first = leading.inOrder
        for (i, (place, input)) in first.enumerated() {
            guard let table = region.tables[place.table] else { continue }
            let rows = KeyNotingCursor(input.rows(table))
            added += try await ObjectWriting.write(
                rows, context(of: input, at: place, table), table, after: added,
                isLast: { [self] in
                    contents.parts.append(.init(table: place.table, segment: place.segment, keys: rows.keys))
                    guard i == first.count - 1 else { return false }
                    try await askContributor()
                    return others.isEmpty
                }, in: region)
        }
        if !isAsked { try await askContributor() }
        let rest = others.inOrder
        for (i, (place, input)) in rest.enumerated() {
            guard let table = region.tables[place.table] else { continue }
            added += try await ObjectWriting.write(
                input.rows(table), context(of: input, at: place, table), table, after: added,
                isLast: { i == rest.count - 1 }, in: region)
        }
        return contents
    }

    private func askContributor() async throws {
        isAsked = true
        for (place, input) in others.inOrder {
            guard let column = region.tables[place.table]?.selectionColumn else { continue }
            contents.parts.append(
                .init(table: place.table, segment: place.segment, keys: input.distinctKeys(column)))
        }
        let contributed = try await contributor?.rowsToFlush(contents) ?? []
        for placed in try BatchPlacement.place(contributed, region.tables) {
            precondition(placed.place.table != contributor?.leadingTable)
            others[placed.place, default: FlushInput()].contributed.append(placed.batch.slice(placed.rows))
        }
    }

    private func context(of input: FlushInput, at place: TableSegment, _ table: TableDefinition) -> FileContext {
        let least = input.views.compactMap(\.part.minSequence).min() ?? cut
        return FileContext(
            table: table.name, schema: table.schema, updateMode: table.updateMode, segment: place.segment,
            sequences: min(least, cut)...cut, replaces: [], purpose: .flush, selectionColumn: table.selectionColumn)
    }
}

/// The rows of a place that go into objects together.
struct FlushInput {
    var views: [MemPartView] = []
    /// Sorted here: the contributor gives rows in any order.
    var contributed: [RecordBatch] = []

    /// All its rows in key order, as its table's mode has them.
    func rows(_ table: TableDefinition) -> any BatchCursor {
        let derived = contributed.map { batch in
            let chunk = MemChunk(schema: batch.schema, capacity: batch.rowCount, arenaCapacity: batch.widestColumn)
            _ = chunk.append(batch, 0..<batch.rowCount)
            return MemPartView.Piece(chunk: chunk, rows: chunk.count)
        }
        let pieces = derived + views.flatMap(\.pieces)
        if let merge = MemChunkMerge(pieces, schema: table.schema, mode: table.updateMode) { return merge }
        let cursors = pieces.map { MemChunkCursor($0.chunk, rows: $0.rows, FileScan()) }
        return MergeCursor(cursors, schema: table.schema, mode: table.updateMode)
    }

    /// Distinct values of integer column `column` of the views, ascending.
    func distinctKeys(_ column: Int) -> [Int64] {
        var seen = DistinctIntegers()
        for piece in views.flatMap(\.pieces) {
            piece.chunk.int64s(column, rows: piece.rows).withWhole { seen.insert(contentsOf: $0) }
        }
        return seen.sorted()
    }
}

extension [TableSegment: FlushInput] {
    var inOrder: [(key: TableSegment, value: FlushInput)] {
        sorted { ($0.key.table, $0.key.segment.lowerBound) < ($1.key.table, $1.key.segment.lowerBound) }
    }
}

/// Rows in key order, as another cursor gives them, and the distinct values of their first key, an integer.
private final class KeyNotingCursor: BatchCursor {
    private let rows: any BatchCursor
    /// Ascending, of the batches so far.
    private(set) var keys: [Int64] = []

    init(_ rows: any BatchCursor) { self.rows = rows }

    func next() async throws -> RecordBatch? {
        guard let batch = try await rows.next() else { return nil }
        for key in batch.columns[0].int64s where keys.last != key { keys.append(key) }
        return batch
    }
}

extension RecordBatch {
    /// Bytes of the largest column of byte strings.
    fileprivate var widestColumn: Int {
        var widest = 0
        for column in columns {
            if case .bytes(let strings) = column.values { widest = max(widest, strings.bytes.count) }
        }
        return widest
    }
}
