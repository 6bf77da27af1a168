import NIOCore
import NIOHTTP1
import NIOPosix
import ObjectStorage
import Platform
import Testing

@testable import S3Storage

/// However a server ends its connections: every request is answered, or known not to be, within its deadline.
struct ConnectionTests {
    /// A connection that was kept fails one request at most, and each request leaves one at most: the budget of retries
    /// suffices, whatever the timing.
    private static let requests = Int(RetryBudget.most)

    /// The connection was closed after it was chosen, before its loop came to the request. Its handlers are gone then: a
    /// request that is only written has nobody who could fail it, and would wait for ever.
    @Test(.timeLimit(.minutes(1))) func aConnectionThatIsGoneFailsTheRequestAtOnce() async throws {
        let server = try await RudeServer(.saysCloseAndWaits)
        defer { server.stop() }
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(S3ExchangeHandler {})
                }
            }
            .connect(host: "127.0.0.1", port: server.port).get()
        try await channel.close()
        let promise = channel.eventLoop.makePromise(of: S3Answer.self)
        let exchange = S3Exchange(
            head: .init(version: .http1_1, method: .GET, uri: "/"), body: ByteBuffer(), limit: 10, timeout: .seconds(5),
            answer: promise)
        try await channel.eventLoop.submit { S3Transport.begin(exchange, on: channel) }.get()
        await #expect(throws: TransportFailure.notSent("the connection was closed")) {
            try await promise.futureResult.get()
        }
    }

    /// One after another, so that each finds the connection of the one before it in whatever state that is.
    @Test(.timeLimit(.minutes(2)), arguments: Manners.allCases)
    func everyRequestIsAnsweredHoweverConnectionsEnd(_ manners: Manners) async throws {
        let server = try await RudeServer(manners)
        defer { server.stop() }
        let store = try store(of: server)
        for _ in 0..<Self.requests {
            let found = try await store.get(ObjectKey(trusted: "a"))
            #expect(found == TaggedBytes(bytes: Bytes("ok".utf8), tag: ObjectTag("a")))
        }
        #expect(server.requests >= Self.requests)
    }

    @Test(.timeLimit(.minutes(2)), arguments: Manners.allCases)
    func requestsAtOnceAreAnsweredHoweverConnectionsEnd(_ manners: Manners) async throws {
        let server = try await RudeServer(manners)
        defer { server.stop() }
        let store = try store(of: server)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<15 {
                group.addTask {
                    for _ in 0..<Self.requests / 15 { _ = try await store.get(ObjectKey(trusted: "a")) }
                }
            }
            try await group.waitForAll()
        }
    }

    /// What the server will close is not kept: nobody is sent into a connection that is on its way out.
    @Test(.timeLimit(.minutes(1)), arguments: [Manners.saysCloseAndCloses, .saysCloseAndWaits, .isOld])
    func aConnectionThatTheServerGivesUpIsNotUsedAgain(_ manners: Manners) async throws {
        let server = try await RudeServer(manners)
        defer { server.stop() }
        let transport = try S3Transport(
            host: "127.0.0.1", port: server.port, isSecure: false, authorities: nil, time: LiveTimeSource())
        for _ in 0..<200 {
            // No retry is in between: one use of a connection that is over would fail here.
            let answer = try await transport.send(
                S3Request(.get, path: "/a"), host: "localhost", limit: 10, timeout: .seconds(5))
            #expect(answer.body == Bytes("ok".utf8))
        }
        #expect(server.requests == 200)
    }

    private func store(of server: RudeServer) throws -> S3Store {
        let location = try #require(S3Location("s3://bucket"))
        var configuration = S3Configuration(
            location: location, region: "us-east-1", credentials: S3Credentials(accessKey: "a", secretKey: "s"))
        configuration.endpoint = "http://127.0.0.1:\(server.port)"
        configuration.retry.attemptTimeout = .seconds(5)
        configuration.retry.firstPause = .milliseconds(1)
        configuration.retry.longestPause = .milliseconds(20)
        return try S3Store(configuration, environment: .live)
    }
}
