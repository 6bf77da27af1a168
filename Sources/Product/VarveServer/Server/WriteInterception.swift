import HTTPTypes

/// Which requests `WriteHandler` takes: those that nothing is to be said about before the database has seen the body.
///
/// - One look at each field: with small bodies this is a good part of the work.
struct WriteInterception {
    private let prefix: String
    private let usualPath: String
    private let maximumBody: Int

    init(_ options: ServerOptions) {
        prefix = options.routePrefix
        usualPath = prefix + "/api/v1/write"
        maximumBody = min(options.maximumBody, WriteRoute.maximumBody)
    }

    /// The declared bytes of the body; nil for what the framework's way shall answer.
    func declaredLength(of head: HTTPRequest) -> Int? {
        guard head.method == .post, let path = head.path, path == usualPath || isWrite(path) else { return nil }
        var declared: Int?
        var type = ""
        for field in head.headerFields {
            switch field.name.canonicalName {
            case "content-length":
                guard declared == nil, let length = Int(field.value) else { return nil }
                declared = length
            case "content-type":
                guard type.isEmpty else { return nil }
                type = field.value
            case "content-encoding":
                guard field.value == "snappy" else { return nil }
            case "connection":
                guard field.value == "keep-alive" else { return nil }
            case "transfer-encoding", "expect", "upgrade", "origin", LeftLog.logHeader: return nil
            default: break
            }
        }
        guard let declared, (1...maximumBody).contains(declared),
            type == "application/x-protobuf" || WriteRoute.refusal(of: ["content-type": type]) == nil
        else { return nil }
        return declared
    }

    private func isWrite(_ path: String) -> Bool {
        Route.find(String(path.prefix { $0 != "?" }), prefix: prefix)?.route == .write
    }
}
