import MetricModel
import Synchronization

/// Metric numbers and their names, as far as this process has met them: what the samples layout asks when it writes the
/// column `metric`.
///
/// - A number has one name for ever; a name may have several numbers (it went away for months, or was imported).
/// - Every number that a sample in memory or in an open file carries is known here: registration, replay, loading and the
///   reading of files teach it.
public final class MetricNames: Sendable {
    private struct State {
        /// Numbers are dense, so an array; nil: not met.
        var names: [String?] = []
    }
    private let state = Mutex(State())

    public init() {}

    /// - Parameter number: the upper bits of a series id (`SeriesID.metric`).
    public func name(of number: Int64) -> String? {
        state.withLock { state in
            guard let index = Int(exactly: number), state.names.indices.contains(index) else { return nil }
            return state.names[index]
        }
    }

    /// Remembers a name. Numbers outside 0 … 2^24 − 1 are ignored: they are no metric's.
    public func learn(_ number: Int64, _ name: String) {
        guard number >= 0, number <= SeriesID.maximumMetric else { return }
        state.withLock { state in
            let index = Int(number)
            if index >= state.names.count {
                state.names.append(contentsOf: repeatElement(nil, count: index + 1 - state.names.count))
            }
            state.names[index] = name
        }
    }
}
