import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Platform

/// Carries remote write past the framework: a body goes from the event loop to the database, its answer back, and nothing
/// else is woken. With small bodies the framework costs more than the work.
///
/// - Only what is plain is taken: a POST to the write path with a declared length, while nothing else of the connection
///   is being answered. All the rest goes on to Hummingbird and is refused, or answered, there.
/// - Answers leave in the order of their requests: while one is being made, parts that follow wait here and no more is
///   read from the connection.
/// - A body's memory is reserved before it is held, and given back with the answer.
///
/// Used on its event loop only.
final class WriteHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private struct Incoming {
        var request: APIRequest
        let declared: Int
        let reservation: MemoryReservation
        let pace: BodyPace
        var watch: RepeatedTask?
    }

    private enum Phase {
        /// Parts go on to the framework.
        case passing
        case receiving(Incoming)
        case answering
    }

    /// Bodies of at most so many bytes are decoded on the event loop: a millisecond as senders make them, some more for one that
    /// is packed as tight as can be; and two threads less to wake.
    private static let decodedHere = 128 << 10

    private let api: PrometheusAPI
    private let bodies: MemoryBudget
    private let interception: WriteInterception
    private var phase = Phase.passing
    /// Of the second in which the last answer was sent.
    private var date: (second: Int64, text: String) = (-1, "")
    /// Requests that went on and have not been answered.
    private var passed = 0
    /// What came while a write was being answered: at most what one read of the socket holds.
    private var held: [HTTPRequestPart] = []
    private var holdsRead = false
    private var holdsEndOfInput = false

    init(api: PrometheusAPI, bodies: MemoryBudget) {
        self.api = api
        self.bodies = bodies
        interception = WriteInterception(api.options)
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if case .answering = phase {
            held.append(part)
        } else {
            take(part, context)
        }
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch (phase, part) {
        case (.passing, .head(let head)):
            if passed == 0, let incoming = begin(head) {
                phase = .receiving(incoming)
                return
            }
            passed += 1
            context.fireChannelRead(wrapInboundOut(part))
        case (.receiving(var incoming), .body(let bytes)):
            // One owner, or the append would copy what is there.
            phase = .passing
            incoming.request.body.append(contentsOf: bytes.readableBytesView)
            incoming.pace.note(bytes.readableBytes)
            // Most bodies are here in one piece and need no clock.
            if incoming.watch == nil, incoming.request.body.count < incoming.declared {
                incoming.watch = incoming.pace.watch(context.channel, api.state.connections)
            }
            phase = .receiving(incoming)
        case (.receiving(let incoming), .end):
            incoming.watch?.cancel()
            phase = .answering
            answer(incoming, context)
        case (.passing, _), (.receiving, .head), (.answering, _):
            context.fireChannelRead(wrapInboundOut(part))
        }
    }

    /// nil: not for us, or not now.
    private func begin(_ head: HTTPRequest) -> Incoming? {
        guard let declared = interception.declaredLength(of: head),
            api.database.isReady, !api.state.isStopping,
            // A password that must be checked first takes time: the framework's way has it.
            api.state.access.control.quickVerdict(head.headerFields[.authorization], for: .write) == .allowed,
            let reservation = bodies.reserve(declared)
        else { return nil }
        var request = APIRequest(method: "POST", target: head.path ?? "")
        request.body.reserveCapacity(declared)
        return Incoming(
            request: request, declared: declared, reservation: reservation, pace: BodyPace(declared: declared))
    }

    // MARK: Answers

    private func answer(_ incoming: Incoming, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let (api, request, reservation, loop) = (api, incoming.request, incoming.reservation, context.eventLoop)
        let send: @Sendable (APIAnswer) -> Void = { answer in
            withExtendedLifetime(reservation) {}
            loop.execute { bound.value.handler.send(answer, bound.value.context) }
        }
        if request.body.count <= Self.decodedHere {
            api.write(request, send)
        } else {
            Task { api.write(request, send) }
        }
    }

    private func send(_ answer: APIAnswer, _ context: ChannelHandlerContext) {
        var head = HTTPResponse(status: .init(code: answer.status), headerFields: APIResponder.fields(answer.headers))
        let body = answer.wholeBody
        head.headerFields.append(HTTPField(name: .date, value: dateText()))
        // 204 must not have a length (RFC 9110, 8.6).
        if answer.status != 204 {
            head.headerFields.append(HTTPField(name: .contentLength, value: String(body.count)))
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty { context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)

        phase = .passing
        let waiting = held
        held = []
        for (i, part) in waiting.enumerated() {
            if case .answering = phase {
                held = Array(waiting[i...])
                return
            }
            take(part, context)
        }
        if case .answering = phase { return }
        resume(context)
    }

    private func dateText() -> String {
        let now = api.environment.time.now()
        if now / 1_000 != date.second { date = (now / 1_000, HTTPDate.text(now)) }
        return date.text
    }

    private func resume(_ context: ChannelHandlerContext) {
        if holdsEndOfInput {
            holdsEndOfInput = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if holdsRead {
            holdsRead = false
            context.read()
        }
    }

    // MARK: The connection

    func read(context: ChannelHandlerContext) {
        if case .answering = phase { holdsRead = true } else { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { passed -= 1 }
        context.write(data, promise: promise)
    }

    /// A client that has sent everything and closed its side still wants its answer: the framework would hang up.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .answering = phase, let event = event as? ChannelEvent, event == .inputClosed {
            holdsEndOfInput = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// What is cut off was never whole: nothing of it is stored.
    func channelInactive(context: ChannelHandlerContext) {
        if case .receiving(let incoming) = phase {
            incoming.watch?.cancel()
            phase = .passing
        }
        held = []
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .receiving(let incoming) = phase {
            incoming.watch?.cancel()
            phase = .passing
        }
        context.fireErrorCaught(error)
    }
}
