import Compression
public import MetricModel
import Synchronization

/// What became of a remote-write body.
public struct RemoteWriteOutcome: Sendable, Equatable {
    /// Samples stored, and refused one by one.
    public var samples = AppendOutcome()
    /// Not kept yet; counted so that nobody is told they were.
    public var histogramsSkipped = 0
    public var exemplarsSkipped = 0
    /// Metric families whose type, help and unit came.
    public var metadata = 0

    public init() {}

    /// What to tell the sender: counts and the first offender; nil when nothing was refused.
    public var refusalText: String? {
        guard samples.samplesRefused > 0 else { return nil }
        let reasons = samples.refused.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        let counts = reasons.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
        let first = samples.firstOffender.map { ". The first: \($0)" } ?? ""
        return "\(samples.samplesRefused) samples were refused (\(counts)), "
            + "\(samples.samplesStored) were stored\(first)"
    }
}

/// Remote write 1.0: a snappy block of a protobuf `WriteRequest`.
public enum RemoteWrite {
    /// Stores one body. Who receives many keeps a `RemoteWriteReceiver`, which keeps its buffers.
    /// - Throws: as `RemoteWriteReceiver.receive`.
    public static func store(
        _ body: [UInt8], in resolver: any SeriesResolver, limits: IngestLimits
    ) async throws -> RemoteWriteOutcome {
        try await RemoteWriteReceiver(resolver, limits: limits).receive(snappy: body)
    }
}

/// Takes remote-write 1.0 requests: unpacks, decodes, stores.
///
/// - Returns once everything that was not refused is durable and visible. A repeat of a stored sample is a success.
/// - A malformed body stores nothing; single bad samples and series are counted and the rest is stored.
public final class RemoteWriteReceiver: Sendable {
    private let resolver: any SeriesResolver
    private let limits: IngestLimits
    /// Decoders at rest, with their buffers: fresh memory costs more than the work.
    private let decoders = Mutex<[RemoteWriteDecoder]>([])

    public init(_ resolver: any SeriesResolver, limits: IngestLimits = IngestLimits()) {
        self.resolver = resolver
        self.limits = limits
    }

    /// - Parameter body: snappy's block format, as sent.
    /// - Throws: `RemoteWriteError`: malformed or too large. `AppendError`: nothing was acknowledged, a repeat is
    ///   harmless.
    public func receive(snappy body: [UInt8]) async throws -> RemoteWriteOutcome {
        guard body.count <= limits.bodyBytes else {
            throw RemoteWriteError(offset: nil, "it has \(body.count) bytes; the limit is \(limits.bodyBytes)")
        }
        let unpacked: [UInt8]
        do throws(CompressionError) {
            unpacked = try Snappy.decompress(body, limit: limits.decodedBytes)
        } catch { throw RemoteWriteError(offset: nil, "\(error)") }
        return try await receive(unpacked)
    }

    /// - Parameter body: unpacked.
    /// - Throws: as `receive(snappy:)`.
    public func receive(_ body: [UInt8]) async throws -> RemoteWriteOutcome {
        let write = try decode(body)
        var outcome = RemoteWriteOutcome()
        outcome.samples = write.refused
        outcome.histogramsSkipped = write.histogramsSkipped
        outcome.exemplarsSkipped = write.exemplarsSkipped
        outcome.metadata = write.metadata.count
        if write.columns.count > 0 { outcome.samples.add(try await resolver.append(write.columns)) }
        if !write.metadata.isEmpty { try await resolver.append(write.metadata) }
        return outcome
    }

    private func decode(_ body: [UInt8]) throws(RemoteWriteError) -> DecodedWrite {
        var decoder = decoders.withLock { $0.popLast() } ?? RemoteWriteDecoder(limits: limits)
        // At most as many rest as there may be workers: a burst's buffers are not kept for ever.
        defer { decoders.withLock { if $0.count < 16 { $0.append(decoder) } } }
        return try decoder.decode(body, resolver: resolver)
    }
}
