/// Which requests `WriteHandler` hands to the API by itself: questions that are asked plainly.
///
/// - A GET without a body about whose answer the fields say nothing: no compression, no page of another origin, no
///   expectation. All the rest goes through the framework, whose machinery costs more than most small answers.
struct QuestionSelection {
    private let prefix: String

    init(_ options: ServerOptions) { prefix = options.routePrefix }

    /// nil: for the framework.
    /// - Parameter bytes: those that `head` was read from.
    func question(of head: PlainHead, in bytes: UnsafeRawBufferPointer) -> (route: Route, request: APIRequest)? {
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        guard PlainHead.has(bytes, head.method, "GET"), head.contentLength == nil, !head.hasDemands else { return nil }
        if let accepted = head.acceptEncoding, !PlainHead.has(bytes, accepted, "identity"),
            ContentCoding.taken(by: text(accepted)) != nil
        {
            return nil
        }
        let request = APIRequest(method: "GET", target: text(head.target))
        guard let route = Route.find(request.path, prefix: prefix)?.route else { return nil }
        switch route {
        case .query, .queryRange, .labels, .labelValues, .series: return (route, request)
        default: return nil
        }
    }
}
