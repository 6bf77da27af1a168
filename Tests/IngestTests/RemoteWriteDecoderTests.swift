import MetricModel
import Platform
import Synchronization
import Testing

@testable import Ingest

/// The fast decoder against a slow and obvious one.
@Suite struct RemoteWriteDecoderTests {
    /// Receives a body and says the same as the slow reader of the whole of it.
    private func check(_ body: [UInt8], _ receiver: RemoteWriteReceiver, _ resolver: MemoryResolver, _ place: String)
        async throws
    {
        let before = resolver.received.count
        let expected = try? SlowProtobuf.read(body)
        do {
            let outcome = try await receiver.receive(body)
            let expected = try #require(expected, "\(place): a malformed body was taken")
            #expect(Array(resolver.received.dropFirst(before)) == expected.samples, "\(place)")
            #expect(outcome.samplesWritten == expected.samples.count, "\(place)")
            #expect(outcome.samplesRefused.values.reduce(0, +) == expected.refused, "\(place)")
            #expect(outcome.histogramsSkipped == expected.histograms, "\(place)")
            #expect(outcome.exemplarsSkipped == expected.exemplars, "\(place)")
            #expect(outcome.metadataReceived == expected.families.count, "\(place)")
        } catch let error as IngestError {
            #expect(expected == nil, "\(place): \(error)")
            #expect(resolver.received.count == before, "\(place): a refused body left samples")
        }
    }

    @Test(arguments: UInt64(0)..<30)
    func readsWhatTheSlowReaderReads(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let resolver = MemoryResolver()
        let receiver = RemoteWriteReceiver(resolver)
        for round in 0..<8 {
            var body = BodyWriter()
            for _ in 0..<Int.random(in: 0...20, using: &random) { body.randomSeries(using: &random) }
            if round % 3 == 0 { body.metadata(type: UInt64(round), family: "up", help: "h", unit: "") }
            // Twice: the second time most spellings are known.
            try await check(body.writer.bytes, receiver, resolver, "seed \(seed), round \(round)")
            try await check(body.writer.bytes, receiver, resolver, "seed \(seed), round \(round), again")
        }
    }

    @Test(arguments: UInt64(0)..<30)
    func mutatedBodiesAreReadAlikeOrRefusedWhole(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let resolver = MemoryResolver()
        let receiver = RemoteWriteReceiver(resolver)
        for round in 0..<60 {
            var body = BodyWriter()
            for _ in 0..<Int.random(in: 1...5, using: &random) { body.randomSeries(using: &random) }
            var bytes = body.writer.bytes
            if round % 4 == 0 { try await check(bytes, receiver, resolver, "seed \(seed), round \(round), whole") }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
            case 1:
                let at = Int.random(in: 0...bytes.count, using: &random)
                bytes.insert(contentsOf: (0..<3).map { _ in UInt8.random(in: 0...255, using: &random) }, at: at)
            default:
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            try await check(bytes, receiver, resolver, "seed \(seed), round \(round)")
        }
    }

    @Test func knownSeriesAreRecognisedByTheirTail() async throws {
        let resolver = MemoryResolver()
        let receiver = RemoteWriteReceiver(resolver)
        for round in 0..<3 {
            var body = BodyWriter()
            for i in 0..<100 {
                let value = i % 3 == 0 ? 0 : Double(i) + 0.5
                body.series(
                    [("__name__", "up"), ("instance", "host-\(i)")],
                    [(1_709_380_533_560 + Int64(round) * 15_000, value)])
            }
            _ = try await receiver.receive(body.writer.bytes)
        }
        #expect(resolver.state.withLock { $0.hits } == 200)
        #expect(resolver.state.withLock { $0.series.count } == 100)
        #expect(resolver.received.count == 300)
    }

    @Test func spellingsOfOneSeriesAreOneSeries() async throws {
        let resolver = MemoryResolver()
        let receiver = RemoteWriteReceiver(resolver)
        var body = BodyWriter()
        body.series([("__name__", "up"), ("a", "1"), ("b", "2")], [(1, 1)])
        body.series([("b", "2"), ("__name__", "up"), ("a", "1")], [(2, 2)])
        body.series([("__name__", "up"), ("a", "1"), ("b", "2"), ("c", "")], [(3, 3)])
        let outcome = try await receiver.receive(body.writer.bytes)
        #expect(outcome.samplesWritten == 3 && outcome.problem == nil)
        #expect(resolver.state.withLock { $0.series.count } == 1)
    }

