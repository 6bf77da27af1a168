import Columnar
import MetricModel
import Platform
import StorageEngine
import Synchronization

/// What a batch with new series, or with series new in a segment, becomes.
struct Registration: Sendable {
    var outcome = AppendOutcome()
    /// Samples under their ids; refused ones are not in it.
    var ids: [Int64] = []
    var timestamps: [Int64] = []
    var values: [Double] = []
    /// Rows of the series table that must be in the log with the samples.
    var seriesRows: [SeriesInSegment] = []
    /// What becomes known once the batch is staged.
    fileprivate var alive: [SeriesInSegment] = []
    fileprivate var spellings: [(Hash128, UInt32)] = []
}

enum RegistrationAttempt: Sendable {
    case ready(Registration)
    /// Reserve first, then try again: nothing was changed.
    case lacks(NumbersNeeded)
}

/// Registration of new series.
///
/// Steps, the first three under the caller's registration lock:
/// 1. `register`: limits, ordinals, ids in order of (metric, job, instance, rest), so that series scraped together lie
///    together in files;
/// 2. the caller stages samples and series rows in one write;
/// 3. `publish`: alive bits and spellings. Not reached when staging failed: then the series exist without being
///    registered, and their next write logs their rows.
extension SeriesRegistry {
    func register(_ columns: SampleColumns) -> RegistrationAttempt {
        state.withLock { register(columns, &$0) }
    }

    private func register(_ columns: SampleColumns, _ state: inout RegistryState) -> RegistrationAttempt {
        let new = columns.newSeries
        var registration = Registration()
        var ordinals = [UInt32](repeating: SeriesOrdinal.unknown, count: new.count)
        var refusals = [SampleRefusal?](repeating: nil, count: new.count)
        var pending: [PendingSeries] = []
        for i in 0..<new.count {
            let metric = new.metrics[i]
            let labels = new.labels[i]
            if let refusal = refusal(metric: metric, labels: labels) {
                refusals[i] = refusal
            } else if let known = metric.withUnsafeBytes({ state.index.find(metric: $0, labels: labels) }) {
                ordinals[i] = known
            } else if state.index.count + pending.count >= limits.series {
                refusals[i] = .tooManySeries
            } else {
                pending.append(PendingSeries(index: i, metric: metric, labels: labels))
            }
        }
        pending.sort(by: PendingSeries.inOrder)
        let needed = NumbersNeeded(metrics: newMetrics(pending, state), series: pending.count)
        guard state.numbers.has(metrics: needed.metrics, series: needed.series) else { return .lacks(needed) }
        for series in pending {
            if let ordinal = state.register(metric: series.metric, labels: series.labels, names: names) {
                ordinals[series.index] = ordinal
            } else {
                refusals[series.index] = .tooManySeries
            }
        }
        collectSamples(columns, ordinals, refusals, state, &registration)
        for i in 0..<new.count {
            if let spelling = new.spellings[i], refusals[i] == nil {
                registration.spellings.append((spelling, ordinals[i]))
            }
        }
        return .ready(registration)
    }

    /// Metrics without a number among series sorted by metric.
    private func newMetrics(_ pending: [PendingSeries], _ state: RegistryState) -> Int {
        var count = 0
        for (i, series) in pending.enumerated() {
            if i > 0, pending[i - 1].metric.elementsEqual(series.metric) { continue }
            if !series.metric.withUnsafeBytes({ state.hasNumber(metric: $0) }) { count += 1 }
        }
        return count
    }

    private func collectSamples(
        _ columns: SampleColumns, _ ordinals: [UInt32], _ refusals: [SampleRefusal?], _ state: RegistryState,
        _ registration: inout Registration
    ) {
        registration.ids.reserveCapacity(columns.count)
        registration.timestamps.reserveCapacity(columns.count)
        registration.values.reserveCapacity(columns.count)
        var seen: Set<SeriesInSegment> = []
        var last: SeriesInSegment?
        for i in 0..<columns.count {
            var ordinal = columns.series[i]
            if ordinal & SampleColumns.newSeriesFlag != 0 {
                let index = Int(ordinal & ~SampleColumns.newSeriesFlag)
                if let refusal = refusals[index] {
                    registration.outcome.refuse(refusal, samples: 1, offender(refusal, columns.newSeries, index))
                    continue
                }
                ordinal = ordinals[index]
            }
            registration.ids.append(state.ids[Int(ordinal)])
            registration.timestamps.append(columns.timestamps[i])
            registration.values.append(columns.values[i])
            let pair = SeriesInSegment(segment: segment(of: columns.timestamps[i]), ordinal: ordinal)
            if pair == last || state.segments[pair.segment]?.alive.contains(ordinal) == true { continue }
            last = pair
            guard seen.insert(pair).inserted else { continue }
            registration.alive.append(pair)
            if state.needsRow(ordinal, in: pair.segment, length: segmentLength) { registration.seriesRows.append(pair) }
        }
        registration.outcome.samplesStored = registration.ids.count
    }

