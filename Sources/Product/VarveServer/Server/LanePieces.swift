import Platform

/// The pieces of a long answer, each made on the threads of a lane: the connection's own only send them.
///
/// Used by one answer, one piece after the other.
final class LanePieces {
    private var rest: any AnswerPieces
    private let executor: (any TaskExecutor)?

    /// - Parameter executor: nil: where `next` is called.
    init(_ pieces: any AnswerPieces, _ executor: (any TaskExecutor)?) {
        rest = pieces
        self.executor = executor
    }

    func next() async -> [UInt8]? {
        await withTaskExecutorPreference(executor) {
            RestingPoint.pass()
            return rest.next()
        }
    }

    /// The next piece as `form` makes it.
    func next(_ form: ([UInt8]) throws -> [UInt8]) async throws -> [UInt8]? {
        try await withTaskExecutorPreference(executor) {
            RestingPoint.pass()
            return try rest.next().map(form)
        }
    }
}
