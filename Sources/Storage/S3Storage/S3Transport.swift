import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Platform
import Synchronization

/// Connections to one endpoint, kept and used again.
///
/// - So many exchanges at once as `limit` allows: it halves when the server asks to slow down and grows back by one for
///   each round of successes. Whoever comes then waits in turn.
/// - No exchange without a deadline, no redirect followed. Every `send` ends: a connection that is gone by the time its loop
///   gets to the request has no handler any more that could answer, or watch the clock, so the loop is asked first.
/// - Kept is only what the server keeps, too: after an answer with `Connection: close`, or of HTTP/1.0, it is on its way out.
final class S3Transport: Sendable {
    static let most = 32
    static let connectTimeout = TimeAmount.seconds(5)
    /// Longer idle ones are closed: servers and balancers drop them unasked.
    static let idleTimeout: UInt64 = 20 * 1_000_000_000

    private struct Idle {
        var channel: any Channel
        var since: UInt64
    }
    private struct Waiter {
        var id: UInt64
        var continuation: UnsafeContinuation<Bool, Never>
    }
    private struct State {
        var idle: [Idle] = []
        var running = 0
        var limit = Double(S3Transport.most)
        var waiters: [Waiter] = []
        var nextWaiter: UInt64 = 0
        /// Cancelled before they came to wait.
        var cancelled: Set<UInt64> = []
    }
    private let state = Mutex(State())
    private let host: String
    private let port: Int
    private let tls: NIOSSLContext?
    private let time: any TimeSource

    /// - Throws: when the file of authorities cannot be read.
    init(
        host: String, port: Int, isSecure: Bool, authorities: String?, time: any TimeSource
    ) throws(ObjectStoreProblem) {
        self.host = host
        self.port = port
        self.time = time
        guard isSecure else {
            tls = nil
            return
        }
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.applicationProtocols = ["http/1.1"]
            if let authorities { configuration.trustRoots = .file(authorities) }
            tls = try NIOSSLContext(configuration: configuration)
        } catch {
            throw ObjectStoreProblem(
                "the certificates in \(authorities ?? "the system's store") cannot be used: \(error); name a PEM file "
                    + "with --s3-ca-file or AWS_CA_BUNDLE")
        }
    }

    /// - Throws: `TransportFailure`.
    func send(
        _ request: S3Request, host hostHeader: String, limit: Int, timeout: TimeAmount
    ) async throws(TransportFailure) -> S3Answer {
        guard await enter() else { throw .notSent("it was cancelled") }
        defer { leave() }
        let channel = try await connection()
        var head = HTTPRequestHead(version: .http1_1, method: request.method, uri: request.target)
        head.headers.add(name: "host", value: hostHeader)
        for (name, value) in request.headers { head.headers.add(name: name, value: value) }
        if !request.body.isEmpty || request.method == .PUT || request.method == .POST {
            head.headers.add(name: "content-length", value: "\(request.body.count)")
        }
        let promise = channel.eventLoop.makePromise(of: S3Answer.self)
        let exchange = S3Exchange(
            head: head, body: ByteBuffer(bytes: request.body), limit: limit, timeout: timeout, answer: promise)
        do {
            let answer = try await withTaskCancellationHandler {
                channel.eventLoop.execute { Self.begin(exchange, on: channel) }
                return try await promise.futureResult.get()
            } onCancel: {
                channel.close(promise: nil)
            }
            if answer.keepsConnection { keep(channel) }
            return answer
        } catch {
            channel.close(promise: nil)
            if let failure = error as? TransportFailure { throw Self.sorted(failure) }
            throw .noAnswer("\(error)")
        }
    }

    /// On the channel's loop. A closed channel has lost its handlers: what is written to it then reaches nobody.
    static func begin(_ exchange: S3Exchange, on channel: any Channel) {
        guard channel.isActive, (try? channel.pipeline.syncOperations.handler(type: S3ExchangeHandler.self)) != nil
        else { return exchange.answer.fail(TransportFailure.notSent("the connection was closed")) }
        channel.writeAndFlush(exchange, promise: nil)
    }

    /// A handshake that fails is told as an error of the connection; nothing was sent then.
    private static func sorted(_ failure: TransportFailure) -> TransportFailure {
        guard case .noAnswer(let reason) = failure,
            reason.contains("handshakeFailed") || reason.contains("unableToValidate")
        else { return failure }
        return .untrusted("the certificate was not accepted: \(reason)")
    }

    // MARK: turns

    /// False: the task was cancelled while it waited.
    private func enter() async -> Bool {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let now = state.withLock { state -> Bool? in
                    if state.cancelled.remove(id) != nil { return false }
                    if Double(state.running) < state.limit, state.waiters.isEmpty {
                        state.running += 1
                        return true
                    }
                    state.waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            let waiting = state.withLock { state -> UnsafeContinuation<Bool, Never>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            waiting?.resume(returning: false)
        }
    }

    private func leave() {
        let next = state.withLock { state -> [UnsafeContinuation<Bool, Never>] in
            state.running -= 1
            // Tasks that are gone are not remembered without bound.
            if state.waiters.isEmpty, state.cancelled.count > 1_024 { state.cancelled = [] }
            var next: [UnsafeContinuation<Bool, Never>] = []
            while !state.waiters.isEmpty, Double(state.running) < state.limit {
                state.running += 1
                next.append(state.waiters.removeFirst().continuation)
            }
            return next
        }
        for waiter in next { waiter.resume(returning: true) }
    }

    /// The server asked for less, or answered well.
    func note(throttled: Bool) {
        state.withLock { state in
            state.limit = throttled ? max(1, state.limit / 2) : min(Double(Self.most), state.limit + 1 / state.limit)
        }
    }

    var concurrency: Int { state.withLock { Int($0.limit) } }

    // MARK: connections

    private func connection() async throws(TransportFailure) -> any Channel {
        let now = time.monotonic()
        let (found, stale) = state.withLock { state -> ((any Channel)?, [any Channel]) in
            let stale = state.idle.filter { !$0.channel.isActive || now &- $0.since > Self.idleTimeout }
            state.idle.removeAll { !$0.channel.isActive || now &- $0.since > Self.idleTimeout }
            return (state.idle.popLast()?.channel, stale.map(\.channel))
        }
        for channel in stale { channel.close(promise: nil) }
        if let found { return found }
        do {
            let tls = tls
            let isAddress =
                host.contains(":") || host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
            let name = isAddress ? nil : host
            return try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(Self.connectTimeout)
                .channelOption(ChannelOptions.socketOption(.so_keepalive), value: 1)
                .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { [weak self] channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls {
                            try channel.pipeline.syncOperations.addHandler(
                                NIOSSLClientHandler(context: tls, serverHostname: name))
                        }
                        try channel.pipeline.syncOperations.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
                        let identity = ObjectIdentifier(channel)
                        try channel.pipeline.syncOperations.addHandler(
                            S3ExchangeHandler { [weak self] in self?.forget(identity) })
                    }
                }
                .connect(host: host, port: port).get()
        } catch {
            throw .notSent("nobody answers at \(host):\(port) (\(Self.reason(error)))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        if let failed = error.connectionErrors.first { return "\(failed.error)" }
        return "the name cannot be resolved"
    }

    private func keep(_ channel: any Channel) {
        guard channel.isActive else { return }
        let now = time.monotonic()
        state.withLock { $0.idle.append(Idle(channel: channel, since: now)) }
    }

    private func forget(_ identity: ObjectIdentifier) {
        state.withLock { $0.idle.removeAll { ObjectIdentifier($0.channel) == identity } }
    }
}
