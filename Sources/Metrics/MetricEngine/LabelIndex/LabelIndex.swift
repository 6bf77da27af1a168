import Columnar
import MetricModel
import Platform

/// Label sets in columns: a dictionary for each label, a code per series and label, and the series of each metric.
///
/// - *Ordinals* are dense from 0 in order of insertion; a label set has one ordinal.
/// - A series is its metric's code, its *shape* (which label names, in byte order) and one value code per name of the
///   shape. Two series are the same exactly when these numbers are.
/// - One writer; a view (`LabelIndexView`) is read outside the writer's lock.
struct LabelIndex: Sendable {
    private(set) var metrics: SymbolTable
    private var names: SymbolTable
    /// Values of each label name, by the name's code.
    private var values: [SymbolTable] = []
    private var shapeEnds = AppendColumn<UInt32>()
    private var shapeNames = AppendColumn<UInt32>()
    private var shapes: [[UInt32]: UInt32] = [:]
    private var metricOf = AppendColumn<UInt32>()
    private var shapeOf = AppendColumn<UInt32>()
    /// Where a series' value codes end in `codes`.
    private var codeEnds = AppendColumn<Int>()
    private var codes = AppendColumn<UInt32>()
    /// Ordinals of each metric's series, rising, by the metric's code.
    private var seriesOfMetric: [AppendColumn<UInt32>] = []
    private var identity: IdentityTable
    private let hash: KeyedHash128
    private var taken: LabelIndexView?
    /// Codes of the series at hand; kept to spare an allocation each time.
    private var scratch = LabelSetCodes()
    /// Shape of the series inserted last, and its names.
    private var lastShape: UInt32?
    private var lastNames: [UInt32] = []

    /// - Parameter hash: keyed, so that no sender can aim at a collision.
    init(hash: KeyedHash128) {
        self.hash = hash
        metrics = SymbolTable(hash: hash)
        names = SymbolTable(hash: hash)
        identity = IdentityTable()
    }

    var count: Int { metricOf.count }

    /// Bytes held, about.
    var memory: Int {
        metrics.memory + names.memory + values.reduce(0) { $0 + $1.memory } + count * 24 + codes.count * 4
            + identity.memory
    }

    /// What readers see. Cheap when nothing was inserted since the last one.
    mutating func view() -> LabelIndexView {
        if let taken { return taken }
        let view = LabelIndexView(
            metrics: metrics.view, names: names.view, values: values.map(\.view), shapeEnds: shapeEnds.view,
            shapeNames: shapeNames.view, metricOf: metricOf.view, shapeOf: shapeOf.view, codeEnds: codeEnds.view,
            codes: codes.view, seriesOfMetric: seriesOfMetric.map(\.view))
        taken = view
        return view
    }

    /// The ordinal of a label set; nil when it is not here.
    /// - Parameter labels: canonical (`LabelEncoding`).
    mutating func find(metric: UnsafeRawBufferPointer, labels: UnsafeRawBufferPointer) -> UInt32? {
        var reader = LabelSetReader(view())
        var codes = LabelSetCodes()
        var entry = reader.takeApart(metric: metric, labels: labels, &codes) { _, _ in }
        place(&entry, codes)
        return find(entry, codes)
    }

    /// Says where a label set that was taken apart is if it is here, and has that place fetched.
    func place(_ entry: inout LabelSetCodes.Entry, _ codes: LabelSetCodes) {
        guard entry.isKnown, let shape = shape(of: codes.names(of: entry)) else { return }
        let hash = hashOf(entry.metric, shape, codes.values(of: entry))
        identity.prefetch(hash)
        entry.place = .init(shape: shape, hash: hash)
    }

    /// The ordinal of a label set that was taken apart and placed; nil when it is not here.
    func find(_ entry: LabelSetCodes.Entry, _ codes: LabelSetCodes) -> UInt32? {
        guard let place = entry.place else { return nil }
        let values = codes.values(of: entry)
        return identity.find(place.hash) { has($0, entry.metric, place.shape, values) }
    }

    private func shape(of nameCodes: ArraySlice<UInt32>) -> UInt32? {
        nameCodes == lastNames[...] ? lastShape : shapes[Array(nameCodes)]
    }

