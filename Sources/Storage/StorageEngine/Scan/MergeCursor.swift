import Columnar

/// Sorted sources as one sorted stream. Rows are compared only where sources meet; everything between is copied whole.
///
/// - Sources come older first. In overwrite mode the newest row of a key wins; in append mode all stay, older first; other
///   modes have a merge operator, which is given all rows of a key at once.
/// - Memory: one batch per source and one output batch of at most `targetRows` rows or `targetBytes`, and a stretch.
final class MergeCursor: BatchCursor {
    static let targetRows = 65_536
    static let targetBytes = 8 << 20

    private struct Source {
        let cursor: any BatchCursor
        var batch: RecordBatch
        var keys: KeyColumns
        var row = 0
        /// Rows from memory: a key may come several times, but within one batch.
        let mayRepeatKeys: Bool

        init(_ cursor: any BatchCursor, _ batch: RecordBatch) {
            self.cursor = cursor
            self.batch = batch
            keys = KeyColumns(batch)
            mayRepeatKeys = cursor.mayRepeatKeys
        }
    }

    private let schema: Schema
    private let mode: UpdateMode
    /// Of the modes that have no faster way; nil for those that have.
    private let combining: (any MergeOperator)?
    private var waiting: [any BatchCursor]
    private var sources: [Source] = []
    private var isStarted = false
    private var output: RecordBatchBuilder
    private var dropped = 0
    /// The same for keys of two integers, which most rows have.
    private let twoIntegers: TwoIntegerMerge?
    /// Rows that were dropped because a newer one has the same key.
    var duplicates: Int { twoIntegers?.duplicates ?? dropped }

    init(_ cursors: [any BatchCursor], schema: Schema, mode: UpdateMode) {
        self.schema = schema
        self.mode = mode
        switch mode {
        case .overwrite, .append: combining = nil
        case .bytesAppend: combining = mode.mergeOperator
        }
        twoIntegers = TwoIntegerMerge(cursors, schema: schema, mode: mode)
        waiting = cursors
        output = RecordBatchBuilder(schema)
    }

    func next() async throws -> RecordBatch? {
        if let twoIntegers { return try await twoIntegers.next() }
        if !isStarted {
            isStarted = true
            for cursor in waiting {
                if let batch = try await cursor.next() {
                    sources.append(Source(cursor, batch))
                }
            }
            waiting = []
        }
        while output.rowCount < Self.targetRows, output.heldBytes < Self.targetBytes, !sources.isEmpty {
            try await step()
        }
        return output.rowCount == 0 ? nil : output.finish()
    }

    /// Copies one stretch: rows of the source with the least key, up to where another source has its say.
    private func step() async throws {
        if sources.count == 1, duplicatesCannotHide(in: 0) {
            output.append(sources[0].batch, sources[0].row..<sources[0].batch.rowCount)
            try await refill(0)
            return
        }
        // The least key; among equals the oldest source.
        var least = 0
        for i in sources.indices.dropFirst() where compare(i, least) < 0 { least = i }
        // The least key of the others bounds the stretch: rows before it, and rows equal to it, which are older, are
        // copied in append mode; in overwrite mode an equal key of a newer source replaces them.
        var bound: Int?
        for i in sources.indices where i != least {
            if let known = bound { if compare(i, known) < 0 { bound = i } } else { bound = i }
        }
        let source = sources[least]
        var end = source.batch.rowCount
        if let bound {
            end = firstRow(of: least, notBefore: bound)
            if end == source.row {
                try await stepThroughEqualKeys(least)
                return
            }
        }
        append(least, source.row..<end)
        sources[least].row = end
        if end == source.batch.rowCount { try await refill(least) }
    }

    /// Rows of one source may repeat a key only in append mode or inside a mem chunk; `append` drops them.
    private func duplicatesCannotHide(in i: Int) -> Bool { mode == .append || !sources[i].mayRepeatKeys }

    private func compare(_ i: Int, _ j: Int) -> Int {
        sources[i].keys.compare(sources[i].row, with: sources[j].keys, sources[j].row)
    }

    /// The first row of `i` from its position whose key is ≥ the current key of `bound`: galloping.
    private func firstRow(of i: Int, notBefore bound: Int) -> Int {
        let source = sources[i]
        let other = sources[bound]
        func isBefore(_ row: Int) -> Bool { source.keys.compare(row, with: other.keys, other.row) < 0 }
        var low = source.row
        guard isBefore(low) else { return low }
        var step = 1
        while low + step < source.batch.rowCount, isBefore(low + step) {
            low += step
            step *= 2
        }
        var high = min(low + step, source.batch.rowCount)
        low += 1
        while low < high {
            let middle = (low + high) / 2
            if isBefore(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// All rows that share the key at `first`, in all sources, older source first.
    private func stepThroughEqualKeys(_ first: Int) async throws {
        let batch = sources[first].batch
        let keys = sources[first].keys
        let row = sources[first].row
        var winner: (batch: RecordBatch, row: Int)?
        var equal = RecordBatchBuilder(schema)
        var i = 0
        while i < sources.count {
            var isExhausted = false
            while sources[i].keys.compare(sources[i].row, with: keys, row) == 0 {
                if combining != nil {
                    equal.append(sources[i].batch, sources[i].row..<sources[i].row + 1)
                } else if mode == .append {
                    output.append(sources[i].batch, sources[i].row..<sources[i].row + 1)
                } else {
                    if winner != nil { dropped += 1 }
                    winner = (sources[i].batch, sources[i].row)
                }
                sources[i].row += 1
                if sources[i].row == sources[i].batch.rowCount {
                    isExhausted = try await !refill(i)
                    if isExhausted { break }
                }
            }
            if !isExhausted { i += 1 }
        }
        withExtendedLifetime(batch) {
            if let winner { output.append(winner.batch, winner.row..<winner.row + 1) }
        }
        let rows = equal.finish()
        combine(0..<rows.rowCount, of: rows)
    }

    /// What several rows of one key come to, into the output; a row alone as it is.
    private func combine(_ rows: Range<Int>, of batch: RecordBatch) {
        guard let combining, !rows.isEmpty else { return }
        let before = output.rowCount
        if rows.count == 1 { output.append(batch, rows) } else { combining.combine(rows, of: batch, into: &output) }
        dropped += rows.count - (output.rowCount - before)
    }

    /// Appends rows of one source; but in append mode one row of each key (a mem chunk may repeat one).
    private func append(_ i: Int, _ rows: Range<Int>) {
        let source = sources[i]
        guard mode != .append, source.mayRepeatKeys else {
            output.append(source.batch, rows)
            return
        }
        var start = rows.lowerBound
        let repeated = source.keys.rowsEqualToNext(in: rows)
        if combining != nil {
            var next = 0
            while next < repeated.count {
                output.append(source.batch, start..<repeated[next])
                start = repeated[next]
                var end = start + 1
                while next < repeated.count, repeated[next] == end - 1 {
                    end += 1
                    next += 1
                }
                combine(start..<end, of: source.batch)
                start = end
            }
            output.append(source.batch, start..<rows.upperBound)
            return
        }
        for row in repeated {
            output.append(source.batch, start..<row)
            dropped += 1
            start = row + 1
        }
        output.append(source.batch, start..<rows.upperBound)
    }

    /// The next batch of source `i`, or the source's end: then it is taken out and the answer is false.
    @discardableResult
    private func refill(_ i: Int) async throws -> Bool {
        if let batch = try await sources[i].cursor.next() {
            sources[i].batch = batch
            sources[i].keys = KeyColumns(batch)
            sources[i].row = 0
            return true
        }
        sources.remove(at: i)
        return false
    }
}
