import Columnar
import Compression
import MetricModel
import Platform
import Synchronization

@testable import Ingest

extension FuzzBody {
    /// A body of remote write 1.0, unpacked: read twice, the second time with every series known, to the same samples.
    @Sendable public static func remoteWrite(_ bytes: [UInt8]) {
        let resolver = Register()
        var decoder = RemoteWriteDecoder()
        guard let first = try? decoder.decode(bytes, resolver: resolver) else {
            precondition((try? decoder.decode(bytes, resolver: resolver)) == nil)
            return
        }
        resolver.register(first.columns)
        guard let second = try? decoder.decode(bytes, resolver: resolver) else {
            preconditionFailure("read once, and not again")
        }
        precondition(first.columns.timestamps == second.columns.timestamps)
        precondition(first.columns.values.map(\.bitPattern) == second.columns.values.map(\.bitPattern))
        precondition(first.refused.samplesRefused == second.refused.samplesRefused)
        for i in 0..<first.columns.newSeries.count {
            let series = first.columns.newSeries
            precondition((try? LabelEncoding.decode(metric: series.metrics[i], labels: series.labels[i])) != nil)
        }
        _ = try? Snappy.decompress(bytes, limit: 1 << 20)
    }
}

/// Series by their spelling.
private final class Register: SeriesResolver {
    let spellingHash = KeyedHash128(random: SeededRandomSource(seed: 1))
    private let known = Mutex<[Hash128: UInt32]>([:])

    func register(_ columns: SampleColumns) {
        known.withLock { known in
            for i in 0..<columns.newSeries.count {
                guard let spelling = columns.newSeries.spellings[i] else { continue }
                known[spelling] = UInt32(known.count)
            }
        }
    }
    func resolve(_ spellings: [Hash128], into ordinals: inout [UInt32]) {
        known.withLock { known in
            for (i, spelling) in spellings.enumerated() { ordinals[i] = known[spelling] ?? SeriesOrdinal.unknown }
        }
    }
    func append(_ columns: SampleColumns) async throws(AppendError) -> AppendOutcome { AppendOutcome() }
    func append(_ metadata: [MetricMetadata]) async throws(AppendError) {}
}
