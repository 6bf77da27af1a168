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
    /// At rest.
    private let benches = Mutex<[Bench]>([])

    public init(_ resolver: any SeriesResolver, limits: IngestLimits = IngestLimits()) {
        self.resolver = resolver
        self.limits = limits
    }

    /// - Parameter body: snappy's block format, as sent.
    /// - Throws: `.refused`: malformed or too large, nothing is stored; `.retryLater`: nothing is acknowledged.
    public func receive(snappy body: [UInt8]) async throws(IngestError) -> RemoteWriteOutcome {
        try await store(decode(snappy: body))
    }

    /// - Parameter body: unpacked.
    /// - Throws: as `receive(snappy:)`.
    public func receive(_ body: [UInt8]) async throws(IngestError) -> RemoteWriteOutcome {
        var bench = takeBench()
        defer { giveBack(bench) }
        let write = try bench.decoder.decode(body.span.bytes, resolver: resolver)
        return try await store(write)
    }

    /// Goes as far as goes without waiting: a body whose series are all known needs nobody's task.
    /// - Parameters:
    ///   - body: snappy's block format, as sent.
    ///   - answer: called exactly once when nil is returned, now or on another thread, where it must be short.
    /// - Returns: nil, or what `store` has still to do.
    /// - Throws: `.refused`: malformed or too large, nothing is stored.
    public func begin(
        snappy body: [UInt8], _ answer: @escaping @Sendable (Result<RemoteWriteOutcome, IngestError>) -> Void
    ) throws(IngestError) -> DecodedWrite? {
        var write = try decode(snappy: body)
        guard write.metadata.isEmpty, write.columns.count > 0 else { return write }
        let columns = write.columns
        write.columns = SampleColumns()
        let isTaken = resolver.appendAtOnce(columns) { [write] result in
            switch result {
            case .success(let appended): answer(.success(Self.outcome(of: write, appended)))
            case .failure(let error): answer(.failure(IngestError(error)))
            }
        }
        if isTaken { return nil }
        write.columns = columns
        return write
    }

    /// Stores what was decoded. Returns when it is durable and visible.
    /// - Throws: as `receive(snappy:)`.
    public func store(_ write: DecodedWrite) async throws(IngestError) -> RemoteWriteOutcome {
        var appended = AppendOutcome()
        do throws(AppendError) {
            if !write.metadata.isEmpty { try await resolver.append(write.metadata) }
            if write.columns.count > 0 { appended = try await resolver.append(write.columns) }
        } catch { throw IngestError(error) }
        return Self.outcome(of: write, appended)
    }

    /// What became of a decoded body, as senders are told.
    public static func outcome(of write: DecodedWrite, _ appended: AppendOutcome) -> RemoteWriteOutcome {
        var all = write.refused
        all.add(appended)
        var outcome = RemoteWriteOutcome()
        outcome.samplesWritten = all.samplesStored
        outcome.samplesRefused = all.refused
        outcome.firstOffender = all.firstOffender
        outcome.histogramsSkipped = write.histogramsSkipped
        outcome.exemplarsSkipped = write.exemplarsSkipped
        outcome.metadataReceived = write.metadata.count
        return outcome
    }

    // MARK: Unpacking and decoding

    /// What one worker needs for one body at a time.
    private struct Bench: Sendable {
        var decoder: RemoteWriteDecoder
        /// Fresh memory costs more than what is done in it.
        var unpacked: [UInt8] = []
    }

    /// Unpacks and decodes; stores nothing.
    /// - Throws: `.refused`: malformed or too large.
    public func decode(snappy body: [UInt8]) throws(IngestError) -> DecodedWrite {
        guard body.count <= limits.bodyBytes else {
            throw IngestError(.refused, "the body has \(body.count) bytes; the limit is \(limits.bodyBytes)")
        }
        var bench = takeBench()
        defer { giveBack(bench) }
        let length: Int
        do throws(CompressionError) {
            length = try Snappy.decompress(body, into: &bench.unpacked, limit: limits.decodedBytes)
        } catch { throw IngestError(.refused, "the body cannot be unpacked: \(error)") }
        let unpacked = bench.unpacked
        return try bench.decoder.decode(unpacked.span.bytes.extracting(0..<length), resolver: resolver)
    }

    private func takeBench() -> Bench {
        benches.withLock { $0.popLast() } ?? Bench(decoder: RemoteWriteDecoder(limits: limits))
    }

    /// At most as many rest as there may be workers, and none with the buffer of a giant: a burst's are not kept for ever.
    private func giveBack(_ bench: Bench) {
        guard bench.unpacked.count <= 4 << 20 else { return }
        benches.withLock { if $0.count < 16 { $0.append(bench) } }
    }
}
