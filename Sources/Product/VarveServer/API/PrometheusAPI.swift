import Logging
import MetricModel
import Platform
import PromQL

/// Prometheus's HTTP API over a database: from a request to an answer, with no server in between.
///
/// 1. The path names the route; an unknown one is 404, a method that it does not take 405.
/// 2. A database that is not ready answers 503 with `X-Prometheus-Stopping`.
/// 3. Whatever a handler throws becomes the error envelope with the status of its kind.
struct PrometheusAPI: Sendable {
    let database: any MetricDatabase
    let options: ServerOptions
    let environment: Environment
    let state: ServerState
    let lanes: QueryLanes
    let answers: AnswerMemory
    let patience: WritePatience
    let origins: OriginPolicy
    let logger: Logger

    init(
        database: any MetricDatabase, options: ServerOptions, environment: Environment = .live, state: ServerState,
        executors: QueryLanes.Executors = .init(), logger: Logger
    ) {
        self.database = database
        self.options = options
        self.environment = environment
        self.state = state
        self.logger = logger
        origins = OriginPolicy(options.allowedOrigins)
        patience = WritePatience(options.writePatience, time: environment.time)
        answers = AnswerMemory(
            limit: options.answerMemory, patience: options.queueTimeout, time: environment.time)
        lanes = QueryLanes(
            slots: options.concurrentQueries, patience: options.queueTimeout, time: environment.time,
            executors: executors)
    }

    func answer(_ request: APIRequest) async -> APIAnswer {
        let started = environment.time.monotonic()
        let found = Route.find(request.path, prefix: options.routePrefix)
        var answer = await answer(request, found)
        if found?.route.isOpenToPages == true { answer.headers += origins.headers(for: request.headers["origin"]) }
        if request.method == "HEAD" { answer.body = .whole([]) }
        note(answer, found?.route, request, since: started)
        return answer
    }

    /// A write about which nothing is to be said before its body is decoded: see `WriteSelection`. Needs no task; `send` is called once, at once or on
    /// another thread, where it must be short.
    func write(_ request: APIRequest, _ send: @escaping @Sendable (APIAnswer) -> Void) {
        let started = environment.time.monotonic()
        patience.answer(
            { answer in
                note(answer, .write, request, since: started)
                send(answer)
            },
            { WriteRoute.store(request.body, in: database, $0) })
    }

    private func note(_ answer: APIAnswer, _ route: Route?, _ request: APIRequest, since started: UInt64) {
        let elapsed = Double(environment.time.monotonic() &- started) / 1e9
        state.requests.count(handler: route?.name ?? "other", status: answer.status, seconds: elapsed)
        guard answer.status >= 500 else { return }
        logger.warning(
            "request failed",
            metadata: [
                "method": "\(request.method)", "path": "\(request.path.prefix(256))",
                "status": "\(answer.status)",
                "answer": "\(String(decoding: answer.wholeBody.prefix(512), as: UTF8.self))",
            ])
    }

    private func answer(_ request: APIRequest, _ found: (route: Route, label: Substring)?) async -> APIAnswer {
        guard let (route, label) = found else {
            return APIError(.notFound, "no such path: \(request.path.prefix(256))").answer
        }
        let allowed = (route.methods + ["OPTIONS"]).joined(separator: ", ")
        if request.method == "OPTIONS" { return .empty(status: 204, headers: [("allow", allowed)]) }
        guard route.methods.contains(request.method) else {
            var answer = APIError(
                .methodNotAllowed, "\(request.method.prefix(32)) is not allowed here; use \(allowed)"
            ).answer
            answer.headers.append(("allow", allowed))
            return answer
        }
        if route.needsDatabase && !database.isReady { return unready }
        do {
            return try await handle(route, request, label: label)
        } catch {
            return error.answer
        }
    }

    /// The answer while starting (`false`) or stopping (`true`).
    var unready: APIAnswer {
        .text(
            status: 503, "Service Unavailable",
            headers: [("x-prometheus-stopping", state.isStopping ? "true" : "false"), ("retry-after", "5")])
    }

    private func handle(_ route: Route, _ request: APIRequest, label: Substring) async throws(APIError) -> APIAnswer {
        switch route {
        case .query: return try await query(parameters(of: request), on: request.lane)
        case .queryRange: return try await queryRange(parameters(of: request), on: request.lane)
        case .queryExemplars: return try queryExemplars(parameters(of: request))
        case .formatQuery: return try formatQuery(parameters(of: request))
        case .parseQuery: return try parseQuery(parameters(of: request))
        case .labels: return try await labelNames(parameters(of: request))
        case .labelValues: return try await labelValues(label, parameters(of: request))
        case .series: return try await series(parameters(of: request))
        case .metadata: return try await metadata(parameters(of: request))
        case .federate: return try await federate(parameters(of: request), accept: request.headers["accept"] ?? "")
        case .rules: return .success(.object([("groups", .array([]))]))
        case .alerts: return .success(.object([("alerts", .array([]))]))
        case .targets: return targets
        case .alertmanagers:
            return .success(.object([("activeAlertmanagers", .array([])), ("droppedAlertmanagers", .array([]))]))
        case .notifications: return .success(.array([]))
        case .buildInfo: return buildInfo
        case .runtimeInfo: return runtimeInfo
        case .flags: return .success(.object(options.flags.map { ($0.name, .string($0.value)) }))
        case .configuration: return configuration
        case .cardinality: return try await cardinality(parameters(of: request))
        case .activeQueries: return activeQueries
        case .topQueries: return try topQueries(parameters(of: request))
        // Ready means replayed: Prometheus's numbers for 'done'.
        case .logReplay:
            return .success(.object([("min", .integer(0)), ("max", .integer(0)), ("current", .integer(0))]))
        case .features: return .success(.object([]))
        case .scrapePools: return .success(.object([("scrapePools", .array([]))]))
        case .reload, .quit: throw APIError(.forbidden, "Lifecycle API is not enabled.")
        case .write where request.headers[LeftLog.logHeader] != nil:
            return await WriteRoute.bringIn(headers: request.headers, body: request.body, to: database)
        case .write:
            return await withCheckedContinuation { continuation in
                patience.answer({ continuation.resume(returning: $0) }) {
                    WriteRoute.answer(headers: request.headers, body: request.body, to: database, $0)
                }
            }
        case .flush, .compact, .collectGarbage: return try await administer(route)
        case .healthy: return .text("Varve is healthy.\n")
        case .ready: return database.isReady && !state.isStopping ? .text("Varve is ready.\n") : unready
        case .metrics: return await metrics(accept: request.headers["accept"] ?? "")
        case .index: return index
        }
    }

    /// A form body counts before the URL. A body of another type is none of ours.
    func parameters(of request: APIRequest) throws(APIError) -> FormParameters {
        let isForm = ["", "application/x-www-form-urlencoded"].contains(request.mediaType)
        return try FormParameters(
            query: request.query.utf8, body: request.method == "POST" && isForm ? request.body : [])
    }
}
