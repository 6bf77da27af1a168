import Columnar
import Platform
import Synchronization

/// Rows of one table and segment in arrival order, in buffers of fixed capacity that never move.
///
/// - Only the region's writer appends, under its lock, and only behind what is published.
/// - Readers touch rows below a published count only: the snapshot that carries the count was swapped in under a lock
///   after those rows were written, so their bytes are visible and never change again.
final class MemChunk: @unchecked Sendable {
    private enum Storage {
        case int64(UnsafeMutablePointer<Int64>)
        case packed(UnsafeMutablePointer<UInt32>, IntegerPacking)
        case float64(UnsafeMutablePointer<Double>)
        /// `ends[i]` is where value i ends in `arena`.
        case bytes(ends: UnsafeMutablePointer<UInt32>, arena: UnsafeMutablePointer<UInt8>)
        case bool(UnsafeMutablePointer<Bool>)
    }

    let schema: Schema
    let capacity: Int
    private let arenaCapacity: Int
    private let memory: ChunkMemory
    // Constants, because the runtime would check each access to variables.
    private let columns: [Storage]
    private let validity: [UnsafeMutablePointer<Bool>?]
    /// Rows written, published or not. Guarded by the writer's lock.
    private(set) var count = 0
    /// Once sorted, the order of the first `rows` rows: published chunks are sorted once, not once per scan.
    private let sorted = Mutex<(rows: Int, order: GroupedOrder)?>(nil)
    /// Where each first key stands in that order, once a scan asked for some.
    private let stretches = Mutex<KeyStretches?>(nil)

    /// …and its samples in that order, once a second scan asked for as many rows.
    private let samples = Mutex<(rows: Int, isMade: Bool, sorted: SortedSamples?)>((-1, false, nil))

    /// First and last time of the first `rows` rows, once somebody asked.
    private let times = Mutex<(rows: Int, bounds: ClosedRange<Int64>)?>(nil)

    /// - Parameters:
    ///   - arenaCapacity: bytes for each column of byte strings.
    ///   - packings: one for each column; nil: its integers stay whole.
    ///   - memory: where its buffers come from and go to.
    init(
        schema: Schema, capacity: Int, arenaCapacity: Int, packings: [IntegerPacking?]? = nil,
        memory: ChunkMemory = ChunkMemory(limit: 0)
    ) {
        self.schema = schema
        self.capacity = capacity
        self.arenaCapacity = arenaCapacity
        self.memory = memory
        func take<Value: BitwiseCopyable>(_ count: Int) -> UnsafeMutablePointer<Value> {
            memory.take(count * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: count)
        }
        columns = schema.columns.enumerated().map { i, column in
            switch column.type {
            case .int64, .timestamp:
                if let packing = packings?[i] { return .packed(take(capacity), packing) }
                return .int64(take(capacity))
            case .float64: return .float64(take(capacity))
            case .bytes, .text: return .bytes(ends: take(capacity), arena: take(arenaCapacity))
            case .bool: return .bool(take(capacity))
            }
        }
        validity = schema.columns.map { $0.isNullable ? take(capacity) : nil }
    }

    private func giveBack<Value: BitwiseCopyable>(_ values: UnsafeMutablePointer<Value>, _ count: Int) {
        memory.giveBack(UnsafeMutableRawPointer(values), count * MemoryLayout<Value>.stride)
    }

    deinit {
        for column in columns {
            switch column {
            case .int64(let values): giveBack(values, capacity)
            case .packed(let values, _): giveBack(values, capacity)
            case .float64(let values): giveBack(values, capacity)
            case .bytes(let ends, let arena):
                giveBack(ends, capacity)
                giveBack(arena, arenaCapacity)
            case .bool(let values): giveBack(values, capacity)
            }
        }
        for flags in validity { if let flags { giveBack(flags, capacity) } }
    }

    /// Whether integers whose bits, column by column, are among `bits` fit it: see `IntegerPacking`.
    func covers(_ bits: [UInt64]) -> Bool {
        for (i, column) in columns.enumerated() {
            if case .packed(_, let packing) = column, !packing.covers(bits[i]) { return false }
        }
        return true
    }

