public import Columnar
public import ManifestLog
import ObjectStorage
public import Platform
import Synchronization

/// Rows of a log that was left behind (`Takeover`), brought in under the numbers that they had.
///
/// - They become objects at once, by a change of the manifest of their own: what is acknowledged needs no log.
/// - They come in the order of that log. So a range of numbers that is not above all that the gap holds was brought in
///   before, by a call whose answer was lost or by an earlier run: it is there, and nothing happens.
/// - Runs are in the order of their numbers, whenever they came: for one key a row of the new claim stays newer, one that
///   was flushed before the takeover stays older.
extension Region {
    /// Takeovers by this claim and by earlier ones.
    public var takeovers: [Takeover] { manifest.manifest.takeovers }

    /// - Parameters:
    ///   - rows: of one table each; of equal keys the later row counts.
    ///   - sequences: of the records that they were in; all of them in one gap.
    /// - Throws: `.refused` when no takeover left such numbers behind.
    public func bringIn(
        _ rows: [TableRows], _ sequences: ClosedRange<SequenceNumber>
    ) async throws(StorageError) {
        do {
            try await StorePurpose.during(.flush) { () async throws in
                try await flushLock.withLock { try await bringInOnce(rows, sequences) }
            }
        } catch { throw StorageError(wrapping: error) }
        requestCompaction()
    }

    private func bringInOnce(_ rows: [TableRows], _ sequences: ClosedRange<SequenceNumber>) async throws {
        guard !isShut, !writer.isClosed else { throw StorageError(.closed, "the database is closed") }
        try await settleDoubt()
        guard let takeover = takeovers.first(where: { $0.holds(sequences) }) else {
            throw StorageError(
                .refused,
                "no takeover of region \(options.name) left records \(sequences.lowerBound) … \(sequences.upperBound) behind"
            )
        }
        let last = snapshot.objects.lazy.map(\.maxSequence).filter { $0 < takeover.end }.max() ?? .zero
        guard sequences.lowerBound > last else { return }

        let placed = try BatchPlacement.place(rows, tables)
        let contents = contents(of: placed)
        var places: [TableSegment: FlushInput] = [:]
        let contributed = try BatchPlacement.place(try await contributor?.rowsToFlush(contents) ?? [], tables)
        for part in contributed + placed {
            places[part.place, default: FlushInput()].contributed.append(part.batch.slice(part.rows))
        }
        let inputs = places
        try await withTaskExecutorPreference(environment.mergeExecutor) {
            try await writeBroughtIn(inputs, sequences, contents)
        }
    }

    private func writeBroughtIn(
        _ places: [TableSegment: FlushInput], _ sequences: ClosedRange<SequenceNumber>, _ contents: FlushContents
    ) async throws {
        let inOrder = places.inOrder
        var change = ManifestChange()
        do {
            for (i, (place, input)) in inOrder.enumerated() {
                guard let table = tables[place.table] else { continue }
                let context = FileContext(
                    table: table.name, schema: table.schema, updateMode: table.updateMode, segment: place.segment,
                    sequences: sequences, replaces: [], purpose: .flush, selectionColumn: table.selectionColumn)
                change.added += try await ObjectWriting.write(
                    input.rows(table), context, table, after: change.added, isLast: { i == inOrder.count - 1 }, in: self
                )
            }
            let whole = change
            try await commit(whole) { [self] in await introduce(whole.added, contents) }
        } catch {
            discard(change.added)
            throw error
        }
    }

    private func contents(of placed: [PlacedRows]) -> FlushContents {
        var keys: [TableSegment: Set<Int64>] = [:]
        for part in placed {
            guard let column = tables[part.place.table]?.selectionColumn else { continue }
            let values = part.batch.columns[column].int64s
            for row in part.rows { keys[part.place, default: []].insert(values[row]) }
        }
        return FlushContents(
            parts: keys.map { .init(table: $0.key.table, segment: $0.key.segment, keys: $0.value.sorted()) })
    }

    /// Where the manifest has new objects that took nobody's place.
    private func introduce(_ added: [SSTMetadata], _ contents: FlushContents) async {
        let made = added.compactMap { metadata in tables[metadata.table].map { part(metadata, $0) } }
        let old = introducer.introduce { parts in
            for part in made { parts.add(part) }
            return !made.isEmpty
        }
        withExtendedLifetime(old) {}
        let now = environment.time.now()
        lastAddition.withLock { times in
            for part in made {
                times[TableSegment(table: part.metadata.table, segment: part.metadata.segment)] = now
            }
        }
        counts.rowsFlushed.add(added.reduce(0) { $0 + $1.rows }, ordering: .relaxed)
        counts.bytesFlushed.add(added.reduce(0) { $0 + $1.size }, ordering: .relaxed)
        await contributor?.didFlush(contents)
    }
}
