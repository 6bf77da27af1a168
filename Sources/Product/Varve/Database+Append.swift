public import Ingest
import MetricEngine
public import MetricModel
import Platform

/// A sample as an application writes it.
public struct Sample: Sendable {
    public var labels: Labels
    /// Milliseconds since the Unix epoch.
    public var timestamp: Int64
    public var value: Double

    public init(labels: Labels, timestamp: Int64, value: Double) {
        self.labels = labels
        self.timestamp = timestamp
        self.value = value
    }

    /// - Parameters:
    ///   - metric: the metric's name.
    ///   - labels: the other labels; empty values are no labels.
    ///   - timestamp: milliseconds since the Unix epoch.
    public init(_ metric: String, _ labels: [String: String] = [:], _ value: Double, at timestamp: Int64) {
        let pairs = labels.map { ($0.key, $0.value) } + [(Labels.metricNameLabel, metric)]
        self.init(labels: Labels(pairs), timestamp: timestamp, value: value)
    }
}

extension Int64 {
    /// This moment, in milliseconds since the Unix epoch.
    public static func now() -> Int64 { LiveTimeSource().now() }
}

extension Database {
    /// Stores the samples; those of one call survive a crash together or not at all. The same series and timestamp again
    /// replaces the value.
    /// - Returns: how many were stored, and which were refused for what limit; the rest is stored all the same.
    /// - Throws: `VarveError`: `.refused` (a series without a name), `.retryLater`.
    @discardableResult
    public func append(_ samples: [Sample]) async throws -> AppendOutcome {
        var columns = SampleColumns()
        var known: [Labels: UInt32] = [:]
        for sample in samples {
            let series: UInt32
            if let seen = known[sample.labels] {
                series = seen
            } else {
                guard let metric = sample.labels.metricName else {
                    throw VarveError(.refused, "a sample has no metric name (\(Labels.metricNameLabel))")
                }
                let labels = LabelEncoding.encode(sample.labels)
                series = columns.newSeries.append(metric: Array(metric.utf8)[...], labels: labels[...], spelling: nil)
                known[sample.labels] = series
            }
            columns.append(series, sample.timestamp, sample.value)
        }
        do throws(AppendError) { return try await store.append(columns) } catch {
            throw VarveError(error.kind == .refused ? .refused : .retryLater, error.text)
        }
    }

    /// Stores a remote-write 1.0 body: a snappy block of a `WriteRequest`.
    /// - Throws: `IngestError`: `.refused`: the body is wrong and nothing of it was stored; `.retryLater`: nothing
    ///   was acknowledged, a repeat is harmless.
    public func storeRemoteWrite(_ body: [UInt8]) async throws(IngestError) -> RemoteWriteOutcome {
        try await receiver.receive(snappy: body)
    }

    /// The same for whoever has no task that could wait. What needs no waiting is done on the calling thread, in
    /// proportion to the body; `answer` is called exactly once, at once or on another thread, where it must be short and
    /// must not block.
    public func storeRemoteWrite(
        _ body: [UInt8], _ answer: @escaping @Sendable (Result<RemoteWriteOutcome, IngestError>) -> Void
    ) {
        do throws(IngestError) {
            guard let rest = try receiver.begin(snappy: body, answer) else { return }
            environment.spawn { [receiver] in
                do throws(IngestError) { answer(.success(try await receiver.store(rest))) } catch {
                    answer(.failure(error))
                }
            }
        } catch { answer(.failure(error)) }
    }
}
