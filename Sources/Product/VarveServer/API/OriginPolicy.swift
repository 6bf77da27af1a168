import MetricModel

/// Which web pages may read answers (CORS). Answers to questions only: nothing that changes data is ever opened.
struct OriginPolicy: Sendable {
    /// nil: no origin.
    private let pattern: LabelMatcher?
    private let isOpen: Bool

    /// - Parameter pattern: RE2 for the whole `Origin`; empty, or one that does not compile: no origin.
    init(_ pattern: String) {
        isOpen = pattern == ".*"
        self.pattern = pattern.isEmpty ? nil : try? LabelMatcher("origin", .matches, pattern)
    }

    static func isValid(_ pattern: String) -> Bool { (try? LabelMatcher("origin", .matches, pattern)) != nil }

    /// - Parameter origin: the request's header; nil when it is no page that asks.
    func headers(for origin: String?) -> [(name: String, value: String)] {
        guard let origin, let pattern, pattern.matches(origin) else { return [] }
        return [
            ("access-control-allow-origin", isOpen ? "*" : origin),
            ("access-control-allow-methods", "GET, POST, OPTIONS"),
            ("access-control-allow-headers", "Accept, Authorization, Content-Type, Origin"),
            ("access-control-expose-headers", "Date"),
        ] + (isOpen ? [] : [("vary", "origin")])
    }
}
