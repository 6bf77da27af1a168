import Columnar

/// The merge for keys of two integers: samples and series. Same promises as `MergeCursor`, whose loop this is with the
/// keys at hand.
///
/// - The heads of all sources lie in two plain arrays, so that finding the least touches nothing else.
/// - Rows are not moved one by one: a stretch of a source is noted, and each output column is copied stretch by stretch.
final class TwoIntegerMerge: BatchCursor {
    private struct Stretch {
        /// Index into `used`.
        var batch: Int
        var start: Int
        var count: Int
    }

    private struct Source {
        let cursor: any BatchCursor
        var first: [Int64]
        var second: [Int64]
        /// Index of its batch in `used`.
        var batch: Int
        var row = 0
        /// A mem chunk may repeat a key; a file of an overwriting table does not.
        let mayRepeat: Bool
    }

    /// Runs of one first key were noted.
    private struct Risen {
        /// A source whose batch is used up.
        let exhausted: Int?
    }

    private let schema: Schema
    private let mode: UpdateMode
    private var waiting: [any BatchCursor]
    private var sources: [Source] = []
    private var headFirst: [Int64] = []
    private var headSecond: [Int64] = []
    private var used: [RecordBatch] = []
    private var stretches: [Stretch] = []
    private var rows = 0
    /// Kept for its memory.
    private var runs: [(source: Int, end: Int)] = []
    /// Rows that were dropped because a newer one has the same key.
    private(set) var duplicates = 0

    /// nil when the key is another.
    init?(_ cursors: [any BatchCursor], schema: Schema, mode: UpdateMode) {
        guard schema.hasTwoIntegerKeys else { return nil }
        guard mode == .overwrite || mode == .append else { return nil }
        self.schema = schema
        self.mode = mode
        waiting = cursors
    }

    func next() async throws -> RecordBatch? {
        for cursor in waiting {
            guard let batch = try await cursor.next() else { continue }
            used.append(batch)
            sources.append(
                Source(
                    cursor: cursor, first: batch.columns[0].int64s, second: batch.columns[1].int64s,
                    batch: used.count - 1, mayRepeat: mode == .overwrite && cursor.mayRepeatKeys))
            headFirst.append(sources[sources.count - 1].first[0])
            headSecond.append(sources[sources.count - 1].second[0])
        }
        waiting = []
        while rows < MergeCursor.targetRows, !sources.isEmpty {
            if let exhausted = step() { try await refill(exhausted) }
            if isOneWholeBatch { break }
        }
        return rows == 0 ? nil : finish()
    }

    /// Notes one stretch, the rows of one key, or all rows that share a first key and overlap nowhere.
    /// - Returns: a source whose batch is used up.
    private func step() -> Int? {
        // The least head and the one after it; among equals the oldest source is the least.
        var least = 0
        var bound = -1
        for i in 1..<max(headFirst.count, 1) {
            if precedes(i, least) {
                bound = least
                least = i
            } else if bound < 0 || precedes(i, bound) {
                bound = i
            }
        }
        guard bound >= 0 else {
            let end = sources[least].first.count
            note(least, end)
            return advance(least, to: end)
        }
        if headFirst[bound] == headFirst[least] {
            if headSecond[bound] == headSecond[least] {
                return stepThroughEqualKeys(headFirst[least], headSecond[least])
            }
            // With many sources the look for the least is what costs: once for a series, not once for each of its
            // stretches.
            if sources.count > 2, let risen = stepThroughRisingRuns(of: headFirst[least]) { return risen.exhausted }
        }
        let end = firstRow(of: least, notBefore: headFirst[bound], headSecond[bound])
        note(least, end)
        return advance(least, to: end)
    }

    /// Rows of one first key, when the sources that have it follow one another without overlap, as chunks in memory do:
    /// each was written after the one before it.
    /// - Returns: nil when they do not, and nothing was noted; else the source whose batch is used up, if there is one.
    private func stepThroughRisingRuns(of first: Int64) -> Risen? {
        runs.removeAll(keepingCapacity: true)
        var last = Int64.min
        for i in headFirst.indices where headFirst[i] == first {
            guard runs.isEmpty || last < headSecond[i] else { return nil }
            let end = firstRow(of: i, after: first)
            last = sources[i].second[end - 1]
            runs.append((source: i, end: end))
        }
        for run in runs {
            note(run.source, run.end)
            // What comes next in its next batch may have this key as well: the others wait.
            if let exhausted = advance(run.source, to: run.end) { return Risen(exhausted: exhausted) }
        }
        return Risen(exhausted: nil)
    }

    private func precedes(_ i: Int, _ j: Int) -> Bool {
        headFirst[i] < headFirst[j] || (headFirst[i] == headFirst[j] && headSecond[i] < headSecond[j])
    }

    /// - Returns: the source, when its batch is used up.
    private func advance(_ i: Int, to row: Int) -> Int? {
        sources[i].row = row
        guard row < sources[i].first.count else { return i }
        headFirst[i] = sources[i].first[row]
        headSecond[i] = sources[i].second[row]
        return nil
    }

    /// The first row of `i`, which is before the bound, that is not.
    private func firstRow(of i: Int, notBefore first: Int64, _ second: Int64) -> Int {
        sources[i].first.withUnsafeBufferPointer { firsts in
            sources[i].second.withUnsafeBufferPointer { seconds in
                Self.gallop(from: sources[i].row, to: firsts.count) { row in
                    firsts[row] < first || (firsts[row] == first && seconds[row] < second)
                }
            }
        }
    }

