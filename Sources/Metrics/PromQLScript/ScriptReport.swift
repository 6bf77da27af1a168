import MetricModel

/// What came of a script's evaluations: every one passed, failed or was skipped.
public struct ScriptReport: Sendable, CustomStringConvertible {
    public struct Failure: Sendable, CustomStringConvertible {
        public let script: String
        public let line: Int
        public let query: String
        /// How the query was asked: as written, or in which other form.
        public let mode: String
        public let expected: String
        public let got: String
        public var description: String {
            "\(script):\(line): \(query) [\(mode)]\n    expected \(expected)\n    got      \(got)"
        }
    }
    public struct Skip: Sendable {
        public let script: String
        public let line: Int
        public let query: String
        public let reason: String
    }

    public internal(set) var passed = 0
    public internal(set) var failures: [Failure] = []
    public internal(set) var skips: [Skip] = []

    public init() {}

    public var failed: Int { failures.count }
    public var skipped: Int { skips.count }

    public static func + (a: Self, b: Self) -> Self {
        var sum = a
        sum.passed += b.passed
        sum.failures += b.failures
        sum.skips += b.skips
        return sum
    }

    public var description: String {
        let counts = "\(passed) passed, \(failed) failed, \(skipped) skipped"
        return failures.isEmpty ? counts : failures.map(\.description).joined(separator: "\n") + "\n" + counts
    }
}

extension Labels {
    /// `name{a="b"}`.
    var scriptText: String {
        let rest = withoutMetricName.labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ")
        return "\(metricName ?? "")" + "{" + rest + "}"
    }
}
