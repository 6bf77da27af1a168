import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import VarveServer

/// When a connection ends, by a clock that is moved by hand.
@Suite struct ConnectionLifeTests {
    private static func channel() throws -> (EmbeddedChannel, ConnectionLife) {
        let channel = EmbeddedChannel()
        let life = ConnectionLife(idleTimeout: .seconds(120))
        try channel.pipeline.syncOperations.addHandler(life)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return (channel, life)
    }
    private static let head = HTTPRequestPart.head(.init(method: .get, scheme: "http", authority: "x", path: "/"))

    private static func answer(_ channel: EmbeddedChannel, close: Bool = false) throws {
        try channel.writeOutbound(
            HTTPResponsePart.head(.init(status: .ok, headerFields: close ? [.connection: "close"] : [:])))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }

    private static func statuses(_ channel: EmbeddedChannel) throws -> Int {
        var heads = 0
        while let part = try channel.readOutbound(as: HTTPResponsePart.self) {
            if case .head = part { heads += 1 }
        }
        return heads
    }

    @Test func anIdleConnectionEnds() throws {
        let (channel, _) = try Self.channel()
        channel.embeddedEventLoop.advanceTime(by: .seconds(119))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test func aRequestThatIsNeverWholeDoesNotKeepIt() throws {
        let (channel, _) = try Self.channel()
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        try channel.writeInbound(Self.head)
        channel.embeddedEventLoop.advanceTime(by: .seconds(119))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test func anAnswerMayTakeLong() throws {
        let (channel, _) = try Self.channel()
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(1_000))
        #expect(channel.isActive)
        try Self.answer(channel)
        channel.embeddedEventLoop.advanceTime(by: .seconds(119))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    /// Requests that another handler answers count like all others.
    @Test func requestsThatItIsToldOfKeepIt() throws {
        let (channel, life) = try Self.channel()
        let context = try channel.pipeline.syncOperations.context(handler: life)
        for _ in 0..<10 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(100))
            #expect(channel.isActive)
            life.requestBegan(context)
            life.requestIsWhole()
            life.requestWasAnswered(context)
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(120))
        #expect(!channel.isActive)
    }

    @Test func atShutdownWhatIsAskedIsAnsweredFirst() throws {
        let (idle, _) = try Self.channel()
        idle.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(!idle.isActive)

        let (channel, life) = try Self.channel()
        let context = try channel.pipeline.syncOperations.context(handler: life)
        try channel.writeInbound(Self.head)
        try channel.writeInbound(HTTPRequestPart.end(nil))
        life.requestBegan(context)
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        try Self.answer(channel)
        #expect(channel.isActive)
        life.requestWasAnswered(context)
        #expect(!channel.isActive)
        #expect(try Self.statuses(channel) == 1)
    }

    @Test func nothingFollowsAnAnswerThatSaysClose() throws {
        let (channel, life) = try Self.channel()
        for _ in 0..<2 { try channel.writeInbound(Self.head) }
        #expect(life.isOpen)
        try Self.answer(channel, close: true)
        #expect(!life.isOpen)
        try Self.answer(channel)
        #expect(try Self.statuses(channel) == 1)
        #expect(life.inProgress == 0 && life.begun == 2)
    }
}
