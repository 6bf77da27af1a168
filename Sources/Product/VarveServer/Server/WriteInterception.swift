import HTTPTypes

/// Which requests `WriteHandler` takes: those that nothing is to be said about before the database has seen the body.
enum WriteInterception {
    /// The declared bytes of the body; nil for what the framework's way shall answer.
    static func declaredLength(of head: HTTPRequest, options: ServerOptions) -> Int? {
        guard head.method == .post, let path = head.path, let length = head.headerFields[.contentLength],
            let declared = Int(length), (1...min(options.maximumBody, WriteRoute.maximumBody)).contains(declared),
            head.headerFields[.transferEncoding] == nil, head.headerFields[.expect] == nil,
            head.headerFields[.connection] == nil || head.headerFields[.connection] == "keep-alive",
            Route.find(String(path.prefix { $0 != "?" }), prefix: options.routePrefix)?.route == .write,
            WriteRoute.refusal(of: headers(of: head)) == nil
        else { return nil }
        return declared
    }

    /// Those that the write route looks at, names in lower case.
    static func headers(of head: HTTPRequest) -> [String: String] {
        var headers: [String: String] = [:]
        for name in [HTTPField.Name.contentEncoding, .contentType, .origin] {
            if let value = head.headerFields[name] { headers[name.canonicalName] = value }
        }
        return headers
    }
}
