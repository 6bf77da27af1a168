import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// When a connection ends: idle for too long, at shutdown with nothing to answer any more, after an answer that says so.
///
/// - Counts requests that have begun and are not answered: those that pass through it as parts, and those that
///   `WriteHandler` answers itself and tells it of.
/// - A request that is being answered keeps its connection however long that takes; one that is being read does not.
/// - Behind an answer with `connection: close` nothing follows: the framework answers a request that is cut off with 400,
///   also when it was refused already and its rest was not read.
///
/// Used on its event loop only.
final class ConnectionLife: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Answers { case open, last, over }

    private let idleTimeout: TimeAmount
    /// Requests that have begun and are not answered, and all that ever began.
    private(set) var inProgress = 0
    private(set) var begun = 0
    private var isReading = false
    private var isQuiescing = false
    private var answers = Answers.open
    private var lastActive = NIODeadline.uptimeNanoseconds(0)
    private var alarm: Scheduled<Void>?

    init(idleTimeout: Duration) { self.idleTimeout = .milliseconds(idleTimeout.milliseconds) }

    /// Whether an answer may still be sent for a request that begins now.
    var isOpen: Bool { answers == .open }

    // MARK: Requests

    func requestBegan(_ context: ChannelHandlerContext) {
        inProgress += 1
        begun += 1
        isReading = true
        lastActive = context.eventLoop.now
    }

    /// Some of its body is here.
    func requestWentOn(_ context: ChannelHandlerContext) { lastActive = context.eventLoop.now }

    func requestIsWhole() { isReading = false }

    /// Call behind the last byte of the answer.
    func requestWasAnswered(_ context: ChannelHandlerContext) {
        inProgress -= 1
        guard inProgress == 0 else { return }
        lastActive = context.eventLoop.now
        if isQuiescing {
            context.close(promise: nil)
        } else {
            watch(context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: requestBegan(context)
        case .body: requestWentOn(context)
        case .end: requestIsWhole()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch (answers, unwrapOutboundIn(data)) {
        case (.over, let part):
            promise?.succeed()
            if case .end = part { requestWasAnswered(context) }
        case (.open, .head(let head)):
            if head.headerFields[.connection]?.lowercased() == "close", head.status.kind != .informational {
                answers = .last
            }
            context.write(data, promise: promise)
        case (_, .end):
            if answers == .last { answers = .over }
            if isQuiescing && inProgress == 1 {
                context.writeAndFlush(data, promise: promise)
            } else {
                context.write(data, promise: promise)
            }
            requestWasAnswered(context)
        default: context.write(data, promise: promise)
        }
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        isQuiescing = true
        if inProgress == 0 { context.close(promise: nil) }
    }

    private func begin(_ context: ChannelHandlerContext) {
        lastActive = context.eventLoop.now
        watch(context)
    }

    private func stop() {
        alarm?.cancel()
        alarm = nil
    }

    /// One alarm at a time: at its end it looks how far the end has moved.
    private func watch(_ context: ChannelHandlerContext) {
        guard alarm == nil, context.channel.isActive else { return }
        let bound = NIOLoopBound((life: self, context: context), eventLoop: context.eventLoop)
        alarm = context.eventLoop.scheduleTask(deadline: lastActive + idleTimeout) {
            bound.value.life.alarmRang(bound.value.context)
        }
    }

    private func alarmRang(_ context: ChannelHandlerContext) {
        alarm = nil
        // Watched again when it is answered.
        if inProgress > 0 && !isReading { return }
        if lastActive + idleTimeout > context.eventLoop.now {
            watch(context)
        } else {
            context.close(promise: nil)
        }
    }
}