    /// Appends as many rows of `range` as fit, in order; returns how many. Writer's lock held.
    /// - Precondition: the chunk covers their integers.
    func append(_ batch: RecordBatch, _ range: Range<Int>) -> Int {
        var take = min(range.count, capacity - count)
        for (i, column) in columns.enumerated() {
            guard case .bytes(let ends, _) = column else { continue }
            let strings = batch.columns[i].byteStrings
            let used = count == 0 ? 0 : Int(ends[count - 1])
            let start = strings.offsets[range.lowerBound]
            while take > 0, strings.offsets[range.lowerBound + take] - start > arenaCapacity - used { take -= 1 }
        }
        guard take > 0 else { return 0 }
        let rows = range.lowerBound..<range.lowerBound + take
        for (i, column) in columns.enumerated() {
            switch (column, batch.columns[i].values) {
            case (.int64(let target), .int64(let source)):
                source.withUnsafeBufferPointer { copy($0, rows, target) }
            case (.packed(let target, let packing), .int64(let source)):
                source.withUnsafeBufferPointer { source in
                    for (k, row) in rows.enumerated() { target[count + k] = packing.pack(source[row]) }
                }
            case (.float64(let target), .float64(let source)):
                source.withUnsafeBufferPointer { copy($0, rows, target) }
            case (.bool(let target), .bool(let source)):
                source.withUnsafeBufferPointer { copy($0, rows, target) }
            case (.bytes(let ends, let arena), .bytes(let source)):
                var end = count == 0 ? 0 : Int(ends[count - 1])
                let start = source.offsets[rows.lowerBound]
                let length = source.offsets[rows.upperBound] - start
                source.bytes.withUnsafeBufferPointer {
                    if let base = $0.baseAddress { (arena + end).update(from: base + start, count: length) }
                }
                for (k, row) in rows.enumerated() {
                    end += source.offsets[row + 1] - source.offsets[row]
                    ends[count + k] = UInt32(end)
                }
            default: preconditionFailure("the batch was checked against the schema")
            }
            if let flags = validity[i] {
                if let given = batch.columns[i].validity {
                    given.withUnsafeBufferPointer { copy($0, rows, flags) }
                } else {
                    (flags + count).update(repeating: true, count: take)
                }
            }
        }
        count += take
        return take
    }

    private func copy<T: BitwiseCopyable>(
        _ source: UnsafeBufferPointer<T>, _ rows: Range<Int>, _ target: UnsafeMutablePointer<T>
    ) {
        if let base = source.baseAddress { (target + count).update(from: base + rows.lowerBound, count: rows.count) }
    }

    /// Integers of column `i`, the first `rows` of them. The chunk must outlive the use.
    func int64s(_ i: Int, rows: Int) -> StoredIntegers {
        switch columns[i] {
        case .int64(let values): return StoredIntegers(form: .plain(values), count: rows)
        case .packed(let values, let packing): return StoredIntegers(form: .packed(values, packing), count: rows)
        default: preconditionFailure("not a column of integers")
        }
    }

    /// One of them.
    func integer(_ i: Int, at row: UInt32) -> Int64 {
        switch columns[i] {
        case .int64(let values): return values[Int(row)]
        case .packed(let values, let packing): return packing.unpack(values[Int(row)])
        default: preconditionFailure("not a column of integers")
        }
    }

    /// Says that row `row`, below the published count, is looked at soon; of byte strings where they end.
    func prefetch(_ row: UInt32) {
        let row = Int(row)
        for i in columns.indices {
            switch columns[i] {
            case .int64(let values): Prefetch.line(values + row)
            case .packed(let values, _): Prefetch.line(values + row)
            case .float64(let values): Prefetch.line(values + row)
            case .bytes(let ends, _): Prefetch.line(ends + row)
            case .bool(let values): Prefetch.line(values + row)
            }
        }
    }

    /// Doubles of column `i`. The chunk must outlive the use.
    func float64s(_ i: Int) -> UnsafePointer<Double> {
        guard case .float64(let values) = columns[i] else { preconditionFailure("not a column of doubles") }
        return UnsafePointer(values)
    }

    /// The rows `order` points at, as columns, in that order.
    func gather(_ order: [UInt32]) -> RecordBatch { gather(order[...]) }

    /// - Parameter wanted: ascending indices of columns, the key among them; nil: all.
    func gather(_ order: ArraySlice<UInt32>, columns wanted: [Int]? = nil) -> RecordBatch {
        RecordBatch(
            trusted: wanted.map { schema.keeping($0) } ?? schema,
            gatherColumns(order, wanted ?? Array(columns.indices)))
    }

    func gatherColumns(_ order: ArraySlice<UInt32>, _ wanted: [Int]) -> [Column] {
        var made: [Column] = []
        made.reserveCapacity(wanted.count)
        for i in wanted {
            let values: ColumnValues
            switch columns[i] {
            case .int64, .packed: values = .int64(int64s(i, rows: count).gather(order))
            case .float64(let source): values = .float64(order.map { source[Int($0)] })
            case .bool(let source): values = .bool(order.map { source[Int($0)] })
            case .bytes: values = .bytes(gatherBytes(i, order))
            }
            let flags = validity[i].map { flags in order.map { flags[Int($0)] } }
            made.append(Column(values, validity: flags))
        }
        return made
    }

