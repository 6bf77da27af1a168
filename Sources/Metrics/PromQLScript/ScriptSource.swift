public import MetricModel
import Synchronization

/// Series in memory, for scripts and tests of queries.
///
/// - Samples of a series ascend in time; a later load of the same instant wins.
/// - Native histograms are known by their instants alone. A select that would have to answer one is remembered:
///   `takeTouchedHistogram()`.
public final class ScriptSource: SeriesSource {
    private struct Samples {
        var timestamps: [Int64] = []
        var values: [Double] = []
        /// 0 for a sample that does not say since when it counts.
        var starts: [Int64] = []
        /// Instants of native histograms, ascending.
        var histograms: [Int64] = []
    }
    private struct State {
        var series: [Labels: Samples] = [:]
        /// The keys in the order of labels.
        var order: [Labels] = []
        var touched: Labels?
    }

    private let state = Mutex(State())

    public init() {}

    public func clear() {
        state.withLock { $0 = State() }
    }

    /// Adds samples to one series.
    /// - Parameter startTimestamps: since when each sample counts, 0 for unknown; empty when none says.
    /// - Precondition: as many timestamps (milliseconds, any order) as values.
    public func append(
        _ labels: Labels, timestamps: [Int64], values: [Double], startTimestamps: [Int64] = [],
        histograms: [Int64] = []
    ) {
        let starts = startTimestamps.isEmpty ? [Int64](repeating: 0, count: timestamps.count) : startTimestamps
        precondition(timestamps.count == values.count && timestamps.count == starts.count)
        state.withLock { state in
            if state.series[labels] == nil {
                let at = state.order.firstIndex { labels < $0 } ?? state.order.count
                state.order.insert(labels, at: at)
            }
            var samples = state.series[labels] ?? Samples()
            if let first = timestamps.first, (samples.timestamps.last ?? .min) < first,
                zip(timestamps, timestamps.dropFirst()).allSatisfy({ $0 < $1 })
            {
                samples.timestamps += timestamps
                samples.values += values
                samples.starts += starts
            } else if !timestamps.isEmpty {
                let held = zip(samples.timestamps, zip(samples.values, samples.starts))
                let added = zip(timestamps, zip(values, starts))
                let merged = Dictionary(Array(held) + Array(added), uniquingKeysWith: { $1 }).sorted { $0.key < $1.key }
                samples.timestamps = merged.map(\.key)
                samples.values = merged.map(\.value.0)
                samples.starts = merged.map(\.value.1)
            }
            if !histograms.isEmpty { samples.histograms = Set(samples.histograms + histograms).sorted() }
            state.series[labels] = samples
        }
    }

    public func select(_ request: SelectRequest) async throws -> [SeriesRun] {
        try state.withLock { state in
            var runs: [SeriesRun] = []
            var count = 0
            for labels in state.order {
                guard let samples = state.series[labels],
                    request.matchers.allSatisfy({ $0.matches(labels[$0.name] ?? "") })
                else { continue }
                if samples.histograms.contains(where: { $0 >= request.start && $0 <= request.end }) {
                    state.touched = state.touched ?? labels
                }
                let first = samples.timestamps.firstIndex { $0 >= request.start } ?? samples.timestamps.count
                let end = samples.timestamps[first...].firstIndex { $0 > request.end } ?? samples.timestamps.count
                guard first < end else { continue }
                count += end - first
                guard count <= request.maximumSamples else {
                    throw SelectError.tooManySamples(limit: request.maximumSamples)
                }
                runs.append(
                    SeriesRun(
                        labels: labels, timestamps: Array(samples.timestamps[first..<end]),
                        values: Array(samples.values[first..<end]),
                        startTimestamps: samples.starts.allSatisfy { $0 == 0 }
                            ? [] : Array(samples.starts[first..<end])))
            }
            return runs
        }
    }

    /// The first series since the last call whose native histograms a select would have had to answer.
    public func takeTouchedHistogram() -> Labels? {
        state.withLock { state in
            defer { state.touched = nil }
            return state.touched
        }
    }

    /// Loads what a script describes.
    public func load(_ command: LoadCommand) throws(ScriptLoadError) {
        var classic: [Labels: Set<Int64>] = [:]
        for series in command.series {
            var timestamps: [Int64] = []
            var values: [Double] = []
            var starts: [Int64] = []
            var histograms: [Int64] = []
            let offsets = series.startOffsets.isEmpty ? command.defaultStartOffsets : series.startOffsets
            for (i, point) in series.points.enumerated() {
                let (timestamp, overflow) = command.interval.multipliedReportingOverflow(by: Int64(i))
                guard !overflow else { throw ScriptLoadError(labels: series.labels) }
                switch point {
                case .omitted: break
                case .value(let value):
                    timestamps.append(timestamp)
                    values.append(value)
                    let offset = offsets.isEmpty ? nil : offsets[i % offsets.count]
                    starts.append(offset.map { timestamp &+ $0 } ?? 0)
                case .histogram: histograms.append(timestamp)
                }
            }
            append(
                series.labels, timestamps: timestamps, values: values, startTimestamps: starts,
                histograms: histograms)
            if command.addsNativeHistograms, let base = Self.histogramBase(series.labels) {
                classic[base, default: []].formUnion(timestamps)
            }
        }
        for (labels, timestamps) in classic {
            append(labels, timestamps: [], values: [], histograms: Array(timestamps))
        }
    }

    /// The native histogram that a series of a classic one belongs to.
    private static func histogramBase(_ labels: Labels) -> Labels? {
        guard let name = labels.metricName else { return nil }
        for suffix in ["_bucket", "_count", "_sum"] where name.hasSuffix(suffix) {
            return labels.setting(Labels.metricNameLabel, to: String(name.dropLast(suffix.count)))
                .setting("le", to: "")
        }
        return nil
    }
}

/// A load whose last point lies past the end of time.
public struct ScriptLoadError: Error, Sendable, CustomStringConvertible {
    public let labels: Labels
    public var description: String { "the points of \(labels.scriptText) reach past the largest timestamp" }
}
