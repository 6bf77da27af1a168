import MetricModel
import Platform
import PromQL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What Varve says about itself, in the shapes that Prometheus's clients read.
extension PrometheusAPI {
    /// `version` is read as Prometheus's. There must be no `features`: Grafana would take us for Mimir.
    var buildInfo: APIAnswer {
        .success(
            .object([
                ("version", .string(VarveVersion.prometheusLevel)), ("revision", .string("")),
                ("branch", .string("")), ("buildUser", .string("")), ("buildDate", .string("")),
                ("goVersion", .string("")), ("application", .string("Varve")),
                ("varveVersion", .string(VarveVersion.current)),
            ]))
    }

    var runtimeInfo: APIAnswer {
        let started = TimeText.rfc3339(state.startTime)
        return .success(
            .object([
                ("startTime", .string(started)),
                ("serverTime", .string(TimeText.rfc3339(environment.time.now()))),
                ("CWD", .string(Self.workingDirectory)),
                ("reloadConfigSuccess", .bool(state.reloads.isLastGood)),
                ("lastConfigTime", .string(TimeText.rfc3339(state.reloads.lastTime))),
                ("corruptionCount", .integer(0)),
                ("goroutineCount", .integer(0)),
                ("GOMAXPROCS", .integer(Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN))))),
                ("GOMEMLIMIT", .integer(Int64(state.memory.limit))), ("GOGC", .string("")), ("GODEBUG", .string("")),
                ("storageRetention", .string(options.retentionText)),
            ]))
    }

    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    /// The settings in force, as `status/flags` has them.
    var configuration: APIAnswer {
        var yaml = ""
        for (name, value) in options.flags {
            var text = JSONText()
            text.append(string: value)
            yaml += "\(name): \(String(decoding: text.bytes, as: UTF8.self))\n"
        }
        return .success(.object([("yaml", .string(yaml))]))
    }

    /// Varve scrapes nothing: others send to it.
    var targets: APIAnswer {
        .success(
            .object([
                ("activeTargets", .array([])), ("droppedTargets", .array([])), ("droppedTargetCounts", .object([])),
            ]))
    }

    var index: APIAnswer {
        .text(
            """
            Varve \(VarveVersion.current): a time-series database that speaks Prometheus.

            Ask            /api/v1/query?query=up
            Send           /api/v1/write       (Prometheus remote write)
            Grafana        add a Prometheus data source with this address
            Its own state  /metrics, /-/healthy, /-/ready

            """)
    }

    func metrics(accept: String) async -> APIAnswer {
        let process = try? await environment.blocking.run { ProcessStatistics.read() }
        let format = ExpositionText.Format(accept: accept)
        let start = Double(state.startTime) / 1_000
        var numbers = [
            DatabaseStatistic(
                name: "varve_build_info", help: "Version of this server; always 1.", kind: .gauge,
                labels: .init([("version", VarveVersion.current)]), value: 1),
            DatabaseStatistic(
                name: "varve_ready", help: "1 when the database answers, 0 while it starts or stops.", kind: .gauge,
                value: database.isReady && !state.isStopping ? 1 : 0),
            DatabaseStatistic(
                name: "process_start_time_seconds", help: "Start time of the process in seconds since the epoch.",
                kind: .gauge, value: start),
        ]
        for lane in QueryLanes.withSlots {
            numbers.append(
                DatabaseStatistic(
                    name: "varve_queries_running", help: "Queries being evaluated, by lane.", kind: .gauge,
                    labels: .init([("lane", lane.rawValue)]), value: Double(lanes.gate(lane).inUse)))
        }
        for lane in QueryLanes.withSlots {
            numbers.append(
                DatabaseStatistic(
                    name: "varve_queries_waiting", help: "Queries waiting for one of the slots of their lane.",
                    kind: .gauge, labels: .init([("lane", lane.rawValue)]), value: Double(lanes.gate(lane).waiting)))
        }
        numbers += state.refusedQueries.statistics
        numbers += state.requests.statistics + state.connections.statistics + state.reloads.statistics
        numbers.append(
            DatabaseStatistic(
                name: "varve_http_body_bytes",
                help: "Memory of the request bodies that are being received or answered.",
                kind: .gauge, value: Double(state.bodies.inUse)))
        numbers.append(
            DatabaseStatistic(
                name: "varve_http_body_limit_bytes",
                help: "What request bodies may hold together: beyond it requests get 503.", kind: .gauge,
                value: Double(options.bodyMemory)))
        numbers.append(
            DatabaseStatistic(
                name: "varve_http_connections_limit", help: "Connections taken at once; others wait in the kernel.",
                kind: .gauge,
                value: Double(
                    DescriptorLimit.connections(
                        wanted: options.maximumConnections, descriptors: DescriptorLimit.current))))
        numbers.append(
            DatabaseStatistic(
                name: "varve_http_answer_bytes", help: "Memory of the long answers that are being sent.", kind: .gauge,
                value: Double(answers.inUse)))
        numbers.append(
            DatabaseStatistic(
                name: "varve_http_answer_limit_bytes",
                help: "What long answers may hold together: others wait before they begin.", kind: .gauge,
                value: Double(answers.limit)))
        numbers.append(
            DatabaseStatistic(
                name: "varve_http_answers_waiting", help: "Long answers that wait for room.", kind: .gauge,
                value: Double(answers.waiting)))
        numbers += patience.statistics
        numbers.append(
            DatabaseStatistic(
                name: "varve_memory_limit_bytes", help: "What the process may hold; above it no new query begins.",
                kind: .gauge, value: Double(state.memory.limit)))
        numbers += process?.statistics ?? []
        numbers += database.statistics
        return APIAnswer(
            status: 200, headers: [("content-type", format.contentType)],
            body: .whole(ExpositionText.write(numbers, as: format)))
    }

    /// Answers when the work is done.
    func administer(_ route: Route) async throws(APIError) -> APIAnswer {
        guard options.isAdminAPIEnabled else {
            throw APIError(
                .forbidden, "admin APIs are disabled; start the server with --enable-admin-api to allow them")
        }
        return try await asking { () async throws in
            switch route {
            case .flush: try await database.flush()
            case .compact: try await database.compact()
            default: try await database.collectGarbage()
            }
            return .empty(status: 204)
        }
    }
}
