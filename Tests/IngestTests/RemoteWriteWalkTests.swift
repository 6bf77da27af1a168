import Columnar
import Compression
import MetricModel
import Platform
import Synchronization
import Testing

@testable import Ingest

/// Keeps what it is given, in a dictionary.
final class MemoryResolver: SeriesResolver {
    struct State {
        var ordinals: [Hash128: UInt32] = [:]
        var series: [(metric: String, labels: [UInt8])] = []
        var samples: [String: [Int64: UInt64]] = [:]
        var resolved = 0
    }
    let spellingHash = KeyedHash128(random: SeededRandomSource(seed: 5))
    let state = Mutex(State())

    func resolve(_ spellings: [Hash128], into ordinals: inout [UInt32]) {
        state.withLock { state in
            for (i, spelling) in spellings.enumerated() {
                guard let known = state.ordinals[spelling] else { continue }
                ordinals[i] = known
                state.resolved += 1
            }
        }
    }

    func append(_ columns: SampleColumns) async throws(AppendError) -> AppendOutcome {
        state.withLock { state in
            var outcome = AppendOutcome()
            var new: [UInt32] = []
            for i in 0..<columns.newSeries.count {
                let metric = String(decoding: columns.newSeries.metrics[i], as: UTF8.self)
                let labels = Array(columns.newSeries.labels[i])
                let known = state.series.firstIndex { $0.metric == metric && $0.labels == labels }
                if known == nil { state.series.append((metric, labels)) }
                let ordinal = UInt32(known ?? state.series.count - 1)
                new.append(ordinal)
                if let spelling = columns.newSeries.spellings[i] { state.ordinals[spelling] = ordinal }
            }
            for i in 0..<columns.count {
                let series = columns.series[i]
                let isNew = series & SampleColumns.newSeriesFlag != 0
                let ordinal = isNew ? new[Int(series & ~SampleColumns.newSeriesFlag)] : series
                let name = state.series[Int(ordinal)]
                state.samples["\(name.metric)\(name.labels)", default: [:]][columns.timestamps[i]] =
                    columns.values[i].bitPattern
                outcome.samplesStored += 1
            }
            return outcome
        }
    }

    func append(_ metadata: [MetricMetadata]) async throws(AppendError) {}
}

/// Remote-write bodies, made by hand.
enum Body {
    static func varint(_ value: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(varint: value)
        return writer.bytes
    }
    static func field(_ number: UInt64, _ payload: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(payload.count)) + payload
    }
    static func label(_ name: String, _ value: String) -> [UInt8] {
        field(1, field(1, Array(name.utf8)) + field(2, Array(value.utf8)))
    }
    static func sample(_ time: Int64, _ value: Double) -> [UInt8] {
        var writer = ByteWriter()
        if value.bitPattern != 0 {
            writer.append(UInt8(0x09))
            writer.append(value)
        }
        writer.append(UInt8(0x10))
        writer.append(varint: UInt64(bitPattern: time))
        return field(2, writer.bytes)
    }
    static func series(_ labels: [(String, String)], _ samples: [(Int64, Double)]) -> [UInt8] {
        field(1, labels.flatMap { label($0.0, $0.1) } + samples.flatMap { sample($0.0, $0.1) })
    }
}

@Suite struct RemoteWriteWalkTests {
    static func store(_ raw: [UInt8], in resolver: MemoryResolver) async throws -> RemoteWriteOutcome {
        try await RemoteWrite.store(Snappy.compress(raw), in: resolver, limits: IngestLimits())
    }

