import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import Platform
import Synchronization

/// One connection: Hummingbird's HTTP/1 channel with handlers of ours.
///
///     socket → HeaderClock → TLS → WriteHandler → HTTP decoder → ConnectionWatch → ConnectionLife → Hummingbird
///
/// `WriteHandler` tells the two behind it of the requests that it answers itself, so that idle time-out, slow heads and
/// graceful shutdown see writes as they see everything else.
struct APIChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = AcceptedConnection

    let responder: HTTPChannelHandler.Responder
    let api: PrometheusAPI
    /// The memory that all request bodies share.
    let bodies: MemoryBudget

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let tls = api.state.access.tlsContext
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
            let watch = ConnectionWatch(
                writeTimeout: api.options.writeTimeout, headerTimeout: api.options.headerTimeout,
                tally: api.state.connections, watches: api.state.watches)
            let life = ConnectionLife(idleTimeout: api.options.idleTimeout)
            try pipeline.addHandler(
                WriteHandler(api: api, bodies: bodies, life: life, parts: watch.parts, on: channel.eventLoop))
            var limits = NIOHTTPDecoderLimitConfiguration()
            // GET queries may be 64 KiB long; the request line counts as a field.
            limits.maxHeaderFieldSize = 80 << 10
            limits.maxHeaderListSize = 80 << 10
            limits.maxHeaderFieldCount = 100
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: tls != nil))
            try pipeline.addHandler(watch)
            try pipeline.addHandler(life)
            return AcceptedConnection(
                try NIOAsyncChannel(
                    wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
        }
    }

    func handle(value: AcceptedConnection, logger: Logging.Logger) async {
        await handleHTTP(asyncChannel: value.take(), logger: logger)
    }
}

/// A connection that was accepted and waits to be handled.
///
/// - A server that stops lets go of those that it has not begun to handle. NIO ends the process when the writer of a channel
///   is let go of unfinished, so the connection is closed here.
final class AcceptedConnection: ServerChildChannelValue {
    private let asyncChannel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let isTaken = Atomic<Bool>(false)

    init(_ channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>) { asyncChannel = channel }

    var channel: any Channel { asyncChannel.channel }

    /// For who handles it: that closes it.
    func take() -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        isTaken.store(true, ordering: .relaxed)
        return asyncChannel
    }

    deinit {
        guard !isTaken.load(ordering: .relaxed) else { return }
        Task { [asyncChannel] in try? await asyncChannel.executeThenClose { _, _ in } }
    }
}
