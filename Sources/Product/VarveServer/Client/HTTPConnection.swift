import Compression
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What a server may ask for before it answers.
public struct RemoteCredentials: Sendable, Equatable {
    /// Sent as a bearer token.
    public var token: String?
    /// Certificates that a server's must descend from, as a PEM file; nil: the system's.
    public var authorityFile: String?
    public init() {}
}

/// Where a server is: `http://127.0.0.1:9490`, `https://…`, with a path before the API's if need be.
struct ServerURL: Equatable {
    var host: String
    var port: Int
    /// No slash at the end.
    var path: String
    /// As it was given.
    var text: String
    var isSecret = false
    var credentials: RemoteCredentials

    init(_ text: String, _ credentials: RemoteCredentials = .init()) throws(RemoteError) {
        self.credentials = credentials
        var rest = text[...]
        if rest.hasPrefix("https://") {
            isSecret = true
            rest = rest.dropFirst("https://".count)
        } else if rest.hasPrefix("http://") {
            rest = rest.dropFirst("http://".count)
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        var path = rest[slash...]
        while path.hasSuffix("/") { path = path.dropLast() }
        let hasPort = authority.lastIndex(of: ":").map { !authority[$0...].contains("]") } ?? false
        let isSound = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !text.contains { "?#@".contains($0) }
        guard isSound, !authority.isEmpty, !authority.hasPrefix(":"),
            let address = ListenAddress(hasPort ? String(authority) : "\(authority):\(isSecret ? 443 : 80)"),
            address.port > 0
        else {
            throw RemoteError(.usage, "\"\(text)\" is not the address of a server; use http://HOST:PORT, or https://")
        }
        (host, port) = (address.host, address.port)
        self.path = String(path)
        self.text = text
    }
}

/// One request over one connection, for the command line: HTTP/1.1 on NIO, the answer whole in memory.
enum HTTPConnection {
    /// Bytes of an answer, before and after it is unpacked.
    static let maximumAnswer = 1 << 30
    /// From the connection to the answer's end; longer than a server's own bound on queries.
    static let timeout = TimeAmount.minutes(5)

    /// - Parameter form: sent as a form body with POST; nil: GET.
    static func ask(
        _ server: ServerURL, _ path: String, form: String? = nil
    ) async throws(RemoteError) -> (status: Int, body: [UInt8]) {
        try await ask(
            server, path,
            form.map { Content(ByteBuffer(string: $0), [("content-type", "application/x-www-form-urlencoded")]) })
    }

    /// A body of remote write 1.0, compressed.
    static func write(
        _ server: ServerURL, _ path: String, _ body: [UInt8], _ more: [(String, String)] = []
    ) async throws(RemoteError) -> (status: Int, body: [UInt8]) {
        let headers =
            [
                ("content-type", "application/x-protobuf"), ("content-encoding", "snappy"),
                ("x-prometheus-remote-write-version", "0.1.0"),
            ] + more
        return try await ask(server, path, Content(ByteBuffer(bytes: body), headers))
    }

    private struct Content: Sendable {
        var bytes: ByteBuffer
        var headers: [(String, String)]
        init(_ bytes: ByteBuffer, _ headers: [(String, String)]) {
            self.bytes = bytes
            self.headers = headers
        }
    }

    private static func ask(
        _ server: ServerURL, _ path: String, _ content: Content?
    ) async throws(RemoteError) -> (status: Int, body: [UInt8]) {
        do {
            let channel = try await connect(to: server)
            let deadline = channel.channel.eventLoop.scheduleTask(in: timeout) {
                channel.channel.close(promise: nil)
            }
            defer { deadline.cancel() }
            return try await channel.executeThenClose { inbound, outbound in
                try await send(path, content, server, to: outbound)
                return try await receive(inbound, server)
            }
        } catch let error as RemoteError {
            throw error
        } catch is NIOConnectionError {
            throw RemoteError(
                .failed, "nobody answers at \(server.text): is `varve serve` running there? (connection refused)")
        } catch {
            throw RemoteError(.failed, "\(server.text): \(error)")
        }
    }

    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>>

    private static func connect(to server: ServerURL) async throws -> Connection {
        let context = server.isSecret ? try tls(server) : nil
        return try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(10))
            .connect(host: server.host, port: server.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        // An address of digits has no name to be told; its certificate is checked all the same.
                        let isName = server.host.contains { $0.isLetter } && !server.host.contains(":")
                        let handler = try NIOSSLClientHandler(
                            context: context, serverHostname: isName ? server.host : nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(OutboundParts())
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private static func tls(_ server: ServerURL) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let file = server.credentials.authorityFile { configuration.trustRoots = .file(file) }
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw RemoteError(.usage, "\(server.credentials.authorityFile ?? "TLS") cannot be used: \(error)")
        }
    }

    private static func send(
        _ path: String, _ content: Content?, _ server: ServerURL,
        to outbound: NIOAsyncChannelOutboundWriter<HTTPPart<HTTPRequestHead, ByteBuffer>>
    ) async throws {
        var head = HTTPRequestHead(
            version: .http1_1, method: content == nil ? .GET : .POST, uri: server.path + path)
        head.headers.add(name: "host", value: ListenAddress.text(server.host, server.port))
        head.headers.add(name: "user-agent", value: "varve/\(VarveVersion.current)")
        head.headers.add(name: "accept-encoding", value: "gzip")
        head.headers.add(name: "connection", value: "close")
        if let token = server.credentials.token { head.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let content {
            for (name, value) in content.headers { head.headers.add(name: name, value: value) }
            head.headers.add(name: "content-length", value: String(content.bytes.readableBytes))
        }
        try await outbound.write(.head(head))
        if let content { try await outbound.write(.body(content.bytes)) }
        try await outbound.write(.end(nil))
    }

    private static func receive(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, _ server: ServerURL
    ) async throws -> (status: Int, body: [UInt8]) {
        var status = 0
        var body: [UInt8] = []
        var isCompressed = false
        for try await part in inbound {
            switch part {
            case .head(let head):
                status = Int(head.status.code)
                isCompressed = head.headers[canonicalForm: "content-encoding"].contains { $0.lowercased() == "gzip" }
            case .body(let piece):
                guard body.count + piece.readableBytes <= maximumAnswer else {
                    throw RemoteError(
                        .failed, "\(server.text): the answer is over 1 GiB; ask for less time, steps or series")
                }
                body += piece.readableBytesView
            case .end: return (status, isCompressed ? try Gzip.decompress(body, limit: maximumAnswer) : body)
            }
        }
        throw RemoteError(.failed, "\(server.text): the connection ended before the answer did, or it took over 5 min")
    }
}

/// What is written are buffers; the encoder takes them wrapped.
private final class OutboundParts: ChannelOutboundHandler {
    typealias OutboundIn = HTTPPart<HTTPRequestHead, ByteBuffer>
    typealias OutboundOut = HTTPClientRequestPart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: HTTPClientRequestPart =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let buffer): .body(.byteBuffer(buffer))
            case .end(let trailers): .end(trailers)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}
