import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// An answer that says `connection: close` is the last one of its connection: what would follow is dropped.
///
/// Hummingbird answers a request that is cut off with 400, also when it was refused already and its rest was not read.
final class LastAnswer: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Phase { case open, closing, closed }
    private var phase = Phase.open

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch (phase, unwrapOutboundIn(data)) {
        case (.closed, _):
            promise?.succeed()
            return
        case (.open, .head(let head)):
            if head.headerFields[.connection]?.lowercased() == "close", head.status.kind != .informational {
                phase = .closing
            }
        case (.closing, .end): phase = .closed
        default: break
        }
        context.write(data, promise: promise)
    }
}