    /// Values of every shape, times of every length, one or several samples: known and unknown series give the same.
    @Test(arguments: UInt64(0)..<30)
    func aKnownSeriesReadsLikeAnUnknownOne(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let resolver = MemoryResolver()
        var model: [String: [Int64: UInt64]] = [:]
        for round in 0..<4 {
            var raw: [UInt8] = []
            for id in 0..<20 {
                let labels = [("__name__", "m\(id % 3)"), ("host", "h\(id)")]
                var samples: [(Int64, Double)] = []
                for _ in 0..<(Int.random(in: 0..<8, using: &random) == 0 ? 3 : 1) {
                    let value = [0, -0.0, 1.5, .infinity, StaleMarker.value, Double(round)].randomElement(using: &random) ?? 0
                    let time = [Int64(round), 1_700_000_000_000 + Int64(round), -5, .max].randomElement(using: &random) ?? 0
                    samples.append((time, value))
                }
                raw += Body.series(labels, samples)
                let key = "m\(id % 3)\(LabelEncoding.encode(Labels([("host", "h\(id)")])))"
                for (time, value) in samples { model[key, default: [:]][time] = value.bitPattern }
            }
            _ = try await Self.store(raw, in: resolver)
        }
        #expect(resolver.state.withLock { $0.samples } == model)
        #expect(resolver.state.withLock { $0.resolved } > 0)
    }

    @Test func orderAndSpellingDoNotMakeASeries() async throws {
        let resolver = MemoryResolver()
        _ = try await Self.store(Body.series([("__name__", "m"), ("a", "1"), ("b", "2")], [(1, 1)]), in: resolver)
        _ = try await Self.store(Body.series([("b", "2"), ("__name__", "m"), ("a", "1"), ("c", "")], [(2, 2)]), in: resolver)
        #expect(resolver.state.withLock { $0.series.count } == 1)
        #expect(resolver.state.withLock { $0.samples.values.first?.count } == 2)
    }

    @Test func badSeriesAreCountedAndTheRestIsStored() async throws {
        let resolver = MemoryResolver()
        let raw =
            Body.series([("__name__", "good")], [(1_700_000_000_000, 1)])
            + Body.series([("job", "nameless")], [(1_700_000_000_000, 2)])
            + Body.series([("__name__", "x"), ("a", "1"), ("a", "2")], [(1_700_000_000_000, 2)])
            + Body.series([("__name__", "x"), ("", "1")], [(1_700_000_000_000, 2)])
        let outcome = try await Self.store(raw, in: resolver)
        #expect(outcome.samples.samplesStored == 1)
        #expect(outcome.samples.refused == [.noMetricName: 1, .duplicateLabel: 1, .emptyLabelName: 1])
        #expect(outcome.refusalText?.contains("nameless") == true)
    }

    @Test func aBodyThatIsNotSnappyIsSaidToBe() async {
        let error = await #expect(throws: RemoteWriteError.self) {
            try await RemoteWrite.store(Array("no snappy".utf8), in: MemoryResolver(), limits: IngestLimits())
        }
        #expect(error?.offset == nil)
    }

    /// 47 bytes that declare 2.7 GB.
    @Test func aDeclaredSizeIsNotBelieved() async {
        let hex = "97eab4890a170a085f5f6e616d655f5f120b746573745f6d6574726963121009000000000000f03f10d48fc9b2a333"
        let body = stride(from: 0, to: hex.utf8.count, by: 2).map { i -> UInt8 in
            let start = hex.index(hex.startIndex, offsetBy: i)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
        await #expect(throws: RemoteWriteError.self) {
            try await RemoteWrite.store(body, in: MemoryResolver(), limits: IngestLimits())
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func cutOrChangedBodiesAreErrorsOrOtherSamplesButNeverTraps(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let raw = (0..<5).flatMap { Body.series([("__name__", "m"), ("i", "\($0)")], [(1_700_000_000_000, Double($0))]) }
        for _ in 0..<200 {
            var changed = raw
            if Bool.random(using: &random) {
                changed.removeLast(Int.random(in: 1..<raw.count, using: &random))
            }
            for _ in 0..<Int.random(in: 0..<4, using: &random) where !changed.isEmpty {
                changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? await Self.store(changed, in: MemoryResolver())
        }
    }
}
