import MetricModel
import Synchronization

/// Requests answered, by handler and status: bounded, because both come from short lists of ours.
final class RequestTally: Sendable {
    private struct Key: Hashable {
        var handler: String
        var status: Int
    }
    private struct Tally {
        var count = 0
        var seconds = 0.0
    }

    private let tallies = Mutex<[Key: Tally]>([:])

    func count(handler: String, status: Int, seconds: Double) {
        tallies.withLock { tallies in
            tallies[Key(handler: handler, status: status), default: Tally()].count += 1
            tallies[Key(handler: handler, status: status), default: Tally()].seconds += seconds
        }
    }

    var statistics: [DatabaseStatistic] {
        let tallies = tallies.withLock { $0 }.sorted {
            ($0.key.handler, $0.key.status) < ($1.key.handler, $1.key.status)
        }
        let requests = tallies.map { key, tally in
            DatabaseStatistic(
                name: "varve_http_requests_total", help: "HTTP requests answered, by handler and status.",
                kind: .counter, labels: labels(key.handler, key.status), value: Double(tally.count))
        }
        let seconds = tallies.map { key, tally in
            DatabaseStatistic(
                name: "varve_http_request_seconds_total",
                help: "Seconds from a request's last byte to its answer's first, summed up by handler and status.",
                kind: .counter, labels: labels(key.handler, key.status), value: tally.seconds)
        }
        return requests + seconds
    }

    private func labels(_ handler: String, _ status: Int) -> Labels {
        Labels([("handler", handler), ("code", String(status))])
    }
}