    mutating func find(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>) -> UInt32? {
        metric.withUnsafeBytes { metric in labels.withUnsafeBytes { find(metric: metric, labels: $0) } }
    }

    /// The ordinal of a label set, new if need be.
    /// - Parameter labels: canonical (`LabelEncoding`).
    mutating func insert(
        metric: UnsafeRawBufferPointer, labels: UnsafeRawBufferPointer
    ) -> (ordinal: UInt32, isNew: Bool) {
        scratch.names.removeAll(keepingCapacity: true)
        scratch.values.removeAll(keepingCapacity: true)
        var cursor = LabelCursor(labels)
        while let (name, value) = cursor.next() {
            let nameCode = intern(
                name: UnsafeRawBufferPointer(rebasing: labels[name]), at: scratch.names.count)
            scratch.names.append(nameCode)
            scratch.values.append(
                values[Int(nameCode)].intern(UnsafeRawBufferPointer(rebasing: labels[value])))
        }
        return insertScratch(metric: intern(metric: metric))
    }

    /// The same for one that was taken apart: only what was unknown is looked up, since others may have brought it.
    mutating func insert(
        metric: UnsafeRawBufferPointer, labels: UnsafeRawBufferPointer, _ codes: LabelSetCodes,
        _ entry: LabelSetCodes.Entry
    ) -> (ordinal: UInt32, isNew: Bool) {
        if let place = entry.place {
            return insert(metric: entry.metric, place.shape, codes.values(of: entry), place.hash)
        }
        scratch.names.removeAll(keepingCapacity: true)
        scratch.values.removeAll(keepingCapacity: true)
        var cursor = LabelCursor(labels)
        for at in entry.labels {
            guard let (name, value) = cursor.next() else { break }
            var nameCode = codes.names[at]
            if nameCode == LabelSetCodes.unknown {
                nameCode = intern(name: UnsafeRawBufferPointer(rebasing: labels[name]), at: scratch.names.count)
            }
            var code = codes.values[at]
            if code == LabelSetCodes.unknown {
                code = values[Int(nameCode)].intern(UnsafeRawBufferPointer(rebasing: labels[value]))
            }
            scratch.names.append(nameCode)
            scratch.values.append(code)
        }
        let metricCode = entry.metric == LabelSetCodes.unknown ? intern(metric: metric) : entry.metric
        return insertScratch(metric: metricCode)
    }

    /// The same for rows of label columns, with a metric's code each.
    /// - Parameter note: given their ordinals row by row, and whether that is new.
    mutating func insert(metrics: [UInt32], _ matrix: LabelMatrix, _ note: (UInt32, Bool) -> Void) {
        struct Row {
            var hash: UInt32
            var shape: UInt32
            var end: Int
        }
        var rows: [Row] = []
        var valueCodes: [UInt32] = []
        // Where each row is looked for is a miss of the cache: those of a block are under way at once.
        for block in stride(from: 0, to: metrics.count, by: Self.block) {
            let block = block..<min(block + Self.block, metrics.count)
            rows.removeAll(keepingCapacity: true)
            valueCodes.removeAll(keepingCapacity: true)
            for row in block {
                scratch.names.removeAll(keepingCapacity: true)
                let start = valueCodes.count
                var at = row
                for name in matrix.names {
                    let code = matrix.values[at]
                    at += matrix.rows
                    guard code != LabelMatrix.absent else { continue }
                    scratch.names.append(name)
                    valueCodes.append(code)
                }
                let shape = intern(shape: scratch.names)
                let hash = hashOf(metrics[row], shape, valueCodes[start...])
                identity.prefetch(hash)
                rows.append(Row(hash: hash, shape: shape, end: valueCodes.count))
            }
            var start = 0
            for (i, row) in rows.enumerated() {
                let inserted = insert(
                    metric: metrics[block.lowerBound + i], row.shape, valueCodes[start..<row.end], row.hash)
                start = row.end
                note(inserted.ordinal, inserted.isNew)
            }
        }
    }

    private static let block = 64

    private mutating func insertScratch(metric: UInt32) -> (ordinal: UInt32, isNew: Bool) {
        let shape = intern(shape: scratch.names)
        let values = scratch.values
        return insert(metric: metric, shape, values[...], hashOf(metric, shape, values[...]))
    }

