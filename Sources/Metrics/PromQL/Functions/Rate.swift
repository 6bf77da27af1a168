/// `rate()`, `increase()` and `delta()` in two halves, so that series that were scraped together share the first.
///
/// - `RateGrid` holds what depends on the timestamps alone: window positions, the sampled interval, and how far to
///   extrapolate at either end. Series of one target share their timestamps.
/// - `apply` then costs two loads, a subtraction, a comparison and a product per step.
/// - Operations and their order are those of Prometheus's `extrapolatedRate`; no fused multiply-add.
struct RateGrid {
    private struct Term {
        /// Positions of the first and last sample of the window; `first` −1 when it holds fewer than two.
        var first: Int32
        var last: Int32
        var interval: Double
        /// Seconds to extrapolate, before the zero point of a counter is considered.
        var toStart: Double
        var toEnd: Double
        /// What to multiply the increase by when the zero point does not matter.
        var factor: Double

        static let absent = Term(first: -1, last: -1, interval: 1, toStart: 0, toEnd: 0, factor: 0)

        /// Between its samples.
        var gaps: Double { Double(last &- first) }
    }

    /// Steps whose windows reach samples at all; of the others none has a value.
    private let steps: Range<Int>
    /// Of these steps, in order.
    private let terms: [Term]
    /// Each of them has a value.
    private let isComplete: Bool
    /// Positions of the samples in all windows together, and between them.
    private let positions: Range<Int>
    private let rangeSeconds: Double
    private let isRate: Bool
    /// Samples in all windows together.
    let samples: Int

    /// - Parameter timestamps: ascending; fewer than 2^31.
    init(timestamps: [Int64], grid: StepGrid, argument: RangeArgument, isRate: Bool) {
        let rangeSeconds = Go.seconds(milliseconds: argument.range)
        var samples = 0
        var absent = 0
        let steps = Self.steps(of: grid, argument, reaching: timestamps)
        terms = timestamps.withUnsafeBufferPointer { timestamps in
            [Term](unsafeUninitializedCapacity: steps.count) { terms, filled in
                var cursor = WindowCursor()
                for step in 0..<steps.count {
                    let end = argument.windowEnd(at: grid.time(steps.lowerBound &+ step))
                    let start = end &- argument.range
                    cursor.stride(timestamps, start: start, end: end)
                    let count = cursor.upper &- cursor.lower
                    samples &+= count
                    guard count >= 2 else {
                        absent &+= 1
                        terms.initializeElement(at: step, to: .absent)
                        continue
                    }
                    let first = timestamps[cursor.lower]
                    let last = timestamps[cursor.upper &- 1]
                    terms.initializeElement(
                        at: step,
                        to: Term(
                            first: Int32(truncatingIfNeeded: cursor.lower),
                            last: Int32(truncatingIfNeeded: cursor.upper &- 1),
                            interval: Double(last &- first), toStart: Double(first &- start),
                            toEnd: Double(end &- last), factor: 0))
                }
                filled = steps.count
                Self.extrapolate(terms, perSecondOf: isRate ? rangeSeconds : nil)
            }
        }
        self.steps = steps
        isComplete = absent == 0
        positions = Self.positions(terms)
        self.rangeSeconds = rangeSeconds
        self.isRate = isRate
        self.samples = samples
    }

    /// The steps from the first whose window ends at a sample or later to the last whose window begins before one.
    private static func steps(of grid: StepGrid, _ argument: RangeArgument, reaching timestamps: [Int64]) -> Range<Int>
    {
        guard let first = timestamps.first, let last = timestamps.last else { return 0..<0 }
        guard argument.at == nil else { return 0..<grid.count }
        let low = grid.firstStep(notBefore: first &+ argument.offset)
        let high = grid.firstStep(notBefore: last &+ argument.offset &+ argument.range)
        return low..<max(low, high)
    }

