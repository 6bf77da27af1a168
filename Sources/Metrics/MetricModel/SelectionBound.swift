/// How much a selection can be, told without reading samples.
public struct SelectionBound: Sendable, Equatable {
    /// No more series than this match.
    public var series: Int
    /// What choosing them costs, in series compared with one value; one whose values a pattern may have to look at counts
    /// `patternCost` times.
    public var looks: Int

    public static let patternCost = 32

    public init(series: Int, looks: Int) {
        self.series = series
        self.looks = looks
    }

    /// - Parameters:
    ///   - candidates: series that the matchers are asked about.
    ///   - series: that can match; nil: all of them.
    public init(candidates: Int, series: Int? = nil, matchers: [LabelMatcher]) {
        let patterns = matchers.count { matcher in
            let isPattern = matcher.operation == .matches || matcher.operation == .notMatches
            return isPattern && matcher.literalAlternatives == nil
        }
        let (looks, isOver) = candidates.multipliedReportingOverflow(by: 1 + patterns * Self.patternCost)
        self.init(series: series ?? candidates, looks: isOver ? .max : looks)
    }

    /// Of both together; a sum that is too large stops at the largest number.
    public static func + (a: Self, b: Self) -> Self {
        func sum(_ a: Int, _ b: Int) -> Int {
            let (sum, isOver) = a.addingReportingOverflow(b)
            return isOver ? .max : sum
        }
        return Self(series: sum(a.series, b.series), looks: sum(a.looks, b.looks))
    }
}
