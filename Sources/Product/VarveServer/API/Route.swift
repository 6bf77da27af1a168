/// The paths that are answered, and the methods each takes.
enum Route: String, Sendable, CaseIterable {
    case query, queryRange, queryExemplars, formatQuery, parseQuery
    case labels, labelValues, series, metadata, federate
    case rules, alerts, targets, alertmanagers, notifications
    case buildInfo, runtimeInfo, flags, configuration, cardinality, activeQueries, topQueries
    case scrapePools, features, logReplay
    case write
    case flush, compact, collectGarbage
    case healthy, ready, metrics, index
    case reload, quit

    /// As `varve_http_requests_total` names it.
    var name: String { rawValue }

    /// The route of a path, and the label that `label/<name>/values` names, still escaped.
    ///
    /// Everything is also found under `/prometheus`, where users of VictoriaMetrics look, and under `prefix`.
    static func find(_ path: String, prefix: String = "") -> (route: Route, label: Substring)? {
        var path = path[...]
        for prefix in [prefix, "/prometheus"] where !prefix.isEmpty && path.utf8.starts(with: prefix.utf8) {
            let rest = path.dropFirst(prefix.count)
            if rest.isEmpty || rest.first == "/" {
                path = rest
                break
            }
        }
        if let api = path.after("/api/v1/") {
            if let rest = api.after("label/"), let slash = rest.lastIndex(of: "/"), rest[slash...] == "/values",
                slash > rest.startIndex
            {
                return (.labelValues, rest[..<slash])
            }
            return apiPaths[String(api)].map { ($0, "") }
        }
        return otherPaths[String(path)].map { ($0, "") }
    }

    private static let apiPaths: [String: Route] = [
        "query": .query, "query_range": .queryRange, "query_exemplars": .queryExemplars,
        "format_query": .formatQuery, "parse_query": .parseQuery, "labels": .labels, "series": .series,
        "metadata": .metadata, "rules": .rules, "alerts": .alerts, "targets": .targets,
        "alertmanagers": .alertmanagers, "notifications": .notifications, "status/buildinfo": .buildInfo,
        "status/runtimeinfo": .runtimeInfo, "status/flags": .flags, "status/config": .configuration,
        "status/tsdb": .cardinality, "status/active_queries": .activeQueries,
        "status/top_queries": .topQueries, "status/walreplay": .logReplay, "scrape_pools": .scrapePools,
        "features": .features, "write": .write, "push": .write,
        "admin/flush": .flush, "admin/compact": .compact,
        "admin/gc": .collectGarbage,
    ]

    private static let otherPaths: [String: Route] = [
        "/-/healthy": .healthy, "/-/ready": .ready, "/metrics": .metrics, "/federate": .federate, "/": .index,
        "": .index, "/-/reload": .reload, "/-/quit": .quit,
    ]

    /// Upper case. Every path takes OPTIONS too.
    var methods: [String] {
        switch self {
        case .query, .queryRange, .queryExemplars, .formatQuery, .parseQuery, .labels, .series:
            ["GET", "HEAD", "POST"]
        case .write: ["POST"]
        case .flush, .compact, .collectGarbage, .reload, .quit: ["POST", "PUT"]
        default: ["GET", "HEAD"]
        }
    }

    /// Reads or changes the database, so it must be ready.
    var needsDatabase: Bool {
        switch self {
        case .healthy, .ready, .metrics, .index, .buildInfo, .runtimeInfo, .flags, .configuration, .activeQueries,
            .topQueries, .logReplay, .features, .scrapePools, .reload, .quit:
            false
        default: true
        }
    }

    /// Only answers questions, so that pages of other origins may be let in.
    var isOpenToPages: Bool {
        switch self {
        case .write, .flush, .compact, .collectGarbage, .reload, .quit: false
        default: true
        }
    }

    /// May take long and is worth stopping when nobody waits for it any more.
    var endsWithItsClient: Bool {
        switch self {
        case .query, .queryRange, .series, .labels, .labelValues, .federate, .cardinality: true
        default: false
        }
    }
}

extension Substring {
    /// What follows `prefix`; nil when the text does not begin with it.
    fileprivate func after(_ prefix: String) -> Substring? {
        utf8.starts(with: prefix.utf8) ? self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...] : nil
    }
}