    /// Values of integer column `i` at `rows`, each below the published count, into `target`, which has room for them.
    func fill(_ i: Int, at rows: ArraySlice<UInt32>, _ target: UnsafeMutableBufferPointer<Int64>) {
        precondition(target.count >= rows.count)
        rows.withUnsafeBufferPointer { rows in
            switch columns[i] {
            case .int64(let values): for (k, row) in rows.enumerated() { target[k] = values[Int(row)] }
            case .packed(let values, let packing):
                for (k, row) in rows.enumerated() { target[k] = packing.unpack(values[Int(row)]) }
            default: preconditionFailure("not a column of integers")
            }
        }
    }

    /// Where the byte strings of column `i` at `rows` end, one behind the other, from the end of the last in `ends`.
    func appendEnds(_ i: Int, at rows: ArraySlice<UInt32>, to ends: inout [Int]) {
        guard case .bytes(let own, _) = columns[i] else { preconditionFailure("not a column of byte strings") }
        var end = ends.last ?? 0
        for row in rows {
            end += Int(own[Int(row)]) - (row == 0 ? 0 : Int(own[Int(row) - 1]))
            ends.append(end)
        }
    }

    /// Their bytes into `target`, which has room for them; returns how many.
    func fill(_ i: Int, at rows: ArraySlice<UInt32>, _ target: UnsafeMutableBufferPointer<UInt8>) -> Int {
        guard case .bytes(let ends, let arena) = columns[i] else { preconditionFailure("not a column of byte strings") }
        var filled = 0
        for row in rows {
            let start = row == 0 ? 0 : Int(ends[Int(row) - 1])
            let text = UnsafeBufferPointer(start: arena + start, count: Int(ends[Int(row)]) - start)
            _ = UnsafeMutableBufferPointer(rebasing: target[filled..<filled + text.count]).update(fromContentsOf: text)
            filled += text.count
        }
        return filled
    }

    /// The same of a column of doubles.
    func fill(_ i: Int, at rows: ArraySlice<UInt32>, _ target: UnsafeMutableBufferPointer<Double>) {
        precondition(target.count >= rows.count)
        guard case .float64(let values) = columns[i] else { preconditionFailure("not a column of doubles") }
        rows.withUnsafeBufferPointer { rows in
            for (k, row) in rows.enumerated() { target[k] = values[Int(row)] }
        }
    }

    private func gatherBytes(_ i: Int, _ order: ArraySlice<UInt32>) -> BytesColumn {
        var offsets = [0]
        offsets.reserveCapacity(order.count + 1)
        appendEnds(i, at: order, to: &offsets)
        let bytes = [UInt8](unsafeUninitializedCapacity: offsets[order.count]) { $1 = fill(i, at: order, $0) }
        return BytesColumn(offsets: offsets, bytes: bytes)
    }

    /// Whether two rows below the published count have one key. Doubles by their bits, as their total order has it.
    func hasSameKey(_ a: UInt32, _ b: UInt32) -> Bool {
        let (a, b) = (Int(a), Int(b))
        return columns.prefix(schema.keyCount).allSatisfy { column in
            switch column {
            case .int64(let values): return values[a] == values[b]
            case .packed(let values, _): return values[a] == values[b]
            case .float64(let values): return values[a].bitPattern == values[b].bitPattern
            case .bool(let values): return values[a] == values[b]
            case .bytes(let ends, let arena):
                let first = (a == 0 ? 0 : Int(ends[a - 1]))..<Int(ends[a])
                let second = (b == 0 ? 0 : Int(ends[b - 1]))..<Int(ends[b])
                return first.count == second.count
                    && UnsafeBufferPointer(start: arena + first.lowerBound, count: first.count)
                        .elementsEqual(UnsafeBufferPointer(start: arena + second.lowerBound, count: second.count))
            }
        }
    }

    /// First and last time of the first `rows` rows; nil without rows, or without a time column.
    func timeBounds(rows: Int) -> ClosedRange<Int64>? {
        guard rows > 0, let column = schema.timeColumn else { return nil }
        if let known = times.withLock({ $0 }), known.rows == rows { return known.bounds }
        let bounds = int64s(column, rows: rows).withWhole { values in
            var (first, last) = (values[0], values[0])
            for time in values { (first, last) = (min(first, time), max(last, time)) }
            return first...last
        }
        times.withLock { $0 = (rows, bounds) }
        return bounds
    }

