import MetricModel
import Platform
import Synchronization

/// Connections, and why some were ended by us.
final class ConnectionTally: Sendable {
    /// What a client did too slowly.
    enum Fault: Int, CaseIterable, Sendable {
        case head, body, reading

        var name: String {
            switch self {
            case .head: "slow_head"
            case .body: "slow_body"
            case .reading: "slow_reader"
            }
        }
    }

    private struct State {
        var open = 0
        var total: UInt64 = 0
        var left = [UInt64](repeating: 0, count: Fault.allCases.count)
        var refused: [AccessControl.Verdict: UInt64] = [:]
    }
    private let state = Mutex(State())

    func opened() {
        state.withLock { state in
            state.open += 1
            state.total += 1
        }
    }
    func closed() { state.withLock { $0.open -= 1 } }
    func left(for fault: Fault) { state.withLock { $0.left[fault.rawValue] += 1 } }
    func refused(_ verdict: AccessControl.Verdict) { state.withLock { $0.refused[verdict, default: 0] += 1 } }

    var statistics: [DatabaseStatistic] {
        let state = state.withLock { $0 }
        var found = [
            DatabaseStatistic(
                name: "varve_http_connections", help: "Connections that are open.", kind: .gauge,
                value: Double(state.open)),
            DatabaseStatistic(
                name: "varve_http_connections_total", help: "Connections taken.", kind: .counter,
                value: Double(state.total)),
        ]
        for fault in Fault.allCases {
            found.append(
                DatabaseStatistic(
                    name: "varve_http_connections_left_total",
                    help: "Connections ended because their client was too slow, by what it was slow at.",
                    kind: .counter,
                    labels: .init([("reason", fault.name)]), value: Double(state.left[fault.rawValue])))
        }
        for (verdict, name) in [(AccessControl.Verdict.unknown, "unknown"), (.forbidden, "forbidden"), (.busy, "busy")]
        {
            found.append(
                DatabaseStatistic(
                    name: "varve_http_access_refused_total", help: "Requests refused for their credentials, by reason.",
                    kind: .counter, labels: .init([("reason", name)]), value: Double(state.refused[verdict] ?? 0)))
        }
        return found
    }
}

/// How often the configuration was read again, and how it went.
final class ReloadTally: Sendable {
    private struct State {
        var succeeded: UInt64 = 0
        var failed: UInt64 = 0
        var isLastGood = true
        /// Of the last success; milliseconds since the epoch.
        var lastTime: Int64
    }
    private let state: Mutex<State>
    private let time: any TimeSource

    init(startTime: Int64, time: any TimeSource) {
        state = Mutex(State(lastTime: startTime))
        self.time = time
    }

    func note(succeeded: Bool) {
        let now = time.now()
        state.withLock { state in
            state.isLastGood = succeeded
            if succeeded {
                state.succeeded += 1
                state.lastTime = now
            } else {
                state.failed += 1
            }
        }
    }

    var isLastGood: Bool { state.withLock { $0.isLastGood } }
    /// Milliseconds since the epoch.
    var lastTime: Int64 { state.withLock { $0.lastTime } }

    var statistics: [DatabaseStatistic] {
        let state = state.withLock { $0 }
        return [
            DatabaseStatistic(
                name: "varve_config_last_reload_successful",
                help: "1 when the configuration was last read without fault.",
                kind: .gauge, value: state.isLastGood ? 1 : 0),
            DatabaseStatistic(
                name: "varve_config_last_reload_success_timestamp_seconds",
                help: "When the configuration was last read without fault.", kind: .gauge,
                value: Double(state.lastTime) / 1_000),
            DatabaseStatistic(
                name: "varve_config_reloads_total", help: "Configuration read again, by outcome.", kind: .counter,
                labels: .init([("outcome", "good")]), value: Double(state.succeeded)),
            DatabaseStatistic(
                name: "varve_config_reloads_total", help: "Configuration read again, by outcome.", kind: .counter,
                labels: .init([("outcome", "bad")]), value: Double(state.failed)),
        ]
    }
}
