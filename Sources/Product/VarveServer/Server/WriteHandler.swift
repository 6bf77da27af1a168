import NIOCore
import Platform

/// Carries remote write past HTTP's machinery: a body goes from the socket's bytes to the database, its answer back, and
/// nothing else is woken. With small bodies all the rest costs more than the work.
///
/// - It sees the bytes before the HTTP parser does and knows where each request ends as long as heads are plain
///   (`PlainHead`); from the first that is not, everything goes on unseen.
/// - Only plain writes are taken: a POST to the write path with a declared length, about which nothing is to be said before
///   the database has seen the body, while nothing else of the connection is being answered. All the rest goes on to
///   Hummingbird and is refused, or answered, there.
/// - Questions that are asked plainly (`QuestionSelection`) go to the API from here too: their answers are made on the
///   threads of a lane and come back as bytes (`AnswerFlow`).
/// - Answers leave in the order of their requests: while one is being made, bytes that follow wait here and no more is
///   read from the connection.
/// - A body's memory is reserved before it is held, and given back with the answer.
///
/// Used on its event loop only.
final class WriteHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Incoming {
        var body: [UInt8] = []
        let declared: Int
        let reservation: MemoryReservation
        let pace: BodyPace
        var watch: RepeatedTask?
    }

    private enum Phase {
        /// At the start of a request.
        case between
        /// So many bytes of a request go on.
        case passing(Int)
        case passingAll
        case receiving(Incoming)
        case answering
    }

    /// Bodies of at most so many bytes are decoded on the event loop: a millisecond as senders make them, some more for one that
    /// is packed as tight as can be; and two threads less to wake.
    private static let decodedHere = 128 << 10

    private let api: PrometheusAPI
    private let bodies: MemoryBudget
    private let life: ConnectionLife
    private let parts: HeaderClock.Parts
    private let selection: WriteSelection
    private let questions: QuestionSelection
    /// For questions that are answered on the event loop; nil where there are no other threads either.
    private let here: LoopExecutor?
    /// While a question is being answered.
    private var flow: AnswerFlow?
    private var phase = Phase.between
    /// What was read and is not shared out: part of a head, or what came while a write was being answered.
    private var pending = ByteBuffer()
    /// Of the second in which the last answer was sent.
    private var date: (second: Int64, text: String) = (-1, "")
    private var holdsRead = false
    private var holdsEndOfInput = false

    /// - Parameters:
    ///   - life: of this connection, further back in the pipeline.
    ///   - parts: what its clock for heads counts.
    ///   - loop: the connection's.
    init(
        api: PrometheusAPI, bodies: MemoryBudget, life: ConnectionLife, parts: HeaderClock.Parts, on loop: any EventLoop
    ) {
        self.api = api
        self.bodies = bodies
        self.life = life
        self.parts = parts
        selection = WriteSelection(api.options)
        questions = QuestionSelection(api.options)
        here = api.lanes.executor(.quick).map { LoopExecutor(loop, elsewhere: $0) }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .passingAll = phase { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeBuffer(&bytes) }
        shareOut(context)
    }

    private func shareOut(_ context: ChannelHandlerContext) {
        // What was read is let go with its last byte.
        defer { if pending.readableBytes == 0 { pending = ByteBuffer() } }
        while pending.readableBytes > 0 {
            switch phase {
            case .between:
                guard begin(context) else { return }
            case .passing(let rest):
                guard let some = pending.readSlice(length: min(rest, pending.readableBytes)) else { return }
                phase = some.readableBytes == rest ? .between : .passing(rest - some.readableBytes)
                context.fireChannelRead(wrapInboundOut(some))
            case .receiving: receive(context)
            case .answering: return
            case .passingAll: return passAll(context)
            }
        }
    }

    /// At the start of a request. - Returns: whether there is more to do with what was read.
    private func begin(_ context: ChannelHandlerContext) -> Bool {
        let reading = pending.withUnsafeReadableBytes { PlainHead.read($0) }
        switch reading {
        case .incomplete: return false
        case .other:
            passAll(context)
            return false
        case .whole(let head):
            let isFree = life.inProgress == 0 && life.isOpen
            if isFree, let (route, request) = takeQuestion(head) {
                pending.moveReaderIndex(forwardBy: head.length)
                parts.note()
                life.requestBegan(context)
                life.requestIsWhole()
                phase = .answering
                ask(route, request, context)
                return true
            }
            let declared = isFree ? take(head) : nil
            if let declared {
                pending.moveReaderIndex(forwardBy: head.length)
                parts.note()
                life.requestBegan(context)
                phase = .receiving(declared)
                return true
            }
            guard let bytes = pending.readSlice(length: head.length) else { return false }
            let before = life.begun
            phase = head.contentLength.map { $0 > 0 ? .passing($0) : .between } ?? .between
            context.fireChannelRead(wrapInboundOut(bytes))
            // A parser that does not take it for a request will not take what follows for one.
            if life.begun == before { phase = .passingAll }
            return true
        }
    }

    private func passAll(_ context: ChannelHandlerContext) {
        phase = .passingAll
        let rest = pending
        pending = ByteBuffer()
        if rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
    }

    /// nil: not for us, or not now.
    private func take(_ head: PlainHead) -> Incoming? {
        let (length, authorization) = pending.withUnsafeReadableBytes { bytes in
            (
                selection.declaredLength(of: head, in: bytes),
                head.authorization.map { String(decoding: bytes[$0], as: UTF8.self) }
            )
        }
        guard let length, api.database.isReady, !api.state.isStopping,
            // A password that must be checked first takes time: the framework's way has it.
            api.state.access.control.quickVerdict(authorization, for: .write) == .allowed,
            let reservation = bodies.reserve(length)
        else { return nil }
        return Incoming(declared: length, reservation: reservation, pace: BodyPace(declared: length))
    }

    /// nil: not for us, or not now.
    private func takeQuestion(_ head: PlainHead) -> (route: Route, request: APIRequest)? {
        let (question, authorization) = pending.withUnsafeReadableBytes { bytes in
            (
                questions.question(of: head, in: bytes),
                head.authorization.map { String(decoding: bytes[$0], as: UTF8.self) }
            )
        }
        guard let question, !api.state.isStopping,
            api.state.access.control.quickVerdict(authorization, for: question.route) == .allowed
        else { return nil }
        return question
    }

    private func ask(_ route: Route, _ request: APIRequest, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let flow = AnswerFlow(
            on: context.eventLoop,
            send: { bytes, promise in
                let (handler, context) = bound.value
                guard context.channel.isActive else {
                    promise?.fail(ChannelError.ioOnClosedChannel)
                    return
                }
                context.writeAndFlush(handler.wrapOutboundOut(bytes), promise: promise)
            },
            end: { bound.value.handler.ended(bound.value.context) })
        self.flow = flow
        var request = request
        let lane = api.lane(of: route, request)
        request.lane = lane
        flow.begin(request, api, on: lane == .here ? here : api.lanes.executor(lane), date: dateText())
    }

    private func ended(_ context: ChannelHandlerContext) {
        flow = nil
        // Nobody is there any more.
        guard context.channel.isActive else { return }
        goOn(context)
    }

    private func receive(_ context: ChannelHandlerContext) {
        guard case .receiving(var incoming) = phase else { return }
        // One owner, or the append would copy what is there.
        phase = .answering
        let wanted = min(incoming.declared - incoming.body.count, pending.readableBytes)
        if incoming.body.isEmpty { incoming.body.reserveCapacity(incoming.declared) }
        pending.readWithUnsafeReadableBytes { bytes in
            incoming.body.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<wanted]))
            return wanted
        }
        parts.note()
        life.requestWentOn(context)
        incoming.pace.note(wanted)
        guard incoming.body.count == incoming.declared else {
            // Most bodies are here in one piece and need no clock.
            if incoming.watch == nil { incoming.watch = incoming.pace.watch(context.channel, api.state.connections) }
            phase = .receiving(incoming)
            return
        }
        incoming.watch?.cancel()
        life.requestIsWhole()
        answer(incoming, context)
    }

    // MARK: Answers

    private func answer(_ incoming: Incoming, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let (api, reservation, loop) = (api, incoming.reservation, context.eventLoop)
        let request = APIRequest(method: "POST", path: selection.usualPath, body: incoming.body)
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
        // Nobody is there any more.
        guard context.channel.isActive else { return }
        context.writeAndFlush(
            wrapOutboundOut(AnswerText.whole(answer, answer.wholeBody, date: dateText())), promise: nil)
        goOn(context)
    }

    /// Behind the last byte of an answer.
    private func goOn(_ context: ChannelHandlerContext) {
        phase = .between
        life.requestWasAnswered(context)
        shareOut(context)
        // Those behind keep what they are given until they are told that this was all for now.
        context.fireChannelReadComplete()
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
            endInput(context, ChannelEvent.inputClosed)
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

    /// A client that has sent everything and closed its side still wants its answer: the framework would hang up.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let closing = event as? ChannelEvent, closing == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        // Who asked and closes its side counts as gone, as everywhere.
        flow?.cancel()
        if case .answering = phase { holdsEndOfInput = true } else { endInput(context, event) }
    }

    private func endInput(_ context: ChannelHandlerContext, _ event: Any) {
        // Half a head: what is said of it, the general parser says.
        if case .between = phase { passAll(context) }
        context.fireUserInboundEventTriggered(event)
    }

    /// What is cut off was never whole: nothing of it is stored.
    func channelInactive(context: ChannelHandlerContext) {
        if case .receiving(let incoming) = phase { incoming.watch?.cancel() }
        flow?.cancel()
        flow = nil
        phase = .passingAll
        pending = ByteBuffer()
        context.fireChannelInactive()
    }
}

