import NIOCore
import Platform
import Synchronization

/// The answer to one question on its way from the threads of a lane to the connection's event loop: whole, or piece by piece.
///
/// - The work begins on the quick lane and finds its own from there. When the client goes it is cancelled.
/// - Of pieces that were made and not yet written there are at most some hundred KiB: whoever makes them waits for the client.
/// - `send` and `end` are called on the event loop, in order, `end` once and last.
final class AnswerFlow: Sendable {
    /// Bytes that may wait for the client.
    private static let mostInFlight = 256 << 10

    private struct State {
        var inFlight = 0
        var isOver = false
        var waiter: UnsafeContinuation<Void, Never>?
        var work: Task<Void, Never>?
    }
    private let state = Mutex(State())
    private let loop: any EventLoop
    /// Writes bytes to the client; the promise is kept when they have left, or broken.
    private let send: @Sendable (ByteBuffer, EventLoopPromise<Void>?) -> Void
    private let end: @Sendable () -> Void

    init(
        on loop: any EventLoop, send: @escaping @Sendable (ByteBuffer, EventLoopPromise<Void>?) -> Void,
        end: @escaping @Sendable () -> Void
    ) {
        self.loop = loop
        self.send = send
        self.end = end
    }

    /// - Parameters:
    ///   - lane: where a short question is worked on.
    ///   - date: of the answer.
    func begin(_ request: APIRequest, _ api: PrometheusAPI, on lane: (any TaskExecutor)?, date: String) {
        let work = Task(executorPreference: lane) { [self] in
            let answer = await api.answer(request)
            switch answer.body {
            case .whole(let body):
                let bytes = AnswerText.whole(answer, body, date: date)
                loop.execute { [self] in
                    send(bytes, nil)
                    end()
                }
            case .pieces(let pieces):
                let wide = api.lanes.executor(.wide)
                await withTaskExecutorPreference(wide) {
                    await sendPieces(LanePieces(pieces, wide), answer, date: date)
                }
            }
        }
        state.withLock { state in
            state.work = work
            if state.isOver { work.cancel() }
        }
    }

    /// The client has gone, or waits for nothing any more.
    func cancel() {
        let (work, waiter) = state.withLock { state in
            defer { state.waiter = nil }
            state.isOver = true
            return (state.work, state.waiter)
        }
        work?.cancel()
        waiter?.resume()
    }

    private func sendPieces(_ pieces: LanePieces, _ answer: APIAnswer, date: String) async {
        var bytes = AnswerText.head(answer, date: date, .pieces, capacity: 0)
        while let piece = await pieces.next() {
            guard !Task.isCancelled else { break }
            bytes.writeString(String(piece.count, radix: 16) + "\r\n")
            bytes.writeBytes(piece)
            bytes.writeStaticString("\r\n")
            await hand(on: bytes)
            bytes = ByteBuffer()
        }
        // Nobody is there to be told of an end that is none.
        guard !Task.isCancelled else { return loop.execute { [self] in end() } }
        bytes.writeStaticString("0\r\n\r\n")
        let last = bytes
        loop.execute { [self] in
            send(last, nil)
            end()
        }
    }

    private func hand(on bytes: ByteBuffer) async {
        let count = bytes.readableBytes
        state.withLock { $0.inFlight += count }
        loop.execute { [self] in
            let promise = loop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { [self] _ in left(count) }
            send(bytes, promise)
        }
        await withUnsafeContinuation { continuation in
            let mayGoOn = state.withLock { state in
                if state.isOver || state.inFlight <= Self.mostInFlight { return true }
                state.waiter = continuation
                return false
            }
            if mayGoOn { continuation.resume() }
        }
    }

    private func left(_ count: Int) {
        let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            state.inFlight -= count
            guard state.inFlight <= Self.mostInFlight else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
