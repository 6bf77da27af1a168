import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
public import Platform
import ServiceLifecycle
import UnixSignals

/// Prometheus's HTTP API on a port.
///
/// `run` returns when the server has stopped: at SIGTERM or SIGINT it takes no more connections, answers what it is
/// answering (for at most `shutdownTimeout`), and leaves the database to its caller, who flushes and closes it.
public struct Server: Sendable {
    private let options: ServerOptions
    private let api: PrometheusAPI
    private let state: ServerState
    private let environment: Platform.Environment
    private let logger: Logger

    public init(
        database: any MetricDatabase, options: ServerOptions, access: WebAccess? = nil,
        environment: Platform.Environment = .live, logger: Logger
    ) {
        self.options = options
        self.environment = environment
        self.logger = logger
        state = ServerState(
            startTime: environment.time.now(), access: access ?? WebAccess(openWith: environment.random),
            memoryLimit: options.memoryLimit, bodyMemory: options.bodyMemory, time: environment.time)
        api = PrometheusAPI(
            database: database, options: options, environment: environment, state: state,
            executors: .init(
                wide: options.concurrentQueries, processors: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))),
            logger: logger)
    }

    /// - Parameters:
    ///   - handlesSignals: SIGTERM and SIGINT stop the server gracefully. Without, cancel the task.
    ///   - onListening: called with the port once connections are taken.
    ///   - reload: called at SIGHUP; true when all went well. nil: the signal is not taken.
    /// - Throws: `CannotListen` when the address is not to be had.
    public func run(
        handlesSignals: Bool = true, onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in },
        reload: (@Sendable () async -> Bool)? = nil
    ) async throws {
        let options = options
        let reader = RequestReader(
            limit: options.maximumBody, budget: state.bodies,
            tally: state.connections)
        let connections = DescriptorLimit.connections(
            wanted: options.maximumConnections, descriptors: DescriptorLimit.current)
        // Hummingbird's own remarks on every connection are for its debugging.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: APIResponder(
                api: api, reader: reader),
            server: HTTPServerBuilder { [api] responder in
                APIChannel(responder: responder, api: api, bodies: reader.budget)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(options.host, port: options.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(connections, logger: quiet)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? options.port) },
            logger: quiet)
        var services: [any Service] = [
            application, FreedMemoryReturn(memory: state.memory, environment: environment), StopNotice(state: state),
        ]
        if let reload { services.append(ReloadAtHangup(state: state, reload: reload)) }
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: handlesSignals ? [.sigterm, .sigint] : [], logger: quiet)
        configuration.maximumGracefulShutdownDuration = options.shutdownTimeout
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            throw CannotListen(host: options.host, port: options.port, errno: error.errnoCode)
        }
    }
}

/// Knows first that the server stops: the last service of a group is told first.
private struct StopNotice: Service {
    let state: ServerState
    func run() async throws {
        try? await gracefulShutdown()
        state.stop()
    }
}

/// The address that the server should listen on is not to be had.
public struct CannotListen: Error, CustomStringConvertible {
    public let host: String
    public let port: Int
    public let errno: Int32

    public var description: String {
        let address = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        return switch errno {
        case EADDRINUSE:
            "port \(port) is in use: cannot listen on \(address). Stop the other process "
                + "(`ss -ltnp 'sport = :\(port)'` names it) or choose another port with --listen HOST:PORT"
        case EACCES:
            "not allowed to listen on \(address): ports below 1024 need a privilege; choose another with --listen"
        case EADDRNOTAVAIL: "\(host) is not an address of this machine: cannot listen on \(address)"
        default: "cannot listen on \(address): errno \(errno)"
        }
    }
}