    @Test func badSeriesAreRefusedOneByOneAndNamed() async throws {
        let receiver = RemoteWriteReceiver(MemoryResolver())
        var body = BodyWriter()
        body.series([("__name__", "good")], [(1, 1), (2, 2)])
        body.series([("job", "api")], [(1, 1)])
        body.series([("__name__", "")], [(1, 1)])
        body.series([("__name__", "m"), ("a", "1"), ("a", "2")], [(1, 1)])
        body.series([("__name__", "m"), ("", "2")], [(1, 1)])
        var message = ByteWriter()
        BodyWriter.field(1, BodyWriter.label(Array("__name__".utf8), [0xff, 0xfe]), into: &message)
        BodyWriter.field(2, BodyWriter.sample(1, 1), into: &message)
        BodyWriter.field(1, message.bytes, into: &body.writer)
        let outcome = try await receiver.receive(body.writer.bytes)
        #expect(outcome.samplesWritten == 2)
        #expect(
            outcome.samplesRefused
                == [.noMetricName: 2, .duplicateLabel: 1, .emptyLabelName: 1, .notUTF8: 1])
        #expect(outcome.firstOffender == "{job=\"api\"}: no metric name")
        #expect(outcome.problem?.hasPrefix("5 of 7 samples were refused (") == true)
    }

    @Test func metadataIsTaken() async throws {
        let resolver = MemoryResolver()
        var body = BodyWriter()
        body.metadata(type: 1, family: "requests_total", help: "Requests.", unit: "")
        body.metadata(type: 77, family: "odd", help: "", unit: "bytes")
        let outcome = try await RemoteWriteReceiver(resolver).receive(body.writer.bytes)
        #expect(outcome.metadataReceived == 2)
        #expect(
            resolver.state.withLock { $0.metadata } == [
                MetricMetadata(family: "requests_total", type: "counter", help: "Requests.", unit: ""),
                MetricMetadata(family: "odd", type: "unknown", help: "", unit: "bytes"),
            ])
    }

    @Test func malformedBodiesAreRefusedWithTheirPlace() async throws {
        let bad: [([UInt8], String)] = [
            ([0x0a, 0x05, 0x0a], "byte 1"),  // a length past the end
            ([0x0a], "byte 1"),
            ([0x0b], "byte 0"), ([0x0c], "byte 0"), ([0x0e], "byte 0"), ([0x0f], "byte 0"),  // wire types 3, 4, 6, 7
            ([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], "byte 1"),  // more than 64 bits
            ([0x00, 0x00], "byte 0"),  // field 0
            ([0x08, 0x01], "byte 1"),  // timeseries as a number
            ([0x0a, 0x04, 0x12, 0x02, 0x10, 0x80], "byte"),  // a timestamp that runs out of its sample
        ]
        for (body, place) in bad {
            let error = await #expect(throws: IngestError.self) {
                try await RemoteWriteReceiver(MemoryResolver()).receive(body)
            }
            #expect(error?.text.contains(place) == true, "\(body)")
        }
    }

    @Test func aBodyThatDeclaresGigabytesIsRefusedUnread() async throws {
        let digits = Array(
            "97eab4890a170a085f5f6e616d655f5f120b746573745f6d6574726963121009000000000000f03f10d48fc9b2a333".utf8)
        let body = stride(from: 0, to: digits.count, by: 2).compactMap { i in
            UInt8(String(decoding: digits[i..<i + 2], as: UTF8.self), radix: 16)
        }
        #expect(body.count == 47)
        let error = await #expect(throws: IngestError.self) {
            try await RemoteWriteReceiver(MemoryResolver()).receive(snappy: body)
        }
        #expect(error?.kind == .refused)
    }

    @Test func aRequestHoldsABoundedNumberOfSamples() async throws {
        var limits = IngestLimits()
        limits.samples = 10
        var body = BodyWriter()
        body.series([("__name__", "up")], (0..<11).map { (Int64($0), 1) })
        let bytes = body.writer.bytes
        let receiver = RemoteWriteReceiver(MemoryResolver(), limits: limits)
        let error = await #expect(throws: IngestError.self) { try await receiver.receive(bytes) }
        #expect(error?.text.contains("no more samples") == true)
    }
}
