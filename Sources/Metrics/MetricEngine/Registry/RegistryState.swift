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
    private var ordinalOfID = IdentityTable()
    /// By start of the segment.
    var segments: [Int64: SegmentSeries] = [:]
    /// Starts of segments in objects that were not loaded: `segments` has only what was written since.
    var unloaded: Set<Int64> = []
    /// By the metric's code; −1: none yet.
    private var metricNumbers: [Int64] = []
    var numbers = SeriesNumbers()

    init(hash: KeyedHash128) { index = LabelIndex(hash: hash) }

    // MARK: Ids

    func ordinal(of id: Int64) -> UInt32? {
        ordinalOfID.find(Self.hash(id)) { ids[Int($0)] == id } ?? ordinalOfExtraID[id]
    }

    private static func hash(_ id: Int64) -> UInt32 {
        // Series numbers are handed out densely; spreading them is enough.
        UInt32(truncatingIfNeeded: (UInt64(bitPattern: id) &* 0x9e37_79b9_7f4a_7c15) >> 32)
    }

    func isPrimary(_ id: Int64, of ordinal: UInt32) -> Bool { ids[Int(ordinal)] == id }

    /// A series that comes from an object or from the log, with its id.
    mutating func insert(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>, id: Int64, names: MetricNames) -> UInt32
    {
        let (ordinal, isNew) = metric.withUnsafeBytes { index.insert(metric: $0, labels: labels) }
        let number = SeriesID(rawValue: id).metric
        let code = Int(index.metricCode(ordinal))
        learn(number: number, ofMetric: code, metric, names)
        if isNew {
            ids.append(id)
            ordinalOfID.insert(Self.hash(id), ordinal)
        } else if ids[Int(ordinal)] != id, ordinalOfExtraID[id] == nil {
            extraIDs[ordinal, default: []].append(id)
            ordinalOfExtraID[id] = ordinal
        }
        return ordinal
    }

    private mutating func learn(number: Int64, ofMetric code: Int, _ metric: ArraySlice<UInt8>, _ names: MetricNames) {
        if code >= metricNumbers.count {
            metricNumbers.append(contentsOf: repeatElement(-1, count: code + 1 - metricNumbers.count))
        }
        // Of several numbers the newest goes on.
        guard number > metricNumbers[code] || names.name(of: number) == nil else { return }
        metricNumbers[code] = max(metricNumbers[code], number)
        names.learn(number, String(decoding: metric, as: UTF8.self))
    }

    func hasNumber(metric: UnsafeRawBufferPointer) -> Bool {
        guard let code = index.metrics.code(of: metric) else { return false }
        return Int(code) < metricNumbers.count && metricNumbers[Int(code)] >= 0
    }

    /// A new series: ordinal and id. The caller has made sure that `numbers` suffice.
    /// - Returns: nil when the numbers of a region are used up for good.
    mutating func register(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>, names: MetricNames) -> UInt32? {
        if let known = metric.withUnsafeBytes({ index.find(metric: $0, labels: labels) }) { return known }
        var number: Int64 = -1
        let code = metric.withUnsafeBytes { index.metrics.code(of: $0) }
        if let code, Int(code) < metricNumbers.count { number = metricNumbers[Int(code)] }
        if number < 0 {
            guard let taken = numbers.takeMetric() else { return nil }
            number = taken
        }
        guard let series = numbers.takeSeries() else { return nil }
        return insert(
            metric: metric, labels: labels, id: SeriesID(metric: number, series: series).rawValue, names: names)
    }

    // MARK: Alive in a segment

    /// Whether a series that becomes alive in a segment must have its row logged with the samples: its labels could
    /// otherwise be lost with an older segment that expires. One that is alive in the segment before, or in a later one,
    /// has its row there, or in the log.
    func needsRow(_ ordinal: UInt32, in segment: Int64, length: Int64) -> Bool {
        for (start, series) in segments where start >= segment - length && start != segment {
            if series.alive.contains(ordinal) { return false }
        }
        return true
    }
}