    private mutating func insert(
        metric: UInt32, _ shape: UInt32, _ valueCodes: ArraySlice<UInt32>, _ hashed: UInt32
    ) -> (ordinal: UInt32, isNew: Bool) {
        if let known = identity.find(hashed, where: { has($0, metric, shape, valueCodes) }) { return (known, false) }
        taken = nil
        let ordinal = UInt32(count)
        precondition(ordinal < SeriesOrdinal.limit)
        valueCodes.withUnsafeBufferPointer { codes.append(contentsOf: $0) }
        codeEnds.append(codes.count)
        metricOf.append(metric)
        shapeOf.append(shape)
        seriesOfMetric[Int(metric)].append(ordinal)
        identity.insert(hashed, ordinal)
        return (ordinal, true)
    }

    // MARK: Symbols

    mutating func intern(metric: UnsafeRawBufferPointer) -> UInt32 {
        let code = metrics.intern(metric)
        if Int(code) == seriesOfMetric.count { seriesOfMetric.append(AppendColumn()) }
        return code
    }

    /// - Parameter place: of the label in its set, for a guess.
    mutating func intern(name: UnsafeRawBufferPointer, at place: Int = .max) -> UInt32 {
        let code = guessedName(place, name) ?? names.intern(name)
        if Int(code) == values.count { values.append(SymbolTable(hash: hash)) }
        return code
    }

    mutating func intern(value: UnsafeRawBufferPointer, ofName name: UInt32) -> UInt32 {
        values[Int(name)].intern(value)
    }

    /// Makes room at once for so many series, those that are here among them.
    mutating func reserve(_ total: Int) { identity.reserve(total) }

    mutating func insert(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>) -> (ordinal: UInt32, isNew: Bool) {
        metric.withUnsafeBytes { metric in labels.withUnsafeBytes { insert(metric: metric, labels: $0) } }
    }

    /// Series that come together mostly carry the same labels: the name at this place in the last shape, if it is `text`.
    @inline(__always)
    private func guessedName(_ place: Int, _ text: UnsafeRawBufferPointer) -> UInt32? {
        guard place < lastNames.count, names.has(lastNames[place], text) else { return nil }
        return lastNames[place]
    }

    func metricCode(_ ordinal: UInt32) -> UInt32 { metricOf[Int(ordinal)] }

    private mutating func intern(shape nameCodes: [UInt32]) -> UInt32 {
        if nameCodes == lastNames, let lastShape { return lastShape }
        if let known = shapes[nameCodes] {
            lastNames = nameCodes
            lastShape = known
            return known
        }
        let shape = UInt32(shapeEnds.count)
        nameCodes.withUnsafeBufferPointer { shapeNames.append(contentsOf: $0) }
        shapeEnds.append(UInt32(shapeNames.count))
        shapes[nameCodes] = shape
        lastNames = nameCodes
        lastShape = shape
        return shape
    }

    private func hashOf(_ metric: UInt32, _ shape: UInt32, _ valueCodes: ArraySlice<UInt32>) -> UInt32 {
        // Codes are handed out by us in order of arrival, so mixing them well is enough; two multiplies each.
        var mixed = (UInt64(metric) << 32 | UInt64(shape)) &* 0x9e37_79b9_7f4a_7c15
        for code in valueCodes {
            mixed = (mixed ^ (mixed >> 32)) &* 0xd6e8_feb8_6659_fd93
            mixed ^= (UInt64(code) &+ 0x9e37_79b9) &* 0xa076_1d64_78bd_642f
        }
        mixed = (mixed ^ (mixed >> 29)) &* 0xbf58_476d_1ce4_e5b9
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }

    private func has(_ ordinal: UInt32, _ metric: UInt32, _ shape: UInt32, _ valueCodes: ArraySlice<UInt32>) -> Bool {
        let i = Int(ordinal)
        guard metricOf[i] == metric, shapeOf[i] == shape else { return false }
        let start = i == 0 ? 0 : codeEnds[i - 1]
        // Same shape, same number of codes.
        var at = start
        for code in valueCodes {
            if codes[at] != code { return false }
            at += 1
        }
        return true
    }
}