    /// The first `rows` rows in key order, arrival order among equals. Sorted once and remembered.
    func order(rows: Int) -> [UInt32] {
        if let known = sorted.withLock({ $0 }), known.rows == rows { return known.order.rows }
        var scratch = SortScratch()
        let order =
            groupedOrder(rows: rows, &scratch)
            ?? GroupedOrder(
                rows: SortOrder.byComparison(KeyColumns(gather((0..<UInt32(rows)).map { $0 })), rows: rows), ends: [])
        sorted.withLock { $0 = (rows, order) }
        return order.rows
    }

    /// Whether `order` of so many rows is remembered.
    func isSorted(rows: Int) -> Bool { sorted.withLock { $0?.rows == rows } }

    /// The same and where each first key ends, if the key is two integers; else nil. Not remembered: for who reads it once.
    func groupedOrder(rows: Int, _ scratch: inout SortScratch) -> GroupedOrder? {
        guard hasTwoIntegerKeys else { return nil }
        if let known = sorted.withLock({ $0 }), known.rows == rows { return known.order }
        if case .packed(let first, let one) = columns[0], case .packed(let second, let other) = columns[1],
            one.keepsOrder, other.keepsOrder
        {
            return SortOrder.byTwoIntegers(
                UnsafeBufferPointer(start: first, count: rows), UnsafeBufferPointer(start: second, count: rows),
                &scratch)
        }
        return int64s(0, rows: rows).withWhole { first in
            int64s(1, rows: rows).withWhole { SortOrder.byTwoIntegers(first, $0, &scratch) }
        }
    }

    /// Where each value of the first key column stands in `order`; nil: the key is another.
    func keyStretches(in order: [UInt32]) -> KeyStretches? {
        guard hasTwoIntegerKeys else { return nil }
        if let known = stretches.withLock({ $0 }), known.rows == order.count { return known }
        let made = int64s(0, rows: order.count).withWhole { KeyStretches(order, $0) }
        stretches.withLock { $0 = made }
        return made
    }

    /// Times and values in that order; nil: asked for the first time, or a key and time come twice. For chunks of samples.
    func sortedSamples(in order: [UInt32]) -> SortedSamples? {
        let (known, mayMake) = samples.withLock { state in
            if state.rows == order.count { return (state.sorted, !state.isMade) }
            state = (order.count, false, nil)
            return (nil, false)
        }
        guard mayMake, let stretches = keyStretches(in: order), stretches.areKnown else { return known }
        let made = SortedSamples(
            order, keys: stretches, times: int64s(1, rows: order.count), values: float64s(2))
        samples.withLock { $0 = (order.count, true, made) }
        return made
    }

    private var hasTwoIntegerKeys: Bool { schema.hasTwoIntegerKeys }
}

/// The stretches of a chunk's order whose rows share the first key.
///
/// - `keys` ascend strictly; the rows of `keys[i]` are `order[ends[i - 1]..<ends[i]]`. Empty where nearly every row has a
///   key of its own: then it would save nothing and take as much memory as the rows.
struct KeyStretches: Sendable {
    let rows: Int
    private var keys: [Int64] = []
    private var ends: [Int32] = []
    private static let fewestRows = 4

    init(_ order: [UInt32], _ firstKeys: UnsafeBufferPointer<Int64>) {
        rows = order.count
        for (place, row) in order.enumerated() {
            let key = firstKeys[Int(row)]
            if keys.last == key {
                ends[ends.count - 1] = Int32(truncatingIfNeeded: place + 1)
                continue
            }
            keys.append(key)
            ends.append(Int32(truncatingIfNeeded: place + 1))
            if keys.count > rows / Self.fewestRows {
                keys = []
                ends = []
                return
            }
        }
    }

    /// Whether it says where keys stand.
    var areKnown: Bool { !keys.isEmpty || rows == 0 }
    var count: Int { keys.count }
    /// Where the rows of key number `i` stand in the order.
    func range(_ i: Int) -> Range<Int> { (i == 0 ? 0 : Int(ends[i - 1]))..<Int(ends[i]) }
    /// Keys, and where the rows of each end.
    func withPlaces(
        _ body: (UnsafeBufferPointer<Int64>, UnsafeBufferPointer<Int32>) throws -> Void
    ) rethrows {
        try keys.withUnsafeBufferPointer { keys in
            try ends.withUnsafeBufferPointer { try body(keys, $0) }
        }
    }

    /// The rows of `order` whose first key is among `wanted` (ascending); nil: it does not know.
    func select(_ wanted: [Int64], from order: [UInt32]) -> [UInt32]? {
        guard !keys.isEmpty, order.count == rows else { return nil }
        var found: [UInt32] = []
        forEach(among: wanted) { _, range in found.append(contentsOf: order[range]) }
        return found
    }
}