/// Which requests `WriteHandler` takes: those that nothing is to be said about before the database has seen the body.
struct WriteSelection {
    let usualPath: String
    private let prefix: String
    private let maximumBody: Int

    init(_ options: ServerOptions) {
        prefix = options.routePrefix
        usualPath = prefix + "/api/v1/write"
        maximumBody = min(options.maximumBody, WriteRoute.maximumBody)
    }

    /// The declared bytes of the body; nil for what the framework's way shall answer.
    /// - Parameter bytes: those that `head` was read from.
    func declaredLength(of head: PlainHead, in bytes: UnsafeRawBufferPointer) -> Int? {
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        guard PlainHead.has(bytes, head.method, "POST"), !head.hasDemands, let length = head.contentLength,
            (1...maximumBody).contains(length)
        else { return nil }
        if let encoding = head.contentEncoding, !PlainHead.has(bytes, encoding, "snappy") { return nil }
        if let type = head.contentType, !PlainHead.has(bytes, type, "application/x-protobuf"),
            WriteRoute.refusal(of: ["content-type": text(type)]) != nil
        {
            return nil
        }
        guard bytes[head.target].elementsEqual(usualPath.utf8) || isWrite(text(head.target)) else { return nil }
        return length
    }

    private func isWrite(_ target: String) -> Bool {
        Route.find(String(target.prefix { $0 != "?" }), prefix: prefix)?.route == .write
    }
}
