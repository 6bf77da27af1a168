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
    /// A row of the series table that must be in the log with the samples.
    struct Row: Sendable {
        var series: SeriesInSegment
        /// Index among the new series of the columns, where its labels are; −1: the index has them.
        var source: Int
    }
    var rows: [Row] = []
    /// What becomes known once the batch is staged.
    fileprivate var alive: [SeriesInSegment] = []
    fileprivate var spellings: [(Hash128, UInt32)] = []
}

enum RegistrationAttempt: Sendable {
    case ready(Registration)
    /// Reserve first, then try again: what has got an ordinal keeps it, nothing is registered.
    case lacks(NumbersNeeded)
}

/// Registration of new series.
///
/// Steps, those from the second on under the caller's registration lock:
/// 1. `prepare`: limits of each label set, its parts as numbers, the order;
/// 2. `register`: ordinals, ids in order of (metric, job, instance, rest), so that series scraped together lie
///    together in files;
/// 3. the caller stages samples and series rows in one write;
/// 4. `publish`: alive bits and spellings. Not reached when staging failed: then the series exist without being
///    registered, and their next write logs their rows.
extension SeriesRegistry {
    /// What needs no lock of the caller's.
    func prepare(_ new: NewSeriesColumns) -> NewSeriesInOrder {
        NewSeriesInOrder(new, limits, state.withLock { $0.index.view() })
    }

    func register(_ columns: SampleColumns, _ prepared: NewSeriesInOrder) -> RegistrationAttempt {
        let new = columns.newSeries
        return new.metrics.withRows { metrics in
            new.labels.withRows { labels in
                var fates = [SeriesFate](repeating: .known(SeriesOrdinal.unknown), count: new.count)
                var ordered = state.withLock { state in
                    // Near the limit it must be known exactly who is new.
                    let isFar = state.index.count + new.count <= limits.series
                    if isFar || state.index.count == prepared.indexCount { return prepared }
                    return NewSeriesInOrder(new, limits, state.index.view())
                }
                for (index, refusal) in ordered.refused { fates[index] = .refused(refusal) }
                let pending = newcomers(among: &ordered, &fates)
                if let lack = register(pending, ordered.codes, metrics, labels, &fates) { return .lacks(lack) }
                var registration = Registration()
                state.withLock { collectSamples(columns, fates, $0, &registration) }
                for i in 0..<new.count {
                    if let spelling = new.spellings[i], case .known(let ordinal) = fates[i] {
                        registration.spellings.append((spelling, ordinal))
                    }
                }
                return .ready(registration)
            }
        }
    }

    /// Series under one lock: known ones, on other threads, wait for so many at most.
    private static let slice = 128

    /// Those that are in the index get their fate, the others come back.
    private func newcomers(among ordered: inout NewSeriesInOrder, _ fates: inout [SeriesFate]) -> [PendingSeries] {
        let codes = ordered.codes
        var pending: [PendingSeries] = []
        pending.reserveCapacity(ordered.series.count)
        for start in stride(from: 0, to: ordered.series.count, by: Self.slice) {
            let slice = start..<min(start + Self.slice, ordered.series.count)
            state.withLock { state in
                // First all are placed, so that where they are looked for is on its way to the processor.
                for i in slice { state.index.place(&ordered.series[i].entry, codes) }
                for series in ordered.series[slice] {
                    if let known = state.index.find(series.entry, codes) {
                        fates[series.index] = .known(known)
                    } else if state.index.count + pending.count >= limits.series {
                        fates[series.index] = .refused(.tooManySeries)
                    } else {
                        pending.append(series)
                    }
                }
            }
        }
        return pending
    }

    /// - Returns: the numbers that are missing for those without a fate; nil: all have one.
    private func register(
        _ pending: [PendingSeries], _ codes: LabelSetCodes, _ metrics: ByteRows, _ labels: ByteRows,
        _ fates: inout [SeriesFate]
    ) -> NumbersNeeded? {
        let check = state.withLock { state -> (lack: NumbersNeeded?, isForGood: Bool) in
            let needed = NumbersNeeded(metrics: newMetrics(pending[...], metrics, state), series: pending.count)
            return (state.numbers.has(needed) ? nil : needed, state.numbers.lacksForGood(needed))
        }
        if check.isForGood {
            for series in pending { fates[series.index] = .refused(.tooManySeries) }
            return nil
        }
        if let lack = check.lack { return lack }
        for start in stride(from: 0, to: pending.count, by: Self.slice) {
            let slice = pending[start...].prefix(Self.slice)
            let lack = state.withLock { state -> NumbersNeeded? in
                // Series that a query loads meanwhile may use up numbers. Those before have their ids and are found again.
                guard
                    state.numbers.has(
                        NumbersNeeded(metrics: newMetrics(slice, metrics, state), series: slice.count))
                else {
                    let rest = pending[start...]
                    return NumbersNeeded(metrics: newMetrics(rest, metrics, state), series: rest.count)
                }
                for series in slice {
                    fates[series.index] = .known(
                        state.register(
                            metric: metrics[series.index], labels: labels[series.index], codes, series.entry,
                            names: names))
                }
                return nil
            }
            if let lack { return lack }
        }
        return nil
    }

