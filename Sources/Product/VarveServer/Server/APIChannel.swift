import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import Platform

/// One connection: Hummingbird's HTTP/1 channel with handlers of ours.
///
///     socket → HeaderClock → TLS → WriteHandler → HTTP decoder → ConnectionWatch → ConnectionLife → Hummingbird
///
/// `WriteHandler` tells the two behind it of the requests that it answers itself, so that idle time-out, slow heads and
/// graceful shutdown see writes as they see everything else.
struct APIChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

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
            try pipeline.addHandler(WriteHandler(api: api, bodies: bodies, life: life, parts: watch.parts))
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
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(
        value asyncChannel: NIOCore.NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, logger: Logging.Logger
    ) async {
        await handleHTTP(asyncChannel: asyncChannel, logger: logger)
    }
}
