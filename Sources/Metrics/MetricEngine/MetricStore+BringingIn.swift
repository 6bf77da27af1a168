public import Columnar
import ManifestLog
public import MetricModel
public import Platform
import StorageEngine
import Synchronization

/// Samples of a log that another claim has left behind, under the numbers that its records had (`Region.bringIn`).
///
/// - Series are told by labels, and keep the ids that they had in the log, too. Ids are handed out once, ever; of two ids of
///   one label set with a sample at one time the younger one's counts. So what the log's node flushed under its id, what
///   others had before and what this claim writes under an id of its own stay in order.
/// - Each label set has an id of this registry besides, for what is written next.
extension MetricStore {
    /// In a body of such a log each series has its id as a label of this name.
    public static let idLabel = "__varve_id__"

    /// The record up to which the log of one of these claimants was in objects when it was left behind; nil: it is not one
    /// that was left behind here.
    public func cut(ofLogOf claimants: [UInt64]) -> SequenceNumber? {
        region.takeovers.last { claimants.contains($0.claimant) }?.cut
    }

    /// Returns when the samples are in objects and visible. A repeat changes nothing.
    /// - Parameters:
    ///   - columns: series with `idLabel` among their labels.
    ///   - sequences: of the records that the samples were in. Calls come in their order.
    public func bringIn(
        _ columns: SampleColumns, _ sequences: ClosedRange<SequenceNumber>
    ) async throws(AppendError) -> AppendOutcome {
        var outcome = AppendOutcome()
        let accepted = accept(columns, &outcome)
        let series = try Self.series(of: accepted.newSeries)
        do throws(StorageError) {
            try await register(series.columns)
            let known = try know(series)
            var (ids, times, values): ([Int64], [Int64], [Double]) = ([], [], [])
            var needed: Set<SeriesInSegment> = []
            for i in 0..<accepted.count {
                let index = Int(accepted.series[i] & ~SampleColumns.newSeriesFlag)
                guard accepted.series[i] & SampleColumns.newSeriesFlag != 0, let ordinal = known[index] else {
                    outcome.refuse(
                        .tooManySeries, samples: 1,
                        "a series of the log is beyond limit-series, or its labels are beyond their limits")
                    continue
                }
                ids.append(series.ids[index])
                times.append(accepted.timestamps[i])
                values.append(accepted.values[i])
                needed.insert(SeriesInSegment(segment: registry.segment(of: times[times.count - 1]), ordinal: ordinal))
            }
            if !ids.isEmpty {
                try await logSeries(needed)
                try await region.bringIn([samples(ids, times, values)], sequences)
                outcome.samplesStored += ids.count
            }
        } catch { throw AppendError(error) }
        count(outcome)
        return outcome
    }

    private struct IdentifiedSeries {
        /// Without samples, and without `idLabel`.
        var columns = SampleColumns()
        var ids: [Int64] = []
    }

    private static func series(of new: NewSeriesColumns) throws(AppendError) -> IdentifiedSeries {
        var found = IdentifiedSeries()
        for i in 0..<new.count {
            var labels: Labels?
            do throws(MalformedBytes) {
                labels = try LabelEncoding.decode(metric: new.metrics[i], labels: new.labels[i])
            } catch {
                labels = nil
            }
            guard let labels, let id = labels[idLabel].flatMap({ Int64($0) }), id > 0 else {
                throw AppendError(.refused, "a series of the log has no id in \(idLabel)")
            }
            let rest = Labels(labels.labels.filter { $0.name != idLabel }.map { ($0.name, $0.value) })
            found.columns.newSeries.append(
                metric: new.metrics[i], labels: LabelEncoding.encode(rest)[...], spelling: nil)
            found.ids.append(id)
        }
        return found
    }

    /// Label sets get ordinals and ids of this claim, as far as limits allow.
    private func register(_ columns: SampleColumns) async throws(StorageError) {
        let prepared = registry.prepare(columns.newSeries)
        while case .lacks(let needed) = registration.withLock({ _ in registry.register(columns, prepared) }) {
            try await reserver.reserve(needed)
        }
    }

    /// The ids of the log become ids of their label sets.
    /// - Returns: the ordinal of each series; nil for what limits have kept out.
    private func know(_ series: IdentifiedSeries) throws(StorageError) -> [UInt32?] {
        let new = series.columns.newSeries
        let known = registry.state.withLock { state -> [UInt32?]? in
            var found: [UInt32?] = []
            for (i, id) in series.ids.enumerated() {
                guard let ordinal = state.index.find(metric: new.metrics[i], labels: new.labels[i]) else {
                    found.append(nil)
                    continue
                }
                let number = SeriesID(rawValue: id)
                // Handed out once, and to nobody else.
                guard UInt64(clamping: number.series) < state.numbers.nextSeries,
                    UInt64(clamping: number.metric) < state.numbers.nextMetric,
                    state.ordinal(of: id).map({ $0 == ordinal }) ?? true
                else { return nil }
                found.append(ordinal)
            }
            for (i, ordinal) in found.enumerated() where ordinal != nil {
                new.metrics.withRows { metrics in
                    new.labels.withRows { labels in
                        _ = state.insert(
                            metric: metrics[i], labels: labels[i], id: series.ids[i], names: registry.names)
                    }
                }
            }
            return found
        }
        guard let known else { throw StorageError(.refused, "an id of the log is not one of this database's") }
        return known
    }

    /// The samples make these series alive in their segments. What is written there next, under ids of this claim, would not
    /// log its labels any more: they are logged now.
    private func logSeries(_ needed: Set<SeriesInSegment>) async throws(StorageError) {
        let missing = registry.state.withLock { state in
            needed.filter { state.segments[$0.segment]?.alive.contains($0.ordinal) != true }
        }.sorted { ($0.segment, $0.ordinal) < ($1.segment, $1.ordinal) }
        guard !missing.isEmpty else { return }
        let (view, ids) = registry.state.withLock { ($0.index.view(), $0.ids.view) }
        let rows = SeriesRows.batch(
            missing.map { (segment: $0.segment, id: ids[Int($0.ordinal)], ordinal: $0.ordinal) }, view)
        try await region.write(WriteBatch([TableRows(table: SeriesTable.number, batch: rows)]))
    }
}
