import NIOCore
import NIOEmbedded
import NIOHTTP1
import Platform
import Testing

@testable import VarveServer

/// Heads that are taken without the general parser: it would have read the same, byte for byte.
@Suite struct PlainHeadTests {
    private static func read(_ text: String) -> PlainHead.Reading {
        Array(text.utf8).withUnsafeBytes { PlainHead.read($0) }
    }

    @Test(arguments: [
        "POST /w HTTP/1.1\r\nHost: x\r\n", "POST /w HTTP/1.1\r\nHos", "POS", "",
        "GET /x HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n",
    ])
    func whatHasNoEndIsIncomplete(text: String) { #expect(Self.read(text) == .incomplete) }

    @Test(arguments: [
        "POST /w HTTP/1.0\r\nHost: x\r\n\r\n", "POST /w HTTP/1.1\r\n\r\n", "post /w HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /w HTTP/1.1\nHost: x\n\n", "POST  /w HTTP/1.1\r\nHost: x\r\n\r\n", "POST w HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST http://x/w HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT /w HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "POST /w HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /w HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "POST /w HTTP/1.1\r\nHost: x\r\nA: \u{1}\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\nA: \u{e9}\r\n\r\n", "\r\nPOST /w HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n", "POST /w HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "POST /w HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
    ])
    func whatOthersMightReadDifferentlyIsNotPlain(text: String) { #expect(Self.read(text) == .other) }

    @Test func whatIsLongIsNotPlain() {
        let long = "POST /w HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: PlainHead.mostBytes))"
        #expect(Self.read(long) == .other)
        #expect(Self.read(long + "\r\n\r\n") == .other)
        func fields(_ count: Int) -> PlainHead.Reading {
            Self.read("GET /q HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: count - 1) + "\r\n")
        }
        #expect(fields(PlainHead.mostFields) != .other)
        #expect(fields(PlainHead.mostFields + 1) == .other)
    }

    @Test func fieldsAreFoundWhateverTheirCase() throws {
        let text = Array(
            "POST /w?a=b HTTP/1.1\r\nhOST: x\r\nAUTHORIZATION:Bearer  t\r\ncontent-length:  12 \r\nContent-Type: a/b\r\n\r\nbody"
                .utf8)
        guard case .whole(let head) = text.withUnsafeBytes({ PlainHead.read($0) }) else {
            Issue.record("not plain")
            return
        }
        func string(_ range: Range<Int>?) -> String? { range.map { String(decoding: text[$0], as: UTF8.self) } }
        #expect(string(head.method) == "POST" && string(head.target) == "/w?a=b" && head.contentLength == 12)
        #expect(string(head.authorization) == "Bearer  t" && string(head.contentType) == "a/b")
        #expect(head.length == text.count - 4 && !head.hasDemands)
    }

    private static let pieces = [
        "POST", "GET", "HEAD", " ", "  ", "/w", "/api/v1/write?x", "*", " HTTP/1.1", " HTTP/1.0", "\r\n", "\r\n",
        "\r\n", "\n", "\r",
        "Host: x", "host:y", "Content-Length: 3", "Content-Length: 0", "content-length:12", "Content-Length: 3 3",
        "Transfer-Encoding: chunked", "Connection: close", "Connection: Keep-Alive", "Connection: upgrade",
        "Upgrade: h2c", "X_y: z", "X-Y: \t",
        ":", "\0", "é",
        "Expect: 100-continue", "Proxy-Connection: close", "Accept-Encoding: gzip", " folded", "abc",
    ]

    /// A head from pieces in no good order, mostly with a good beginning, then bytes changed here and there.
    private static func anyHead(_ random: inout SeededGenerator) -> [UInt8] {
        var text = Int.random(in: 0..<6, using: &random) > 0 ? "POST /w HTTP/1.1\r\nHost: x\r\n" : ""
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            text += pieces[Int.random(in: 0..<pieces.count, using: &random)]
            if Int.random(in: 0..<4, using: &random) > 0 { text += "\r\n" }
        }
        var bytes = Array((text + "\r\n\r\n").utf8)
        while Int.random(in: 0..<3, using: &random) == 0 {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            if Bool.random(using: &random) {
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            } else {
                bytes.remove(at: at)
            }
            if bytes.isEmpty { return bytes }
        }
        return bytes
    }

    @Test(arguments: UInt64(0)..<40) func theGeneralParserReadsPlainHeadsTheSame(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var plain = 0
        for _ in 0..<500 {
            let bytes = Self.anyHead(&random)
            guard case .whole(let head) = bytes.withUnsafeBytes({ PlainHead.read($0) }) else { continue }
            plain += 1
            let channel = EmbeddedChannel()
            try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
            let body = [UInt8](repeating: UInt8(ascii: "b"), count: head.contentLength ?? 0)
            let next = Array("GET /next HTTP/1.1\r\nHost: n\r\n\r\n".utf8)
            try channel.writeInbound(ByteBuffer(bytes: bytes[..<head.length] + body + next))
            var parts: [HTTPServerRequestPart] = []
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) { parts.append(part) }
            let shown = String(decoding: bytes, as: UTF8.self).debugDescription
            guard case .head(let first) = parts.first, case .end = parts.last else {
                Issue.record("\(shown): \(parts)")
                continue
            }
            #expect(Array(first.uri.utf8) == Array(bytes[head.target]), "\(shown)")
            #expect(Array(first.method.rawValue.utf8) == Array(bytes[head.method]), "\(shown)")
            var read = 0
            var uris: [String] = []
            for part in parts {
                switch part {
                case .head(let head): uris.append(head.uri)
                case .body(let bytes): read += bytes.readableBytes
                case .end: break
                }
            }
            #expect(read == body.count, "\(shown)")
            #expect(uris.dropFirst() == ["/next"], "\(shown)")
            _ = try? channel.finish()
        }
        #expect(plain > 20)
    }
}