    private func refusal(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>) -> SampleRefusal? {
        if metric.count > limits.labelNameBytes { return .labelNameTooLong }
        var count = 0
        var refusal: SampleRefusal?
        do {
            try LabelEncoding.forEach(in: labels) { name, value in
                count += 1
                if name.count > limits.labelNameBytes { refusal = refusal ?? .labelNameTooLong }
                if value.count > limits.labelValueBytes { refusal = refusal ?? .labelValueTooLong }
            }
        } catch { preconditionFailure("labels that are not canonical reached the registry: \(error)") }
        return count > limits.labelsPerSeries ? .tooManyLabels : refusal
    }

    private func offender(_ refusal: SampleRefusal, _ new: NewSeriesColumns, _ index: Int) -> String {
        let series = SeriesText.describe(metric: new.metrics[index], labels: new.labels[index])
        switch refusal {
        case .tooManyLabels: return "\(series) has more than \(limits.labelsPerSeries) labels"
        case .labelNameTooLong: return "\(series) has a name longer than \(limits.labelNameBytes) bytes"
        case .labelValueTooLong: return "\(series) has a label value longer than \(limits.labelValueBytes) bytes"
        case .tooManySeries:
            return "\(series) is new and the limit of \(limits.series) series is reached (limit-series)"
        case .tooOld, .tooFarAhead, .noMetricName, .emptyLabelName, .duplicateLabel, .notUTF8:
            return "\(series): \(refusal.rawValue)"
        }
    }

    /// The batch is staged: its series may be seen.
    func publish(_ registration: Registration) {
        state.withLock { $0.makeAlive(registration.alive) }
        if !registration.spellings.isEmpty { spellings.insert(registration.spellings) }
    }

    /// Rows of the series table for series of the registry, in the order given.
    func seriesRows(_ pairs: [SeriesInSegment]) -> RecordBatch? {
        guard !pairs.isEmpty else { return nil }
        let (view, ids) = state.withLock { ($0.index.view(), $0.ids.view) }
        var metrics = BytesColumn()
        var labels = BytesColumn()
        for pair in pairs {
            metrics.append(Array(view.metric(of: pair.ordinal)))
            labels.append(view.canonicalLabels(of: pair.ordinal))
        }
        return RecordBatch(
            trusted: SeriesTable.schema,
            [
                .int64(pairs.map(\.segment)), .int64(pairs.map { ids[Int($0.ordinal)] }), .bytes(metrics),
                .bytes(labels),
            ])
    }

    // MARK: Numbers

    /// What must be reserved, in the manifest, so that `needed` numbers can be handed out; nil: they can.
    func reservation(for needed: NumbersNeeded) -> [(counter: String, upTo: UInt64)]? {
        state.withLock { state in
            let numbers = state.numbers
            guard !numbers.has(metrics: needed.metrics, series: needed.series) else { return nil }
            var reservations: [(counter: String, upTo: UInt64)] = []
            if numbers.nextMetric + UInt64(needed.metrics) > numbers.metricLimit {
                let more = max(UInt64(needed.metrics), SeriesNumbers.metricBlock)
                reservations.append((SeriesNumbers.metricCounter, numbers.metricLimit + more))
            }
            if numbers.nextSeries + UInt64(needed.series) > numbers.seriesLimit {
                let more = max(UInt64(needed.series), SeriesNumbers.seriesBlock)
                reservations.append((SeriesNumbers.seriesCounter, numbers.seriesLimit + more))
            }
            return reservations
        }
    }

    func didReserve(_ reservations: [(counter: String, upTo: UInt64)]) {
        state.withLock { state in
            for (counter, limit) in reservations {
                if counter == SeriesNumbers.metricCounter {
                    state.numbers.metricLimit = max(state.numbers.metricLimit, limit)
                } else {
                    state.numbers.seriesLimit = max(state.numbers.seriesLimit, limit)
                }
            }
        }
    }
}

/// A label set that the registry does not have.
private struct PendingSeries {
    let index: Int
    let metric: ArraySlice<UInt8>
    let labels: ArraySlice<UInt8>
    let job: ArraySlice<UInt8>
    let instance: ArraySlice<UInt8>

    init(index: Int, metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>) {
        self.index = index
        self.metric = metric
        self.labels = labels
        var job = labels.endIndex..<labels.endIndex
        var instance = job
        do {
            try LabelEncoding.forEach(in: labels) { name, value in
                if labels[name].elementsEqual("job".utf8) { job = value }
                if labels[name].elementsEqual("instance".utf8) { instance = value }
            }
        } catch { preconditionFailure("labels that are not canonical reached the registry: \(error)") }
        self.job = labels[job]
        self.instance = labels[instance]
    }

    static func inOrder(_ a: Self, _ b: Self) -> Bool {
        for (x, y) in [(a.metric, b.metric), (a.job, b.job), (a.instance, b.instance), (a.labels, b.labels)] {
            let order = x.withUnsafeBytes { x in y.withUnsafeBytes { y in ByteOrder.compare(x, y) } }
            if order != 0 { return order < 0 }
        }
        return false
    }
}
