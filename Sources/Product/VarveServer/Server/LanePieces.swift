import Platform
import Synchronization

/// The pieces of a long answer, each made on the threads of a lane: the connection's own only send them.
///
/// - What the answer is made from may be a hundred megabytes in as many small parts: the lane frees it too, whether the
///   answer was sent to its end or not.
///
/// Used by one answer, one piece after the other.
final class LanePieces: Sendable {
    /// nil: there are no more.
    private let rest: Mutex<(any AnswerPieces)?>
    private let executor: (any TaskExecutor)?

    /// - Parameter executor: nil: where `next` is called.
    init(_ pieces: any AnswerPieces, _ executor: (any TaskExecutor)?) {
        rest = Mutex(pieces)
        self.executor = executor
    }

    func next() async -> [UInt8]? {
        await withTaskExecutorPreference(executor) { made() }
    }

    /// The next piece as `form` makes it.
    func next(_ form: ([UInt8]) throws -> [UInt8]) async throws -> [UInt8]? {
        try await withTaskExecutorPreference(executor) { try made().map(form) }
    }

    private func made() -> [UInt8]? {
        RestingPoint.pass()
        // Taken out, so that the pieces have one owner.
        let taken = rest.withLock { rest in
            defer { rest = nil }
            return rest
        }
        guard var pieces = taken, let piece = pieces.next() else { return nil }
        rest.withLock { $0 = pieces }
        return piece
    }

    /// Hands all pieces to `send`.
    func handOver(_ send: ([UInt8]) async throws -> Void) async throws {
        try await handOver({ $0 }, send)
    }

    /// Hands all pieces to `send`, as `form` makes them; no piece follows one that could not be made or sent.
    func handOver(_ form: ([UInt8]) throws -> [UInt8], _ send: ([UInt8]) async throws -> Void) async throws {
        do {
            while let piece = try await next(form) { try await send(piece) }
        } catch {
            await withTaskExecutorPreference(executor) { rest.withLock { $0 = nil } }
            throw error
        }
    }
}
