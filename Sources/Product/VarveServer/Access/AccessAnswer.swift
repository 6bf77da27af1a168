/// What those hear who are not let in. Nothing of what they sent comes back.
enum AccessAnswer {
    /// nil for `.allowed`.
    static func refusal(_ verdict: AccessControl.Verdict, for route: Route?) -> APIAnswer? {
        switch verdict {
        case .allowed: return nil
        case .unknown:
            var answer = error(401, "unauthorized", "credentials are needed: basic authentication or a bearer token")
            answer.headers.append(("www-authenticate", "Basic realm=\"varve\", Bearer realm=\"varve\""))
            return answer
        case .forbidden:
            let scope = (route?.scope ?? .read).rawValue
            return error(403, "forbidden", "these credentials lack the scope \(scope)")
        case .busy:
            var answer = error(503, "unavailable", "too many passwords are being checked; try again later")
            answer.headers.append(("retry-after", "1"))
            return answer
        }
    }

    private static func error(_ status: Int, _ kind: String, _ text: String) -> APIAnswer {
        .json(
            status: status,
            .object([("status", .string("error")), ("errorType", .string(kind)), ("error", .string(text))]))
    }
}