    /// Turns milliseconds into what `apply` takes, for two steps at a time: divisions are most of the work.
    /// - Parameter rangeSeconds: nil: not per second.
    private static func extrapolate(_ terms: UnsafeMutableBufferPointer<Term>, perSecondOf rangeSeconds: Double?) {
        let range = SIMD2(repeating: rangeSeconds ?? 1)
        for at in stride(from: 0, to: terms.count, by: 2) {
            let (a, b) = (at, min(at &+ 1, terms.count &- 1))
            let thousand = SIMD2(repeating: 1_000.0)
            let interval = SIMD2(terms[a].interval, terms[b].interval) / thousand
            var toStart = SIMD2(terms[a].toStart, terms[b].toStart) / thousand
            var toEnd = SIMD2(terms[a].toEnd, terms[b].toEnd) / thousand
            let gaps = SIMD2(terms[a].gaps, terms[b].gaps)
            // Well below the threshold: saves the division.
            if any(pointwiseMax(toStart, toEnd) * gaps .>= interval * 1.0999) {
                let average = interval / gaps
                let threshold = average * 1.1
                toStart.replace(with: average / 2, where: toStart .>= threshold)
                toEnd.replace(with: average / 2, where: toEnd .>= threshold)
            }
            var factor = (interval + toStart + toEnd) / interval
            if rangeSeconds != nil { factor /= range }
            for lane in 0..<(b &- a &+ 1) {
                terms[at &+ lane].interval = interval[lane]
                terms[at &+ lane].toStart = toStart[lane]
                terms[at &+ lane].toEnd = toEnd[lane]
                terms[at &+ lane].factor = factor[lane]
            }
        }
    }

    /// Whether two series were sampled at the same times. Blocks without an early way out: several are compared at once.
    static func areSame(_ timestamps: [Int64], _ others: [Int64]) -> Bool {
        timestamps.withUnsafeBufferPointer { timestamps in
            others.withUnsafeBufferPointer { others in
                guard timestamps.count == others.count else { return false }
                // Whoever read them together may have kept them once.
                if timestamps.baseAddress == others.baseAddress { return true }
                var start = 0
                while start < timestamps.count {
                    let end = min(start &+ 256, timestamps.count)
                    var difference: Int64 = 0
                    for i in start..<end { difference |= timestamps[i] ^ others[i] }
                    if difference != 0 { return false }
                    start = end
                }
                return true
            }
        }
    }

    /// The values of the steps, of those that have one; whether all are there.
    /// - Parameter output: a value for each step of the grid, none yet.
    func apply(
        to values: [Double], isCounter: Bool, into output: inout [Double], _ budget: inout QueryBudget
    ) throws(QueryError) -> Bool {
        let resets = isCounter ? Self.resets(in: values, within: positions) : []
        if isComplete && isCounter && resets.isEmpty {
            applyToRising(values, &output)
            return steps.count == output.count
        }
        var isComplete = true
        try values.withUnsafeBufferPointer { (values) throws(QueryError) in
            try terms.withUnsafeBufferPointer { (terms) throws(QueryError) in
                try output.withUnsafeMutableBufferPointer { (output) throws(QueryError) in
                    let output = UnsafeMutableBufferPointer(rebasing: output[steps])
                    var lowestReset = 0
                    for step in terms.indices {
                        let term = terms[step]
                        guard term.first >= 0 else {
                            isComplete = false
                            continue
                        }
                        let first = values[Int(term.first)]
                        var increase = values[Int(term.last)] - first
                        if !resets.isEmpty {
                            // In time order, one by one: a prefix sum would round differently.
                            while lowestReset < resets.count, resets[lowestReset] <= term.first { lowestReset += 1 }
                            var reset = lowestReset
                            while reset < resets.count, resets[reset] <= term.last {
                                increase += values[Int(resets[reset]) - 1]
                                reset += 1
                            }
                            try budget.spend(reset - lowestReset)
                        }
                        output[step] = increase * factor(term, first, increase, isCounter)
                    }
                }
            }
        }
        return isComplete && steps.count == output.count
    }

