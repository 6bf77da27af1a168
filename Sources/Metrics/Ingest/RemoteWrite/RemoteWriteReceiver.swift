import Compression
public import MetricModel
import Synchronization

/// What became of a remote-write request.
public struct RemoteWriteOutcome: Sendable, Equatable {
    public var samplesWritten = 0
    /// Samples that were refused, by reason; all others are stored and durable.
    public var samplesRefused: [SampleRefusal: Int] = [:]
    /// The first refusal in words.
    public var firstOffender: String?
    /// Native histograms and exemplars are not stored yet.
    public var histogramsSkipped = 0
    public var exemplarsSkipped = 0
    public var metadataReceived = 0
    public init() {}

    /// What to answer with 400; nil: everything is stored.
    public var problem: String? {
        guard let firstOffender, !samplesRefused.isEmpty else { return nil }
        let total = samplesRefused.values.reduce(0, +)
        let reasons = samplesRefused.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }.map {
            "\($0.value) \($0.key.rawValue)"
        }
        return
            "\(total) of \(total + samplesWritten) samples were refused (\(reasons.joined(separator: ", "))), the others "
            + "are stored. First: \(firstOffender)"
    }
}

/// Takes remote-write 1.0 requests: unpacks, decodes, stores.
///
/// - Returns once everything that was not refused is durable and visible. A repeat of a stored sample is a success.
public final class RemoteWriteReceiver: Sendable {
    private let resolver: any SeriesResolver
    private let limits: IngestLimits
    /// Decoders at rest, with their buffers.
    private let decoders = Mutex<[RemoteWriteDecoder]>([])

    public init(_ resolver: any SeriesResolver, limits: IngestLimits = IngestLimits()) {
        self.resolver = resolver
        self.limits = limits
    }

    /// - Parameter body: snappy's block format, as sent.
    /// - Throws: `.refused`: malformed or too large, nothing is stored; `.retryLater`: nothing is acknowledged.
    public func receive(snappy body: [UInt8]) async throws(IngestError) -> RemoteWriteOutcome {
        guard body.count <= limits.bodyBytes else {
            throw IngestError(.refused, "the body has \(body.count) bytes; the limit is \(limits.bodyBytes)")
        }
        let unpacked: [UInt8]
        do throws(CompressionError) {
            unpacked = try Snappy.decompress(body, limit: limits.decodedBytes)
        } catch { throw IngestError(.refused, "the body cannot be unpacked: \(error)") }
        return try await receive(unpacked)
    }

    /// - Parameter body: unpacked.
    /// - Throws: as `receive(snappy:)`.
    public func receive(_ body: [UInt8]) async throws(IngestError) -> RemoteWriteOutcome {
        var decoder = decoders.withLock { $0.popLast() } ?? RemoteWriteDecoder(limits: limits)
        let write: DecodedWrite
        do throws(IngestError) {
            write = try decoder.decode(body, resolver: resolver)
        } catch {
            giveBack(decoder)
            throw error
        }
        giveBack(decoder)
        var appended = write.refused
        do throws(AppendError) {
            if !write.metadata.isEmpty { try await resolver.append(write.metadata) }
            if write.columns.count > 0 { appended.add(try await resolver.append(write.columns)) }
        } catch { throw IngestError(error) }
        var outcome = RemoteWriteOutcome()
        outcome.samplesWritten = appended.samplesStored
        outcome.samplesRefused = appended.refused
        outcome.firstOffender = appended.firstOffender
        outcome.histogramsSkipped = write.histogramsSkipped
        outcome.exemplarsSkipped = write.exemplarsSkipped
        outcome.metadataReceived = write.metadata.count
        return outcome
    }

    /// At most as many rest as there may be workers: a burst's buffers are not kept for ever.
    private func giveBack(_ decoder: RemoteWriteDecoder) {
        decoders.withLock { if $0.count < 16 { $0.append(decoder) } }
    }
}