    /// The first row of `i`, whose head has the key, that has another.
    private func firstRow(of i: Int, after first: Int64) -> Int {
        sources[i].first.withUnsafeBufferPointer { firsts in
            Self.gallop(from: sources[i].row, to: firsts.count) { firsts[$0] == first }
        }
    }

    /// The first row after `start`, which is one of those, that is not `before`; all of those come first.
    @inline(__always)
    private static func gallop(from start: Int, to count: Int, _ before: (Int) -> Bool) -> Int {
        var low = start
        var step = 1
        while low + step < count, before(low + step) {
            low += step
            step *= 2
        }
        var high = min(low + step, count)
        low += 1
        while low < high {
            let middle = (low + high) / 2
            if before(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Rows of source `i` up to `end`; of rows with one key only the last, where there may be several.
    private func note(_ i: Int, _ end: Int) {
        var start = sources[i].row
        let batch = sources[i].batch
        if sources[i].mayRepeat {
            for row in start..<end - 1
            where sources[i].second[row] == sources[i].second[row + 1]
                && sources[i].first[row] == sources[i].first[row + 1]
            {
                note(batch, start, row - start)
                duplicates += 1
                start = row + 1
            }
        }
        note(batch, start, end - start)
    }

    private func note(_ batch: Int, _ start: Int, _ count: Int) {
        guard count > 0 else { return }
        rows += count
        if let last = stretches.last, last.batch == batch, last.start + last.count == start {
            stretches[stretches.count - 1].count += count
        } else {
            stretches.append(Stretch(batch: batch, start: start, count: count))
        }
    }

    /// Rows of one key that several sources have, older source first. In overwrite mode only the newest is kept: the
    /// others are dropped row by row as their sources come to the front.
    /// - Returns: a source whose batch is used up.
    private func stepThroughEqualKeys(_ first: Int64, _ second: Int64) -> Int? {
        // The oldest source with this key gives one row and steps on; a source whose next row has the key again, or
        // another source, comes to the front next. So a key that goes on in a source's next batch needs no care here.
        var oldest = -1
        for i in headFirst.indices where headFirst[i] == first && headSecond[i] == second {
            oldest = i
            break
        }
        let row = sources[oldest].row
        if mode == .append { note(sources[oldest].batch, row, 1) } else { duplicates += 1 }
        return advance(oldest, to: row + 1)
    }

    private func refill(_ i: Int) async throws {
        guard let batch = try await sources[i].cursor.next() else {
            sources.remove(at: i)
            headFirst.remove(at: i)
            headSecond.remove(at: i)
            return
        }
        used.append(batch)
        sources[i].first = batch.columns[0].int64s
        sources[i].second = batch.columns[1].int64s
        sources[i].batch = used.count - 1
        _ = advance(i, to: 0)
    }

    /// All that was noted is one batch as it was read, and large enough to be handed on as it is.
    private var isOneWholeBatch: Bool {
        guard stretches.count == 1, let stretch = stretches.first, stretch.start == 0 else { return false }
        return rows == used[stretch.batch].rowCount && rows >= MergeCursor.targetRows / 16
    }

    /// The noted stretches as one batch; what is still to be read stays.
    private func finish() -> RecordBatch {
        if isOneWholeBatch, let stretch = stretches.first {
            let whole = RecordBatch(trusted: schema, used[stretch.batch].columns)
            letGo()
            return whole
        }
        var columns: [Column] = []
        columns.reserveCapacity(schema.columns.count)
        for (index, column) in schema.columns.enumerated() {
            let values: ColumnValues
            switch column.type {
            case .int64, .timestamp: values = .int64(gather(used.map { $0.columns[index].int64s }))
            case .float64: values = .float64(gather(used.map { $0.columns[index].float64s }))
            case .bool: values = .bool(gather(used.map { $0.columns[index].booleans }))
            case .bytes, .text:
                let strings = used.map { $0.columns[index].byteStrings }
                var made = BytesColumn()
                for stretch in stretches {
                    made.append(contentsOf: strings[stretch.batch], in: stretch.start..<stretch.start + stretch.count)
                }
                values = .bytes(made)
            }
            let validity = column.isNullable ? gatherValidity(index) : nil
            columns.append(Column(values, validity: validity))
        }
        letGo()
        return RecordBatch(trusted: schema, columns)
    }

    private func letGo() {
        // Only batches that are still read from are kept.
        used = sources.map { used[$0.batch] }
        for i in sources.indices { sources[i].batch = i }
        stretches.removeAll(keepingCapacity: true)
        rows = 0
    }

    private func gather<Value: BitwiseCopyable>(_ from: [[Value]]) -> [Value] {
        [Value](unsafeUninitializedCapacity: rows) { target, filled in
            for stretch in stretches {
                from[stretch.batch].withUnsafeBufferPointer { source in
                    // Noted from this batch's own rows: within it. The sum of all counts is `rows`.
                    guard let base = source.baseAddress, let to = target.baseAddress else { return }
                    (to + filled).initialize(from: base + stretch.start, count: stretch.count)
                }
                filled += stretch.count
            }
        }
    }

    private func gatherValidity(_ column: Int) -> [Bool]? {
        guard used.contains(where: { $0.columns[column].validity != nil }) else { return nil }
        return gather(
            used.map { $0.columns[column].validity ?? [Bool](repeating: true, count: $0.rowCount) })
    }
}

extension Column {
    fileprivate var booleans: [Bool] {
        if case .bool(let values) = values { return values }
        assertionFailure("not a column of booleans")
        return []
    }
}
