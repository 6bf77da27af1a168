import Compression
import MetricModel
import Platform
import PromQL
import Testing

@testable import VarveServer

@Suite struct CompressionTests {
    @Test(arguments: [0, 1, 1_000, 64 << 10, 3 << 20])
    func piecesBecomeOneStream(size: Int) throws {
        var random = SeededGenerator(seed: UInt64(size))
        // Half of it is text with repetition, half does not compress at all.
        let bytes = (0..<size).map { index in
            index < size / 2 ? UInt8(truncatingIfNeeded: index % 97) : UInt8.random(in: 0...255, using: &random)
        }
        let stream = try GzipStream(.gzip)
        var short: [UInt8] = []
        var at = 0
        while at < size {
            let end = min(size, at + Int.random(in: 1...100_000, using: &random))
            short += try stream.compress(Array(bytes[at..<end]))
            at = end
        }
        short += try stream.finish()
        #expect(try Gzip.decompress(short, limit: size + 1) == bytes)
    }

    @Test(arguments: [
        ("gzip", ContentCoding.gzip), ("GZIP, deflate, br", .gzip), ("deflate, gzip;q=0.5", .gzip), ("*", .gzip),
        ("x-gzip", .gzip), ("deflate", .deflate), ("br, deflate, gzip;q=0", .deflate), ("", nil), ("identity", nil),
        ("gzip;q=0", nil), ("deflate;q=0", nil), ("gzip; q=0, *", nil), ("br", nil), (",;,", nil),
    ])
    func whoTakesWhat(header: String, expected: ContentCoding?) {
        #expect(ContentCoding.taken(by: header) == expected)
    }

    @Test func answersAreCompressedForThoseWhoAsk() async throws {
        let database = FakeDatabase().answering { (text) async throws(QueryError) in
            QueryResult(
                value: .vector(
                    (0..<(Int(text) ?? 0)).map {
                        ResultSample(labels: Labels([("i", "\($0)")]), timestamp: 0, value: Double($0))
                    }))
        }
        let api = PrometheusAPI.test(database)
        try await serving(database) { port in
            for count in [1, 100, 20_000] {
                let plain = await api.get("/api/v1/query?query=\(count)&time=0").wholeBody
                for (accept, isShort) in [("gzip", plain.count >= 1_024), ("identity", false)] {
                    let request =
                        "GET /api/v1/query?query=\(count)&time=0 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: \(accept)\r\n"
                        + "Connection: close\r\n\r\n"
                    let answer = try await blocking {
                        let client = try TestClient(port: port)
                        client.send(request)
                        return client.readToEnd()
                    }
                    let (head, body) = try #require(HTTPText.split(answer))
                    #expect(head.contains("content-encoding: gzip") == isShort, "\(count) \(accept)")
                    #expect(head.contains("vary: accept-encoding") == (plain.count >= 1_024))
                    #expect(isShort ? try Gzip.decompress(body, limit: 10 << 20) == plain : body == plain)
                }
            }
        }
    }
}

/// An answer as it came over the wire.
enum HTTPText {
    /// Head in lower case, and the body with its chunks put together; nil when it is not whole.
    static func split(_ bytes: [UInt8]) -> (head: String, body: [UInt8])? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
        var rest = bytes[end.upperBound...]
        guard head.contains("transfer-encoding: chunked") else { return (head, Array(rest)) }
        var body: [UInt8] = []
        while let line = rest.firstRange(of: Array("\r\n".utf8)) {
            guard let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) else {
                return nil
            }
            if size == 0 { return (head, body) }
            guard rest.endIndex - line.upperBound >= size + 2 else { return nil }
            body += rest[line.upperBound..<line.upperBound + size]
            rest = rest[(line.upperBound + size + 2)...]
        }
        return nil
    }
}
