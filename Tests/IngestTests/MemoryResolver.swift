import Columnar
import MetricModel
import Platform
import Synchronization

/// A resolver that is a dictionary: what was registered, and every sample in order of arrival.
final class MemoryResolver: SeriesResolver {
    struct State {
        var ordinalOfSpelling: [Hash128: UInt32] = [:]
        var series: [Labels] = []
        var samples: [(labels: Labels, timestamp: Int64, value: Double)] = []
        var metadata: [MetricMetadata] = []
        var hits = 0
    }
    let state = Mutex(State())
    let spellingHash = KeyedHash128(random: SeededRandomSource(seed: 1))

    func resolve(_ spellings: [Hash128], into ordinals: inout [UInt32]) {
        ordinals = state.withLock { state in
            spellings.map { spelling in
                guard let known = state.ordinalOfSpelling[spelling] else { return SeriesOrdinal.unknown }
                state.hits += 1
                return known
            }
        }
    }

    func append(_ columns: SampleColumns) async throws(AppendError) -> AppendOutcome {
        var new: [UInt32] = []
        for i in 0..<columns.newSeries.count {
            let labels: Labels
            do throws(MalformedBytes) {
                labels = try LabelEncoding.decode(
                    metric: columns.newSeries.metrics[i], labels: columns.newSeries.labels[i])
            } catch { throw AppendError(.refused, "not canonical: \(error)") }
            let spelling = columns.newSeries.spellings[i]
            new.append(
                state.withLock { state in
                    let ordinal = state.series.firstIndex(of: labels) ?? state.series.count
                    if ordinal == state.series.count { state.series.append(labels) }
                    if let spelling { state.ordinalOfSpelling[spelling] = UInt32(ordinal) }
                    return UInt32(ordinal)
                })
        }
        let resolved = new
        state.withLock { state in
            for i in 0..<columns.count {
                let series = columns.series[i]
                let ordinal =
                    series & SampleColumns.newSeriesFlag != 0
                    ? resolved[Int(series & ~SampleColumns.newSeriesFlag)] : series
                state.samples.append((state.series[Int(ordinal)], columns.timestamps[i], columns.values[i]))
            }
        }
        var outcome = AppendOutcome()
        outcome.samplesStored = columns.count
        return outcome
    }

    func append(_ metadata: [MetricMetadata]) async throws(AppendError) {
        state.withLock { $0.metadata += metadata }
    }

    /// Series of `samples`, times and bits of values: what two ways of reading a body must agree on.
    var received: [ReceivedSample] {
        state.withLock { state in
            state.samples.map {
                ReceivedSample(labels: $0.labels, timestamp: $0.timestamp, bits: $0.value.bitPattern)
            }
        }
    }
}

struct ReceivedSample: Hashable {
    let labels: Labels
    let timestamp: Int64
    let bits: UInt64
}