    /// What most series are: a counter without resets, with samples in all windows.
    private func applyToRising(_ values: [Double], _ output: inout [Double]) {
        precondition(positions.upperBound <= values.count && steps.upperBound <= output.count)
        values.withUnsafeBufferPointer { values in
            terms.withUnsafeBufferPointer { terms in
                output.withUnsafeMutableBufferPointer { output in
                    let output = UnsafeMutableBufferPointer(rebasing: output[steps])
                    for step in terms.indices {
                        let term = terms[step]
                        let first = values[Int(term.first)]
                        let increase = values[Int(term.last)] - first
                        output[step] = increase * factor(term, first, increase, true)
                    }
                }
            }
        }
    }

    /// A counter cannot have been negative: it is not extrapolated to before the time at which it was 0.
    @inline(__always)
    private func factor(_ term: Term, _ first: Double, _ increase: Double, _ isCounter: Bool) -> Double {
        guard isCounter, increase > 0, first >= 0 else { return term.factor }
        // Well beyond: saves the division. Whatever overflows or is NaN takes the exact way.
        if first * term.interval > term.toStart * increase * 1.000001 { return term.factor }
        let toZero = term.interval * (first / increase)
        guard toZero < term.toStart else { return term.factor }
        let factor = (term.interval + toZero + term.toEnd) / term.interval
        return isRate ? factor / rangeSeconds : factor
    }

    private static func positions(_ terms: [Term]) -> Range<Int> {
        guard let first = terms.first(where: { $0.first >= 0 }), let last = terms.last(where: { $0.first >= 0 }) else {
            return 0..<0
        }
        return Int(first.first)..<Int(last.last) + 1
    }

    /// Positions at which a value is below the one before, which lies within `positions` too.
    private static func resets(in values: [Double], within range: Range<Int>) -> [Int32] {
        var positions: [Int32] = []
        values.withUnsafeBufferPointer { values in
            precondition(range.upperBound <= values.count)
            guard range.count > 1 else { return }
            // Counted without branches first: most series have none.
            var falls = 0
            for i in range.lowerBound + 1..<range.upperBound { falls &+= values[i] < values[i &- 1] ? 1 : 0 }
            guard falls > 0 else { return }
            for i in range.lowerBound + 1..<range.upperBound where values[i] < values[i &- 1] {
                positions.append(Int32(truncatingIfNeeded: i))
            }
        }
        return positions
    }
}

/// Two positions that move forward over ascending timestamps: the window (start, end] is `lower..<upper`.
struct WindowCursor {
    private(set) var lower = 0
    private(set) var upper = 0
    private var lowerStride = 0
    private var upperStride = 0

    /// - Precondition: neither bound falls from call to call.
    @inline(__always)
    mutating func move(_ timestamps: UnsafeBufferPointer<Int64>, start: Int64, end: Int64) {
        while upper < timestamps.count, timestamps[upper] <= end { upper &+= 1 }
        while lower < upper, timestamps[lower] <= start { lower &+= 1 }
    }

    /// As `move`, for steps that mostly go on by as many samples as the step before.
    @inline(__always)
    mutating func stride(_ timestamps: UnsafeBufferPointer<Int64>, start: Int64, end: Int64) {
        let (oldLower, oldUpper) = (lower, upper)
        upper = min(upper &+ upperStride, timestamps.count)
        while upper < timestamps.count, timestamps[upper] <= end { upper &+= 1 }
        while upper > oldUpper, timestamps[upper &- 1] > end { upper &-= 1 }
        lower = min(lower &+ lowerStride, upper)
        while lower < upper, timestamps[lower] <= start { lower &+= 1 }
        while lower > oldLower, timestamps[lower &- 1] > start { lower &-= 1 }
        (lowerStride, upperStride) = (lower &- oldLower, upper &- oldUpper)
    }
}
