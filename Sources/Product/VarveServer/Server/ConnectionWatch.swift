import NIOCore
import Synchronization

/// Watches one connection: tells running requests when the client has gone, and leaves clients that do not read, or that do
/// not finish the head of a request.
///
/// A client that closes its sending side and waits counts as gone.
final class ConnectionWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = Never

    private struct State {
        var isGone = false
        var nextID = 0
        var callbacks: [Int: @Sendable () -> Void] = [:]
        var stall: Scheduled<Void>?
    }

    private let state = Mutex(State())
    private let writeTimeout: TimeAmount
    private let headerTimeout: TimeAmount
    let parts = HeaderClock.Parts()
    private let tally: ConnectionTally
    private let watches: ConnectionWatches

    init(writeTimeout: Duration, headerTimeout: Duration, tally: ConnectionTally, watches: ConnectionWatches) {
        self.tally = tally
        self.watches = watches
        tally.opened()
        self.writeTimeout = .milliseconds(writeTimeout.milliseconds)
        self.headerTimeout = .milliseconds(headerTimeout.milliseconds)
    }

    deinit { tally.closed() }

    /// Ends the connection of a client that is too slow at what `fault` says.
    func leave(_ channel: any Channel, for fault: ConnectionTally.Fault) {
        tally.left(for: fault)
        channel.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        watches.add(self, of: context.channel)
        let clock = HeaderClock(parts, patience: headerTimeout, tally: tally)
        // Only a pipeline that is closing takes no handler.
        try? context.pipeline.syncOperations.addHandler(clock, position: .first)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        parts.note()
        context.fireChannelRead(data)
    }

    /// Calls `callback` once when the client goes, at once when it has gone already.
    /// - Returns: what `forget` takes; nil when it was called already.
    func whenGone(_ callback: @escaping @Sendable () -> Void) -> Int? {
        let id: Int? = state.withLock { state in
            guard !state.isGone else { return nil }
            state.nextID += 1
            state.callbacks[state.nextID] = callback
            return state.nextID
        }
        if id == nil { callback() }
        return id
    }

    func forget(_ id: Int?) {
        guard let id else { return }
        _ = state.withLock { $0.callbacks.removeValue(forKey: id) }
    }

    private func clientHasGone() {
        let callbacks = state.withLock { state in
            state.isGone = true
            let callbacks = Array(state.callbacks.values)
            state.callbacks = [:]
            return callbacks
        }
        for callback in callbacks { callback() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopWaiting()
        clientHasGone()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { clientHasGone() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stopWaiting()
        if !context.channel.isWritable {
            let channel = context.channel
            let stall = context.eventLoop.scheduleTask(in: writeTimeout) { [self] in
                leave(channel, for: .reading)
            }
            state.withLock { $0.stall = stall }
        }
        context.fireChannelWritabilityChanged()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        watches.remove(context.channel)
        stopWaiting()
    }

    private func stopWaiting() {
        let stall = state.withLock { state in
            let stall = state.stall
            state.stall = nil
            return stall
        }
        stall?.cancel()
    }
}

/// The watch of each open connection, for requests: to ask the pipeline for it would cost two changes of threads each.
final class ConnectionWatches: Sendable {
    private let known = Mutex<[ObjectIdentifier: ConnectionWatch]>([:])

    fileprivate func add(_ watch: ConnectionWatch, of channel: any Channel) {
        known.withLock { $0[ObjectIdentifier(channel)] = watch }
    }

    fileprivate func remove(_ channel: any Channel) {
        known.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// nil: the connection is closed.
    func watch(of channel: any Channel) -> ConnectionWatch? { known.withLock { $0[ObjectIdentifier(channel)] } }
}