    /// Metrics without a number among series sorted by metric.
    private func newMetrics(_ pending: ArraySlice<PendingSeries>, _ metrics: ByteRows, _ state: RegistryState) -> Int {
        var count = 0
        for i in pending.indices {
            let metric = metrics[pending[i].index]
            if i > pending.startIndex, ByteOrder.areEqual(metrics[pending[i - 1].index], metric) { continue }
            if !state.hasNumber(metric: metric) { count += 1 }
        }
        return count
    }

    private func collectSamples(
        _ columns: SampleColumns, _ fates: [SeriesFate], _ state: RegistryState, _ registration: inout Registration
    ) {
        registration.ids.reserveCapacity(columns.count)
        registration.timestamps.reserveCapacity(columns.count)
        registration.values.reserveCapacity(columns.count)
        // New series: the segment that was noted last. Most have all their samples in one.
        var noted = [Int64](repeating: .min, count: fates.count)
        var seen: Set<SeriesInSegment> = []
        var place = SegmentPlace(segment(of: columns.timestamps.first ?? 0), segmentLength, state)
        for i in 0..<columns.count {
            var ordinal = columns.series[i]
            let start = segment(of: columns.timestamps[i])
            if start != place.start { place = SegmentPlace(start, segmentLength, state) }
            var isNoted = false
            var source = -1
            if ordinal & SampleColumns.newSeriesFlag != 0 {
                source = Int(ordinal & ~SampleColumns.newSeriesFlag)
                switch fates[source] {
                case .refused(let refusal):
                    registration.outcome.refuse(refusal, samples: 1, offender(refusal, columns.newSeries, source))
                    continue
                case .known(let known): ordinal = known
                }
                isNoted = noted[source] == start
                noted[source] = start
            }
            registration.ids.append(state.ids[Int(ordinal)])
            registration.timestamps.append(columns.timestamps[i])
            registration.values.append(columns.values[i])
            if isNoted || place.alive.contains(ordinal) { continue }
            let pair = SeriesInSegment(segment: start, ordinal: ordinal)
            // A new series may be noted twice; one row more is harmless.
            if source < 0, !seen.insert(pair).inserted { continue }
            registration.alive.append(pair)
            if place.needsRow(ordinal) {
                registration.rows.append(Registration.Row(series: pair, source: source))
            }
        }
        registration.outcome.samplesStored = registration.ids.count
    }

    private func offender(_ refusal: SampleRefusal, _ new: NewSeriesColumns, _ index: Int) -> String {
        let series = SeriesText.describe(metric: new.metrics[index], labels: new.labels[index])
        switch refusal {
        case .tooManyLabels: return "\(series) has more than \(limits.labelsPerSeries) labels (limit-labels-per-series)"
        case .labelNameTooLong:
            return "\(series) has a name longer than \(limits.labelNameBytes) bytes (limit-label-name-bytes)"
        case .labelValueTooLong:
            return "\(series) has a label value longer than \(limits.labelValueBytes) bytes (limit-label-value-bytes)"
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

    /// The rows of the series table that a registration needs.
    func seriesRows(_ registration: Registration, _ new: NewSeriesColumns) -> RecordBatch? {
        let rows = registration.rows
        guard !rows.isEmpty else { return nil }
        let (view, ids) = state.withLock { ($0.index.view(), $0.ids.view) }
        // Mostly all of them are of this body.
        var metrics = BytesColumn(capacity: rows.count, bytes: new.metrics.bytes.count)
        var labels = BytesColumn(capacity: rows.count, bytes: new.labels.bytes.count)
        for row in rows {
            if row.source >= 0 {
                metrics.append(new.metrics[row.source])
                labels.append(new.labels[row.source])
            } else {
                metrics.append(Array(view.metric(of: row.series.ordinal)))
                labels.append(view.canonicalLabels(of: row.series.ordinal))
            }
        }
        return RecordBatch(
            trusted: SeriesTable.schema,
            [
                .int64(rows.map(\.series.segment)), .int64(rows.map { ids[Int($0.series.ordinal)] }), .bytes(metrics),
                .bytes(labels),
            ])
    }

    // MARK: Numbers

    /// What must be reserved, in the manifest, so that `needed` numbers can be handed out; nil: they can.
    func reservation(for needed: NumbersNeeded) -> [(counter: String, upTo: UInt64)]? {
        state.withLock { state in
            let numbers = state.numbers
            guard !numbers.has(needed) else { return nil }
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

/// What becomes of a label set that came without an ordinal.
private enum SeriesFate {
    case known(UInt32)
    case refused(SampleRefusal)
}
