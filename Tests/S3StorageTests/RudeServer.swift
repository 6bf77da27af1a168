import NIOCore
import NIOPosix
import Synchronization

/// Ends connections in every way that servers and balancers do, after answers that are right.
enum Manners: String, CaseIterable, Sendable {
    /// `Connection: close`, then it closes: werkzeug, and so moto.
    case saysCloseAndCloses
    /// `Connection: close`, and it leaves the closing to the other side.
    case saysCloseAndWaits
    /// Closes at once, and says nothing of it.
    case closes
    /// Closes its sending side alone.
    case closesHalf
    /// Closes a little later: when the connection rests, or is being used again.
    case closesSoon
    /// The same with a reset.
    case resetsSoon
    /// Of HTTP/1.0: the answer is the last one, the end of the connection ends its body.
    case isOld
}

/// An HTTP server of canned answers, on loopback; ends with the test.
final class RudeServer: Sendable {
    let port: Int
    private let channel: any Channel
    private let count = Atomic<Int>(0)
    /// Requests that were read whole.
    var requests: Int { count.load(ordering: .relaxed) }

    init(_ manners: Manners) async throws {
        let counted = Mutex<(@Sendable () -> Void)?>(nil)
        let note: @Sendable () -> Void = { counted.withLock { $0 }?() }
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RudeHandler(manners, note))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        counted.withLock { held in held = { [weak self] in self?.count.add(1, ordering: .relaxed) } }
    }

    func stop() { channel.close(promise: nil) }
}

/// Requests without bodies in, `ok` out, then the connection ends as `manners` says.
private final class RudeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let manners: Manners
    private let note: @Sendable () -> Void
    private var received: [UInt8] = []

    init(_ manners: Manners, _ note: @escaping @Sendable () -> Void) {
        self.manners = manners
        self.note = note
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        while received.count >= 4,
            let end = (3..<received.count).first(where: { received[$0 - 3...$0] == [13, 10, 13, 10] })
        {
            received.removeFirst(end + 1)
            note()
            answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        let text =
            switch manners {
            case .isOld: "HTTP/1.0 200 OK\r\netag: \"a\"\r\n\r\nok"
            case .saysCloseAndCloses, .saysCloseAndWaits:
                "HTTP/1.1 200 OK\r\netag: \"a\"\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
            case .closes, .closesHalf, .closesSoon, .resetsSoon:
                "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 2\r\n\r\nok"
            }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        let channel = context.channel
        switch manners {
        case .saysCloseAndCloses, .closes, .isOld: channel.close(promise: nil)
        case .saysCloseAndWaits: break
        case .closesHalf: channel.close(mode: .output, promise: nil)
        case .closesSoon: context.eventLoop.scheduleTask(in: .microseconds(200)) { channel.close(promise: nil) }
        case .resetsSoon:
            context.eventLoop.scheduleTask(in: .microseconds(200)) {
                // No lingering: what is under way is thrown away, and the other side hears of it by a reset.
                let options = channel as? any SocketOptionProvider
                options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
