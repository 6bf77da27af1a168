import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Platform

/// Carries requests from Hummingbird to the API and answers back.
struct APIResponder: HTTPResponder {
    struct Context: InitializableFromSource, Sendable {
        let channel: any Channel
        init(source: ApplicationRequestContextSource) { channel = source.channel }
    }

    let api: PrometheusAPI
    let reader: RequestReader

    func respond(to request: Request, context: Context) async throws -> Response {
        var message = APIRequest(
            method: request.method.rawValue, target: request.head.path ?? "/", headers: Self.headers(of: request))
        let route = Route.find(message.path, prefix: api.options.routePrefix)?.route
        let isWrite = route == .write && message.method == "POST"
        if message.method != "OPTIONS" {
            let verdict = await api.state.access.control.verdict(message.headers["authorization"], for: route)
            if let refusal = AccessAnswer.refusal(verdict, for: route) {
                api.state.connections.refused(verdict)
                return turnAway(refusal, context.channel, route)
            }
        }
        // From here on nobody needs it, and nobody shall show it.
        message.headers["authorization"] = nil
        if isWrite, let refusal = WriteRoute.refusal(of: message.headers) {
            return turnAway(refusal, context.channel, route)
        }
        // Holds the body's memory until the answer is made.
        let body: RequestReader.Body
        do {
            body = try await reader.read(request, from: context.channel)
        } catch {
            switch error {
            case .tooLarge(let size):
                let text = "the request body is over the limit of \(reader.limit) bytes (web.max-body)"
                return turnAway(
                    isWrite ? WriteRoute.tooLarge(size) : APIError(.tooLarge, text).answer, context.channel, route)
            case .noMemory:
                let text = "too many request bodies are in memory; send this one again later"
                return turnAway(WriteRoute.retryLater(text, after: 5), context.channel, route)
            case .cut:
                return turnAway(APIError(.badData, "the request body ended too early").answer, context.channel, route)
            }
        }
        message.body = body.bytes
        let answer =
            route?.endsWithItsClient == true
            ? await answerWhileWanted(message, route, context.channel) : await api.answer(message)
        let accepted = message.headers["accept-encoding"] ?? ""
        return withExtendedLifetime(body) {
            response(answer, isHead: message.method == "HEAD", accepted: accepted)
        }
    }

    /// Cancels the work when the client goes. What may take long shares no thread with writes and health checks, which must
    /// never wait behind an evaluation.
    private func answerWhileWanted(
        _ message: APIRequest, _ route: Route?, _ channel: any Channel
    ) async -> APIAnswer {
        guard let watch = api.state.watches.watch(of: channel) else { return await api.answer(message) }
        var message = message
        var lane = route.map { api.lane(of: $0, message) } ?? .labels
        // This is nobody's event loop.
        if lane == .here { lane = .quick }
        message.lane = lane
        let work = Task(executorPreference: api.lanes.executor(lane)) { [message] in await api.answer(message) }
        let registration = watch.whenGone { work.cancel() }
        defer { watch.forget(registration) }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
    }

    /// Answers without reading the rest of the body: the client sees the answer, then the end of the connection.
    private func turnAway(_ answer: APIAnswer, _ channel: any Channel, _ route: Route?) -> Response {
        api.state.requests.count(handler: route?.name ?? "other", status: answer.status, seconds: 0)
        channel.close(mode: .input, promise: nil)
        var response = response(answer, isHead: false)
        response.headers[.connection] = "close"
        return response
    }

    private static func headers(of request: Request) -> [String: String] {
        var headers: [String: String] = [:]
        for field in request.headers {
            let name = field.name.canonicalName
            headers[name] = headers[name].map { "\($0), \(field.value)" } ?? field.value
        }
        return headers
    }

    static func fields(_ headers: [(name: String, value: String)]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return fields
    }

    /// - Parameter accepted: the request's `Accept-Encoding`.
    private func response(_ answer: APIAnswer, isHead: Bool, accepted: String = "") -> Response {
        var headers = Self.fields(answer.headers)
        let status = HTTPResponse.Status(code: answer.status)
        if ContentCoding.isWorthwhile(answer.body) {
            headers.append(HTTPField(name: .vary, value: "accept-encoding"))
            if let coding = ContentCoding.taken(by: accepted) {
                headers[.contentEncoding] = coding.rawValue
                return Response(status: status, headers: headers, body: compressed(answer.body, coding))
            }
        }
        switch answer.body {
        case .whole(let bytes):
            if bytes.isEmpty && (isHead || answer.status == 204) {
                // Neither has a body, and 204 must not have a length (RFC 9110, 8.6).
                var response = Response(status: status, headers: headers)
                if answer.status == 204 { response.headers[.contentLength] = nil }
                return response
            }
            return Response(
                status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        case .pieces(let pieces):
            let pieces = LanePieces(pieces, api.lanes.executor(.wide))
            return Response(
                status: status, headers: headers,
                body: ResponseBody { writer in
                    try await pieces.handOver { try await writer.write(ByteBuffer(bytes: $0)) }
                    try await writer.finish(nil)
                })
        }
    }

    /// Compressed while it is sent: the whole text is never there, compressed or not.
    private func compressed(_ body: APIAnswer.Body, _ coding: ContentCoding) -> ResponseBody {
        switch body {
        case .whole(let bytes):
            return ResponseBody { writer in
                let stream = try GzipStream(coding)
                let first = try stream.compress(bytes)
                try await writer.write(ByteBuffer(bytes: first + (try stream.finish())))
                try await writer.finish(nil)
            }
        case .pieces(let pieces):
            let pieces = LanePieces(pieces, api.lanes.executor(.wide))
            return ResponseBody { writer in
                let stream = try GzipStream(coding)
                try await pieces.handOver({ try stream.compress($0) }) { short in
                    if !short.isEmpty { try await writer.write(ByteBuffer(bytes: short)) }
                }
                try await writer.write(ByteBuffer(bytes: try stream.finish()))
                try await writer.finish(nil)
            }
        }
    }
}
