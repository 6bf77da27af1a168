import MetricModel
import PromQL

/// A request that is answered with the error envelope.
struct APIError: Error, Equatable, Sendable {
    /// Prometheus's `errorType`, which decides the status.
    enum Kind: String, Sendable, CaseIterable {
        case badData = "bad_data"
        case execution
        case timeout
        case canceled
        case notFound = "not_found"
        case notAcceptable = "not_acceptable"
        case `internal`
        case unavailable
        /// Not Prometheus's: switched off by configuration.
        case forbidden
        /// Not Prometheus's: a body over the bound.
        case tooLarge = "too_large"
        /// Not Prometheus's: a method that the path does not take.
        case methodNotAllowed = "method_not_allowed"

        var status: Int {
            switch self {
            case .badData: 400
            case .execution: 422
            case .timeout: 503
            case .canceled: 499
            case .forbidden: 403
            case .notFound: 404
            case .notAcceptable: 406
            case .internal, .unavailable: 500
            case .tooLarge: 413
            case .methodNotAllowed: 405
            }
        }
    }

    let kind: Kind
    let text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    static func badParameter(_ name: String, _ reason: String) -> APIError {
        APIError(.badData, "invalid parameter \"\(name)\": \(reason)")
    }

    init(_ error: QueryError) {
        switch error {
        case .parse(let error): self = .badParameter("query", error.description)
        case .badParameter(let text): self.init(.badData, text)
        case .execution(let text): self.init(.execution, text)
        case .timeout(let text): self.init(.timeout, text)
        case .canceled: self.init(.canceled, error.description)
        case .storage(let text): self.init(.internal, text)
        }
    }

    /// What the database threw, by its kind.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as QueryError: self.init(error)
        case let error as SelectError:
            switch error {
            case .tooManySamples, .tooManySeries: self.init(.execution, error.description)
            case .storage(let text): self.init(.internal, text)
            }
        case is CancellationError: self.init(.canceled, "the request was canceled")
        default: self.init(.internal, "\(error)")
        }
    }

    var answer: APIAnswer {
        var answer = APIAnswer.json(
            status: kind.status,
            .object([("status", .string("error")), ("errorType", .string(kind.rawValue)), ("error", .string(text))]))
        // Our fault, or too much at once: it is worth asking again.
        if kind.status == 503 { answer.headers.append(("retry-after", "5")) }
        return answer
    }
}
