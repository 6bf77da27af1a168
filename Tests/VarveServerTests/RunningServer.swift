import Logging
import Platform

@testable import VarveServer

private let threads = BlockingThreads(threads: 16)

/// Runs `test` against a server over `database`, then stops it.
func serving(
    _ database: FakeDatabase, _ options: ServerOptions = .init(),
    _ test: @escaping @Sendable (Int) async throws -> Void
) async throws {
    var options = options
    options.port = 0
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = Server(database: database, options: options, logger: logger)
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let running = Task {
        defer { continuation.finish() }
        try await server.run(handlesSignals: false) { port in continuation.yield(port) }
    }
    var iterator = ports.makeAsyncIterator()
    guard let port = await iterator.next() else {
        try await running.value
        return
    }
    do {
        try await test(port)
    } catch {
        running.cancel()
        throw error
    }
    running.cancel()
    _ = await running.result
}

func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await threads.run(work)
}
