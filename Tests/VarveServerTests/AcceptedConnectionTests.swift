import NIOCore
import NIOEmbedded
import Testing

@testable import VarveServer

/// Connections that a stopping server has accepted and will not handle.
@Suite struct AcceptedConnectionTests {
    private static func accept(_ channel: NIOAsyncTestingChannel) async throws -> AcceptedConnection {
        try await channel.testingEventLoop.executeInContext {
            AcceptedConnection(try NIOAsyncChannel(wrappingChannelSynchronously: channel))
        }
    }

    /// NIO would end the process here.
    @Test func oneThatIsLetGoOfIsClosed() async throws {
        let channel = NIOAsyncTestingChannel()
        _ = try await Self.accept(channel)
        try await channel.closeFuture.get()
    }

    @Test func oneThatIsTakenIsItsTakersToClose() async throws {
        let channel = NIOAsyncTestingChannel()
        let taken = try await Self.accept(channel).take()
        try await taken.executeThenClose { _, _ in }
        try await channel.closeFuture.get()
    }
}
