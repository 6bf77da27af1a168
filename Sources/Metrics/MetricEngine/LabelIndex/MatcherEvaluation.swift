import MetricModel

/// Which series satisfy all matchers: each matcher is asked once per distinct value, then codes decide.
extension LabelIndexView {
    /// Ordinals of `alive` that satisfy every matcher, in order of metric and ordinal where metrics are named, else of
    /// ordinal. An absent label counts as the empty string.
    func select(_ matchers: [LabelMatcher], among alive: OrdinalSet) -> [UInt32] {
        var ofMetric: [LabelMatcher] = []
        var tests: [ValueTest] = []
        for matcher in matchers {
            if matcher.name.hasSameBytes(as: Labels.metricNameLabel) {
                ofMetric.append(matcher)
                continue
            }
            guard let test = ValueTest(matcher, self) else {
                // No series carries the label.
                if matcher.matchesEmpty { continue }
                return []
            }
            tests.append(test)
        }
        var chosen = ChosenSeries(view: self, tests: tests)
        guard !ofMetric.isEmpty else {
            chosen.take(alive.words, below: count)
            return chosen.found
        }
        for metric in metricCodes(ofMetric) {
            let series = seriesOfMetric[Int(metric)]
            chosen.take(series.slice(0..<series.count), among: alive)
        }
        return chosen.found
    }

    private func metricCodes(_ matchers: [LabelMatcher]) -> [UInt32] {
        // Names that can be looked up are: then only the others' tests are left.
        for matcher in matchers {
            guard let literals = matcher.onlyPossibleValues else { continue }
            let codes = Set(literals.compactMap { metrics.code(of: $0) }).sorted()
            return codes.filter { code in
                let name = metrics.string(code)
                return matchers.allSatisfy { $0.matches(name) }
            }
        }
        return (0..<UInt32(metrics.count)).filter { code in
            let name = metrics.string(code)
            return matchers.allSatisfy { $0.matches(name) }
        }
    }
}

extension LabelMatcher {
    /// The only values that can match, when they can be listed.
    var onlyPossibleValues: [String]? {
        switch operation {
        case .equal: [value]
        case .matches: literalAlternatives
        case .notEqual, .notMatches: nil
        }
    }
}

/// The series that pass, as they come. A type of its own: a closure that gathers them costs more than the tests.
private struct ChosenSeries {
    let view: LabelIndexView
    var tests: [ValueTest]
    private(set) var found: [UInt32] = []

    init(view: LabelIndexView, tests: [ValueTest]) {
        self.view = view
        self.tests = tests
    }

    /// - Parameter words: of an `OrdinalSet`.
    mutating func take(_ words: [UInt64], below count: Int) {
        if tests.isEmpty { found.reserveCapacity(words.reduce(0) { $0 + $1.nonzeroBitCount }) }
        for (i, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                let ordinal = UInt32(truncatingIfNeeded: i << 6 + rest.trailingZeroBitCount)
                rest &= rest - 1
                if Int(ordinal) < count, passes(ordinal) { found.append(ordinal) }
            }
        }
    }

    mutating func take(_ ordinals: UnsafeBufferPointer<UInt32>, among alive: OrdinalSet) {
        if tests.isEmpty, found.isEmpty { found.reserveCapacity(ordinals.count) }
        for ordinal in ordinals where alive.contains(ordinal) && passes(ordinal) { found.append(ordinal) }
    }

    @inline(__always)
    private mutating func passes(_ ordinal: UInt32) -> Bool {
        for i in tests.indices where !tests[i].holds(ordinal, view) { return false }
        return true
    }
}

/// One matcher over one label's dictionary.
///
/// - `verdicts[code]`: 0 not asked yet, 1 yes, 2 no. Only values that occur among the candidates are asked.
private struct ValueTest {
    private let matcher: LabelMatcher
    private let name: UInt32
    private let matchesAbsent: Bool
    /// For `=`: the one code that matches; nil: no value does.
    private let wanted: UInt32?
    private let isEquality: Bool
    private var verdicts: [UInt8]
    /// Candidates of one metric share their shape nearly always.
    private var shape: UInt32 = .max
    private var position: Int?

    /// nil when no series carries the label.
    init?(_ matcher: LabelMatcher, _ view: LabelIndexView) {
        guard let name = view.names.code(of: matcher.name) else { return nil }
        self.matcher = matcher
        self.name = name
        matchesAbsent = matcher.matchesEmpty
        isEquality = matcher.operation == .equal
        wanted = isEquality ? view.values[Int(name)].code(of: matcher.value) : nil
        verdicts = isEquality ? [] : Array(repeating: 0, count: view.values[Int(name)].count)
        if let literals = matcher.literalAlternatives, matcher.operation == .matches {
            // Only these can match: no other value needs to be asked.
            verdicts = Array(repeating: 2, count: verdicts.count)
            for literal in literals {
                if let code = view.values[Int(name)].code(of: literal) { verdicts[Int(code)] = 1 }
            }
        }
    }

    @inline(__always)
    mutating func holds(_ ordinal: UInt32, _ view: LabelIndexView) -> Bool {
        let itsShape = view.shapeOf[Int(ordinal)]
        if itsShape != shape {
            shape = itsShape
            position = view.position(of: name, inShape: itsShape)
        }
        guard let position else { return matchesAbsent }
        let code = view.codes[view.firstCode(of: ordinal) + position]
        if isEquality { return code == wanted }
        switch verdicts[Int(code)] {
        case 1: return true
        case 2: return false
        default:
            let verdict = matcher.matches(view.values[Int(name)].string(code))
            verdicts[Int(code)] = verdict ? 1 : 2
            return verdict
        }
    }
}
