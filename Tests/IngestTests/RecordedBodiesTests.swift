import Compression
import MetricModel
import Platform
import Synchronization
import Testing

@testable import Ingest

/// Bodies that a real Prometheus sent.
@Suite struct RecordedBodiesTests {
    /// Beside the repository, where it is there.
    static let folder =
        #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
        + "/../shared/conformance/remote-write"
    static var files: [String] {
        ((try? LiveFileSystem().list(folder)) ?? []).filter { $0.hasSuffix(".data") }.map { folder + "/" + $0 }
    }

    @Test(.enabled(if: !files.isEmpty, "no recorded bodies here"), arguments: files)
    func areReadAsTheSlowReaderReadsThem(path: String) async throws {
        let files = LiveFileSystem()
        let handle = try files.open(path, .read)
        let whole = try handle.read(at: 0, count: Int(try handle.size()))
        // A part in debug builds: some hundred series, at a message's end.
        var bytes: [UInt8] = []
        var reader = ByteReader(whole)
        while bytes.count < 60_000, !reader.isAtEnd {
            let start = reader.offset
            _ = try reader.varint("key")
            _ = try reader.lengthPrefixed("message")
            bytes += whole[start..<reader.offset]
        }
        let expected = try SlowProtobuf.read(bytes)
        #expect(expected.samples.count > 100)
        let resolver = MemoryResolver()
        let receiver = RemoteWriteReceiver(resolver)
        let outcome = try await receiver.receive(snappy: try Snappy.compress(bytes))
        #expect(outcome.samplesWritten == expected.samples.count && outcome.problem == nil)
        #expect(resolver.received == expected.samples)
        _ = try await receiver.receive(snappy: try Snappy.compress(bytes))
        #expect(resolver.received == expected.samples + expected.samples)
        // Every label set was recognised by its tail the second time.
        #expect(resolver.state.withLock { $0.hits } >= expected.samples.count)
    }
}
