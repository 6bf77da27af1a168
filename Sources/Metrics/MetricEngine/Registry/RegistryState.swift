import Columnar
import MetricModel
import Platform

/// Everything the registry knows, guarded by its lock.
///
/// - `ids.count == index.count`: an ordinal has an id from the moment it exists.
/// - A series is *registered* once it is alive in some segment: its row is then in the log or in an object. One whose
///   write failed has an ordinal and an id and is alive nowhere: the next write logs its row.
struct RegistryState: Sendable {
    var index: LabelIndex
    /// The id under which an ordinal's samples are written.
    private(set) var ids = AppendColumn<Int64>()
    /// Older or imported ids of the same label set, by ordinal.
    private(set) var extraIDs: [UInt32: [Int64]] = [:]
    private var ordinalOfExtraID: [Int64: UInt32] = [:]
    private var ordinalOfID = OrdinalsByID()
    /// By start of the segment.
    var segments: [Int64: SegmentSeries] = [:]
    /// Starts of segments in objects that were not loaded: `segments` has only what was written since.
    var unloaded: Set<Int64> = []
    /// By the metric's code; −1: none yet.
    private var metricNumbers: [Int64] = []
    var numbers = SeriesNumbers()

    init(hash: KeyedHash128) { index = LabelIndex(hash: hash) }

    // MARK: Ids

    func ordinal(of id: Int64) -> UInt32? { ordinalOfID.ordinal(of: id, ids.view) ?? ordinalOfExtraID[id] }

    func isPrimary(_ id: Int64, of ordinal: UInt32) -> Bool { ids[Int(ordinal)] == id }

    /// A series that comes from an object or from the log, with its id.
    mutating func insert(
        metric: UnsafeRawBufferPointer, labels: UnsafeRawBufferPointer, id: Int64, names: MetricNames
    ) -> UInt32 {
        let inserted = index.insert(metric: metric, labels: labels)
        learn(number: SeriesID(rawValue: id).metric, ofMetric: Int(index.metricCode(inserted.ordinal)), metric, names)
        note(id, of: inserted.ordinal, isNew: inserted.isNew)
        return inserted.ordinal
    }

    /// Makes room at once for so many series, those that are here among them.
    mutating func reserve(_ total: Int) { index.reserve(total) }

    /// Series that come from an object, as its columns have them.
    /// - Returns: their ordinals, row by row.
    mutating func insert(
        metrics: ByteRows, _ matrix: LabelMatrix, ids: [Int64], names: MetricNames
    ) -> [UInt32] {
        let codes = (0..<ids.count).map { row in
            let code = index.intern(metric: metrics[row])
            learn(number: SeriesID(rawValue: ids[row]).metric, ofMetric: Int(code), metrics[row], names)
            return code
        }
        var found: [(ordinal: UInt32, isNew: Bool)] = []
        found.reserveCapacity(ids.count)
        index.insert(metrics: codes, matrix) { ordinal, isNew in found.append((ordinal, isNew)) }
        for (row, one) in found.enumerated() { note(ids[row], of: one.ordinal, isNew: one.isNew) }
        return found.map(\.ordinal)
    }

    /// An id that is there already stands for the series.
    private mutating func note(_ id: Int64, of ordinal: UInt32, isNew: Bool) {
        numbers.skip(SeriesID(rawValue: id))
        if isNew {
            append(id: id, of: ordinal)
        } else if ids[Int(ordinal)] != id, ordinalOfExtraID[id] == nil {
            extraIDs[ordinal, default: []].append(id)
            ordinalOfExtraID[id] = ordinal
        }
    }

    private mutating func append(id: Int64, of ordinal: UInt32) {
        ids.append(id)
        ordinalOfID.insert(id, ordinal)
    }

    private mutating func learn(
        number: Int64, ofMetric code: Int, _ metric: UnsafeRawBufferPointer, _ names: MetricNames
    ) {
        if code >= metricNumbers.count {
            metricNumbers.append(contentsOf: repeatElement(-1, count: code + 1 - metricNumbers.count))
        }
        // Of several numbers the newest goes on.
        guard number != metricNumbers[code] else { return }
        metricNumbers[code] = max(metricNumbers[code], number)
        names.learn(number, String(decoding: metric, as: UTF8.self))
    }

    func hasNumber(metric: UnsafeRawBufferPointer) -> Bool {
        guard let code = index.metrics.code(of: metric) else { return false }
        return Int(code) < metricNumbers.count && metricNumbers[Int(code)] >= 0
    }

    /// A new series: ordinal and id. The caller has made sure that `numbers` suffice.
    mutating func register(
        metric: UnsafeRawBufferPointer, labels: UnsafeRawBufferPointer, _ codes: LabelSetCodes,
        _ entry: LabelSetCodes.Entry, names: MetricNames
    ) -> UInt32 {
        let (ordinal, isNew) = index.insert(metric: metric, labels: labels, codes, entry)
        // The batch may say one label set twice.
        guard isNew else { return ordinal }
        let code = Int(index.metricCode(ordinal))
        var number: Int64 = code < metricNumbers.count ? metricNumbers[code] : -1
        if number < 0 {
            number = numbers.takeMetric()
            learn(number: number, ofMetric: code, metric, names)
        }
        append(id: SeriesID(metric: number, series: numbers.takeSeries()).rawValue, of: ordinal)
        return ordinal
    }

    // MARK: Alive in a segment

    mutating func makeAlive(_ pairs: [SeriesInSegment]) {
        var at = 0
        while at < pairs.count {
            let start = pairs[at].segment
            // Taken out, so that the sets are changed in place and not copied.
            var series = segments.removeValue(forKey: start) ?? SegmentSeries()
            while at < pairs.count, pairs[at].segment == start {
                series.alive.insert(pairs[at].ordinal)
                at += 1
            }
            segments[start] = series
        }
    }

    /// The rows of these ids are in an object of the segment.
    mutating func markPersisted(_ ids: ArraySlice<Int64>, _ ordinals: [UInt32], in segment: Int64) {
        var series = segments.removeValue(forKey: segment) ?? SegmentSeries()
        for (id, ordinal) in zip(ids, ordinals) where ordinal != SeriesOrdinal.unknown {
            series.alive.insert(ordinal)
            if isPrimary(id, of: ordinal) {
                series.persisted.insert(ordinal)
            } else {
                series.persistedExtras.insert(id)
            }
        }
        segments[segment] = series
    }
}

/// A series alive in a segment.
struct SeriesInSegment: Hashable, Sendable {
    var segment: Int64
    var ordinal: UInt32
}

/// What is alive in one segment and next to it, for many questions in a row.
struct SegmentPlace {
    let start: Int64
    let alive: OrdinalSet
    private let neighbours: [OrdinalSet]

    init(_ start: Int64, _ length: Int64, _ state: RegistryState) {
        self.start = start
        alive = state.segments[start]?.alive ?? OrdinalSet()
        neighbours = state.segments.compactMap { other, series in
            other >= start - length && other != start ? series.alive : nil
        }
    }

    /// Whether a series that becomes alive in the segment must have its row logged with the samples: its labels could
    /// otherwise be lost with an older segment that expires. One that is alive in the segment before, or in a later one,
    /// has its row there, or in the log.
    func needsRow(_ ordinal: UInt32) -> Bool { !neighbours.contains { $0.contains(ordinal) } }
}
