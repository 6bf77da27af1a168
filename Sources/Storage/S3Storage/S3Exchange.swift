import NIOCore
import NIOHTTP1
import Platform

/// Why no answer came, by what may have happened at the server.
enum TransportFailure: Error, Equatable {
    /// Nothing reached it: nobody listens, no name, no trust.
    case notSent(String)
    /// The server or somebody between is not who the configuration says; trying again will not help.
    case untrusted(String)
    /// It may have been carried out.
    case noAnswer(String)

    var reason: String {
        switch self {
        case .notSent(let text), .untrusted(let text), .noAnswer(let text): text
        }
    }
}

/// A request on its way down a connection, and who waits for the answer.
struct S3Exchange: Sendable {
    var head: HTTPRequestHead
    var body: ByteBuffer
    /// An answer's body over this many bytes ends the connection.
    var limit: Int
    var timeout: TimeAmount
    var answer: EventLoopPromise<S3Answer>
}

/// One connection: one exchange at a time, its answer gathered whole.
///
/// - Every exchange ends: by its answer, by its deadline, or with the connection.
/// - Bytes that nobody asked for end the connection: an answer never goes to the next exchange.
final class S3ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = S3Exchange
    typealias OutboundOut = HTTPClientRequestPart

    private struct Pending {
        var promise: EventLoopPromise<S3Answer>
        var limit: Int
        var isHead: Bool
        var deadline: Scheduled<Void>
        var received: HTTPResponseHead?
        var body: Bytes = []
    }
    private var pending: Pending?
    private let onEnd: @Sendable () -> Void

    /// - Parameter onEnd: told when the connection can carry nothing more.
    init(onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        guard pending == nil, context.channel.isActive else {
            exchange.answer.fail(TransportFailure.notSent("the connection was closed"))
            promise?.succeed()
            return
        }
        let channel = context.channel
        let answer = exchange.answer
        let seconds = exchange.timeout.nanoseconds / 1_000_000_000
        let deadline = context.eventLoop.scheduleTask(in: exchange.timeout) {
            answer.fail(TransportFailure.noAnswer("no answer within \(seconds) s"))
            channel.close(promise: nil)
        }
        pending = Pending(
            promise: exchange.answer, limit: exchange.limit, isHead: exchange.head.method == .HEAD, deadline: deadline)
        context.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
        if exchange.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(exchange.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard pending != nil else { return context.close(promise: nil) }
        switch unwrapInboundIn(data) {
        case .head(let head): pending?.received = head
        case .body(let piece):
            guard let held = pending?.body.count, let limit = pending?.limit, held + piece.readableBytes <= limit else {
                return end(context, "the answer is longer than what was asked for")
            }
            pending?.body.append(contentsOf: piece.readableBytesView)
        case .end: finish(context)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard let done = pending, let head = done.received else { return end(context, "an answer without a beginning") }
        pending = nil
        done.deadline.cancel()
        if let declared = head.headers.first(name: "content-length"), !done.isHead, declared != "\(done.body.count)",
            head.status != .notModified, head.status != .noContent
        {
            done.promise.fail(
                TransportFailure.noAnswer("the answer has \(done.body.count) bytes and declares \(declared)"))
            return context.close(promise: nil)
        }
        var answer = S3Answer(status: Int(head.status.code), headers: head.headers, body: done.body)
        answer.keepsConnection = head.isKeepAlive
        done.promise.succeed(answer)
        if !head.isKeepAlive { context.close(promise: nil) }
    }

    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        if let pending {
            pending.deadline.cancel()
            pending.promise.fail(TransportFailure.noAnswer(reason))
        }
        pending = nil
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, "the connection ended before the answer did")
        onEnd()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(context, "\(error)") }
}
