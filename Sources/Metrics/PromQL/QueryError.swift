/// Why a query has no answer, by what the caller would do.
public enum QueryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The text or a parameter is wrong; `position` is a byte of the query. HTTP 400.
    case parse(ParseError)
    case badParameter(String)
    /// The query is well-formed but cannot be answered: matching, a bound. HTTP 422.
    case execution(String)
    /// HTTP 503.
    case timeout(String)
    /// The client left. HTTP 499.
    case canceled
    /// Storage failed: HTTP 500.
    case storage(String)

    public var description: String {
        switch self {
        case .parse(let error): error.description
        case .badParameter(let text), .execution(let text), .timeout(let text), .storage(let text): text
        case .canceled: "query was canceled"
        }
    }
}

/// Where a query's text stops making sense, worded as Prometheus does: `1:5: parse error: unexpected …`.
public struct ParseError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Line and column from 1, column in bytes.
    public let line: Int
    public let column: Int
    public let reason: String
    public init(line: Int, column: Int, reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }
    public var description: String { "\(line):\(column): parse error: \(reason)" }
}
