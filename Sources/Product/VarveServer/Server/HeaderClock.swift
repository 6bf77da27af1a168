import NIOCore
import Synchronization

/// Leaves a client that begins a request and does not get on with it: bytes came, and for a while none of them made a part
/// of a request. First in the pipeline; what the decoder makes of the bytes is counted behind it.
final class HeaderClock: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Counts heads, pieces of bodies and ends of requests.
    final class Parts: Sendable {
        private let counted = Atomic<Int>(0)
        func note() { counted.add(1, ordering: .relaxed) }
        var count: Int { counted.load(ordering: .relaxed) }
    }

    private let parts: Parts
    private let patience: TimeAmount
    private let tally: ConnectionTally
    private var alarm: Scheduled<Void>?

    init(_ parts: Parts, patience: TimeAmount, tally: ConnectionTally) {
        self.tally = tally
        self.parts = parts
        self.patience = patience
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let before = parts.count
        let channel = context.channel
        // The decoder and everything behind it run within this call.
        context.fireChannelRead(data)
        if parts.count != before {
            stop()
        } else if alarm == nil {
            alarm = channel.eventLoop.scheduleTask(in: patience) { [tally] in
                tally.left(for: .head)
                channel.close(promise: nil)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    private func stop() {
        alarm?.cancel()
        alarm = nil
    }
}
