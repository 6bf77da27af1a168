import Compression
public import MetricModel

/// What became of a remote-write body.
public struct RemoteWriteOutcome: Sendable, Equatable {
    public var samples = AppendOutcome()
    /// Not kept yet; counted so that nobody is told they were.
    public var histogramsSkipped = 0
    public var exemplarsSkipped = 0
    public var metadata = 0

    /// What to tell the sender: counts and the first offender; nil when nothing was refused.
    public var refusalText: String? {
        guard samples.samplesRefused > 0 else { return nil }
        let reasons = samples.refused.sorted { $0.key.rawValue < $1.key.rawValue }
        let counts = reasons.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
        let first = samples.firstOffender.map { ". The first: \($0)" } ?? ""
        return "\(samples.samplesRefused) samples were refused (\(counts)), "
            + "\(samples.samplesStored) were stored\(first)"
    }
}

/// Remote write 1.0: a snappy block of a protobuf `WriteRequest`.
public enum RemoteWrite {
    /// Stores a body. Good samples are stored, single bad ones counted; a malformed body stores nothing.
    /// - Returns: when everything is durable and visible.
    /// - Throws: `RemoteWriteError`: malformed. `AppendError`: nothing was acknowledged, a repeat is harmless.
    public static func store(
        _ body: [UInt8], in resolver: any SeriesResolver, limits: IngestLimits
    ) async throws -> RemoteWriteOutcome {
        let decoded = try decode(body, resolver, limits)
        var outcome = RemoteWriteOutcome()
        outcome.samples = decoded.outcome
        outcome.histogramsSkipped = decoded.histograms
        outcome.exemplarsSkipped = decoded.exemplars
        outcome.metadata = decoded.metadata.count
        if decoded.columns.count > 0 { outcome.samples.add(try await resolver.append(decoded.columns)) }
        let families = decoded.metadata.filter { !$0.family.isEmpty }
        if !families.isEmpty { try await resolver.append(families) }
        return outcome
    }

    private struct Decoded: Sendable {
        var columns: SampleColumns
        var outcome: AppendOutcome
        var metadata: [MetricMetadata]
        var histograms: Int
        var exemplars: Int
    }

    private static func decode(
        _ body: [UInt8], _ resolver: any SeriesResolver, _ limits: IngestLimits
    ) throws(RemoteWriteError) -> Decoded {
        let raw: [UInt8]
        do throws(CompressionError) {
            raw = try Snappy.decompress(body, limit: limits.decodedBytes)
        } catch { throw RemoteWriteError(offset: nil, "\(error)") }
        return try raw.withUnsafeBufferPointer { bytes throws(RemoteWriteError) in
            var walk = RemoteWriteWalk(UnsafeRawBufferPointer(bytes), resolver: resolver)
            try walk.run()
            return Decoded(
                columns: walk.columns, outcome: walk.outcome, metadata: walk.metadata, histograms: walk.histograms,
                exemplars: walk.exemplars)
        }
    }
}
